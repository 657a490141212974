// Looking into the two logs of a database: the job log for people, the log of records.

import { holdLogs, type ViewedRecord, viewLog } from '@pamina/backup';
import {
  decodeBody,
  decodeLockBody,
  forEachOperation,
  isLockKind,
  type LockBodies,
  type LockBody,
  type LockKind,
  RecordKind,
  systemPrefix,
  userPrefix,
} from '@pamina/format';
import { JobLog, type JobEvent as WrittenEvent } from '@pamina/engine';
import type { Disk } from '@pamina/env';
import {
  type JobEvent,
  jobLogLinesMax,
  type LogLine,
  type LogOptions,
  type LogOperation,
  logOperationsShownMax,
} from '@pamina/wire';
import { join } from 'node:path';
import type { HostCore } from './host-core.js';
import { ownPlace, placeAt } from './host-places.js';

const linesDefault = 100;
/** Events that a slow follower has not taken yet; beyond it the oldest are left out. */
const waitingMax = 10_000;

export interface JobLogOptions {
  readonly lines?: number | undefined;
  readonly follow?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Of an offline database the file is read, and followed, without opening the database. */
export async function* jobLog(
  core: HostCore,
  name: string,
  options: JobLogOptions = {},
): AsyncIterable<JobEvent> {
  const lines = Math.min(options.lines ?? linesDefault, jobLogLinesMax);
  await core.control(name);
  const online = core.online.get(name);
  const file =
    online?.database.jobLog ?? new JobLog(core.env.disk, core.env.clock, core.folder(name));
  const news = new JobNews(file, online === undefined ? core.env.disk : null);
  if (options.follow === true) await news.start(core.folder(name));
  try {
    const events = await file.tail(lines);
    for (const event of events) yield eventOf(event);
    if (options.follow !== true) return;
    news.seen(lines > 0 ? events.at(-1) : (await file.tail(1)).at(-1));
    const ends = [options.signal, online?.signal].filter((signal) => signal !== undefined);
    for await (const event of news.until(AbortSignal.any(ends))) yield eventOf(event);
  } finally {
    await news.stop();
  }
}

export function eventOf({ event, fields, level, message, time }: WrittenEvent): JobEvent {
  return { time: Date.parse(time), level, event, message, fields };
}

/** Events as they are written: told by the log of this process, or found in a file that changed. */
class JobNews {
  readonly #log: JobLog;
  readonly #disk: Disk | null;
  #events: WrittenEvent[] = [];
  #last = '';
  #hasChanged = false;
  #wake: () => void = () => undefined;
  #stop: () => Promise<void> = () => Promise.resolve();

  /** With a disk the file is watched. */
  constructor(log: JobLog, disk: Disk | null) {
    this.#log = log;
    this.#disk = disk;
  }

  async start(folder: string): Promise<void> {
    if (this.#disk === null) {
      const unsubscribe = this.#log.subscribe((event) => this.#add(event));
      this.#stop = () => Promise.resolve(unsubscribe());
      return;
    }
    this.#stop = await this.#disk.watch(join(folder, 'job.log'), () => {
      this.#hasChanged = true;
      this.#wake();
    });
  }

  stop(): Promise<void> {
    return this.#stop();
  }

  /** The last event that was shown: what came in while the file was read is not shown twice. */
  seen(event: WrittenEvent | undefined): void {
    if (event === undefined) return;
    this.#last = JSON.stringify(event);
    const at = this.#events.findLastIndex((one) => JSON.stringify(one) === this.#last);
    this.#events = this.#events.slice(at + 1);
  }

  async *until(signal: AbortSignal): AsyncIterable<WrittenEvent> {
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        if (this.#hasChanged) await this.#readNew();
        const event = this.#events.shift();
        if (event !== undefined) yield event;
        else if (!this.#hasChanged) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  async #readNew(): Promise<void> {
    this.#hasChanged = false;
    const events = await this.#log.tail(waitingMax);
    const at = events.findLastIndex((one) => JSON.stringify(one) === this.#last);
    for (const event of events.slice(at + 1)) this.#add(event);
    const last = events.at(-1);
    if (last !== undefined) this.#last = JSON.stringify(last);
  }

  #add(event: WrittenEvent): void {
    this.#events.push(event);
    if (this.#events.length > waitingMax) this.#events.shift();
    this.#wake();
  }
}

export async function* log(
  core: HostCore,
  name: string,
  options: LogOptions = {},
): AsyncIterable<LogLine> {
  const { around, grep, source } = options;
  if (around !== undefined || grep !== undefined || source !== undefined) {
    yield* viewedLog(core, name, options);
    return;
  }
  const held = await core.hold(name, 'read');
  try {
    const { log: records } = held.database;
    let left = options.limit ?? Infinity;
    if (left === 0) return;
    for await (const record of records.records(options.from ?? records.firstSeq)) {
      core.endOf(held).throwIfAborted();
      const { body, header, offset, segment } = record;
      const { session, timeline } = segment.place;
      yield lineOf({ body, header, offset, segment: segment.name, session, timeline });
      left -= 1;
      if (left === 0) return;
    }
  } finally {
    await held.release();
  }
}

const aroundDefault = 20;

async function* viewedLog(
  core: HostCore,
  name: string,
  { around, from, grep, limit, source }: LogOptions,
): AsyncIterable<LogLine> {
  if (source === undefined) await core.control(name);
  const place =
    source === undefined ? await ownPlace(core, name) : await placeAt(core, source, { name });
  const release = holdLogs(place, 0);
  try {
    const view = await viewLog(place, core.signal);
    const pick = (record: ViewedRecord): LogLine | null => pickLine(record, grep);
    if (around !== undefined) {
      const after = Math.floor((limit ?? aroundDefault) / 2);
      yield* view.around(around, { before: (limit ?? aroundDefault) - after, after }, pick);
      return;
    }
    let left = limit ?? Infinity;
    if (left === 0) return;
    for await (const record of view.records(from ?? 0)) {
      const line = pick(record);
      if (line === null) continue;
      yield line;
      left -= 1;
      if (left === 0) return;
    }
  } finally {
    release();
  }
}

/** What is shown of a record that is looked for is what was found in it. */
function pickLine(record: ViewedRecord, grep: string | undefined): LogLine | null {
  if (grep === undefined) return lineOf(record);
  if (record.header.kind !== RecordKind.commit) return null;
  const isWanted = (key: string): boolean => key.includes(grep);
  const { count, operations } = operationsOf(record.body, isWanted);
  if (operations.length === 0) return null;
  return { ...lineOf(record), operationCount: count, operations };
}

const kindNames = new Map<number, string>(
  Object.entries(RecordKind).map(([name, kind]) => [kind, name]),
);

function lineOf({ body, header, offset, segment, session, timeline }: ViewedRecord): LogLine {
  const isCommit = header.kind === RecordKind.commit;
  const { count, operations } = isCommit ? operationsOf(body) : { count: null, operations: [] };
  return {
    position: `${timeline}/${header.seq}`,
    seq: header.seq,
    kind: kindNames.get(header.kind) ?? `kind ${header.kind}`,
    time: header.time,
    bytes: header.length,
    session,
    segment,
    offset,
    operationCount: count,
    operations,
    body: isCommit ? null : bodyOf(header.kind, body),
  };
}

function operationsOf(
  body: Uint8Array,
  isWanted: (key: string) => boolean = () => true,
): { count: number; operations: LogOperation[] } {
  const operations: LogOperation[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let count = 0;
  const add = (type: 'put' | 'del', key: Uint8Array, valueBytes: number | null): void => {
    count += 1;
    if (operations.length >= logOperationsShownMax) return;
    const text = keyText(key.subarray(1));
    if (isWanted(text)) operations.push({ type, space: spaceOf(key), key: text, valueBytes });
  };
  forEachOperation(body, view, 0, body.length, {
    put: (keyStart, keyEnd, valueStart, valueEnd) =>
      add('put', body.subarray(keyStart, keyEnd), valueEnd - valueStart),
    delete: (keyStart, keyEnd) => add('del', body.subarray(keyStart, keyEnd), null),
  });
  return { count, operations };
}

function spaceOf(key: Uint8Array): LogOperation['space'] {
  if (key[0] === userPrefix) return 'user';
  return key[0] === systemPrefix ? 'system' : 'local';
}

function keyText(key: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(key);
  } catch {
    // Not text, which is no fault of a key: shown in hex.
    return `0x${Buffer.from(key).toString('hex')}`;
  }
}

function bodyOf(kind: number, body: Uint8Array): unknown {
  if (isLockKind(kind)) return lockBodyOf(decodeLockBody(kind, body));
  const isKnown = kindNames.has(kind);
  return isKnown ? decodeBody(kind as Parameters<typeof decodeBody>[0], body) : null;
}

/** Names as text, and of many some. */
function lockBodyOf(body: LockBodies[LockKind]): unknown {
  if ('held' in body)
    return { ...body, held: body.held.slice(0, logOperationsShownMax).map(shownLock) };
  return shownLock(body);
}

function shownLock({ collections, documents, ...rest }: Partial<LockBody>): unknown {
  const shown = (names: readonly Uint8Array[]): string[] =>
    names.slice(0, logOperationsShownMax).map(keyText);
  return {
    ...rest,
    ...(collections && { collections: shown(collections) }),
    ...(documents && { documents: shown(documents), documentCount: documents.length }),
  };
}
