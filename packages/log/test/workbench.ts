// What the tests of the log share: a log in a temporary folder, commits with known bodies, and a
// pump that carries bytes from a log's cursor into another log's receiver.
import { afterEach, expect } from 'vitest';
import { nodeEnv, type Clock, type Disk } from '@pamina/env';
import { RecordKind, recordHeaderBytes, segmentBytesMin } from '@pamina/format';
import { join } from 'node:path';
import type { Appender } from '../src/appender.js';
import type { LogCursor } from '../src/cursor.js';
import type { Group, SessionHeader } from '../src/group.js';
import { Log, type AppendHooks, type LogOptions } from '../src/log.js';
import type { LogEvent } from '../src/log-recovery.js';
import type { ReceivedChunk, Receiver } from '../src/receiver.js';
import type { ChainPoint } from '../src/record-batch.js';

export const realDisk: Disk = nodeEnv().disk;
const realClock: Clock = nodeEnv().clock;

const pattern = '00112233445566778899aabbccddeeff';
export const firstTimeline = { timeline: 1, timelineId: '0123456789abcdef' };
export const base: ChainPoint = { seq: 0, chain: 0x1234_5678, time: 1000 };

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Runs after the test, the latest first. */
export function cleanUp(task: () => Promise<void>): void {
  cleanups.push(task);
}

export async function temporaryFolder(): Promise<string> {
  const folder = await realDisk.temporaryFolder('pamina-log-');
  cleanUp(() => realDisk.removeTree(folder));
  return folder;
}

export function sessionHeader(change: Partial<SessionHeader> = {}): SessionHeader {
  return { pattern, ...firstTimeline, session: 1, lockData: false, ...change };
}

export interface OpenedLog {
  readonly log: Log;
  readonly events: LogEvent[];
}

export async function openLog(
  folder: string,
  change: Partial<LogOptions> = {},
): Promise<OpenedLog> {
  const events: LogEvent[] = [];
  const log = await Log.open({
    disk: realDisk,
    clock: realClock,
    folder: join(folder, 'log'),
    segmentBytes: segmentBytesMin,
    backlogBytesMax: 64 * 1024 * 1024,
    base,
    from: base,
    ownTimelineId: firstTimeline.timelineId,
    watch: [],
    onEvent: (event) => events.push(event),
    ...change,
  });
  return { log, events };
}

/** Completes and releases each group as soon as it is durable, as an engine with an instant store does. */
export interface Writing {
  readonly log: Log;
  readonly appender: Appender;
  readonly failures: Error[];
}

export async function startWriting(
  log: Log,
  session: SessionHeader = sessionHeader(),
  hooks: Partial<AppendHooks> = {},
): Promise<Writing> {
  const failures: Error[] = [];
  let appender: Appender | null = null;
  appender = await log.startAppending(session, {
    onDurable: (group) => {
      group.complete();
      appender!.release(group);
    },
    onFailed: (error) => failures.push(error),
    onSegmentClosed: () => undefined,
    ...hooks,
  });
  return { log, appender, failures };
}

/** Resolves when the condition holds; asked after each sync and each closed segment. */
function until(log: Log, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const stop = log.onDurable(check);
    function check(): void {
      if (!condition()) return;
      stop();
      resolve();
    }
    check();
  });
}

/** Closes the open segment and waits until it is. */
export async function switchSegment({ log, appender }: Writing): Promise<void> {
  appender.switchSegment();
  await until(log, () => log.segments().at(-1)!.closed);
}

/** Encodes one commit with this body; returns its group and number at once. */
export function append(appender: Appender, body: Uint8Array): { group: Group; seq: number } {
  const reserved = appender.reserve(body.length);
  reserved.bytes.set(body, reserved.end + recordHeaderBytes);
  const group = appender.seal(RecordKind.commit, body.length);
  return { group, seq: appender.encoded.seq };
}

/** Appends one commit and waits until it is durable; returns its number. */
export async function commit(appender: Appender, body: Uint8Array): Promise<number> {
  const { group, seq } = append(appender, body);
  await group.done;
  return seq;
}

/** A body that can be told from every other: `bytes` long, its content a function of `seed`. */
export function body(seed: number, bytes = 100): Uint8Array {
  const content = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) content[i] = (seed * 31 + i * 7 + (i >> 8)) & 0xff;
  return content;
}

export function flip(bytes: Uint8Array, at: number, mask: number): void {
  bytes.set([(bytes.at(at) ?? 0) ^ mask], at);
}

export async function bodies(log: Log, fromSeq = log.firstSeq): Promise<Map<number, Uint8Array>> {
  const found = new Map<number, Uint8Array>();
  for await (const record of log.records(fromSeq)) {
    found.set(record.header.seq, record.body.slice());
  }
  return found;
}

/** Content of all segment files below a log folder, by name. */
export async function filesOf(folder: string, log: Log): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const segment of log.segments()) {
    files.set(segment.name, await realDisk.readFile(join(folder, 'log', segment.name)));
  }
  return files;
}

/** Both logs consist of the same bytes. (A matcher would walk millions of them as keys of an object.) */
export function expectSameFiles(
  actual: ReadonlyMap<string, Uint8Array>,
  expected: ReadonlyMap<string, Uint8Array>,
): void {
  expect([...actual.keys()]).toEqual([...expected.keys()]);
  for (const [name, bytes] of expected) {
    expect(Buffer.compare(actual.get(name)!, bytes), `${name} differs`).toBe(0);
  }
}

export function startReceiver(log: Log, receivedPattern: string | null = pattern): Receiver {
  return log.startReceiving({
    pattern: () => receivedPattern,
    mayFollow: () => undefined,
    onSegmentClosed: () => undefined,
  });
}

/** Carries chunks until the cursor has no more; cuts each into pieces if asked to. */
export async function pump(
  cursor: LogCursor,
  receiver: Receiver,
  bytesMax = 1024 * 1024,
  pieces: (chunk: ReceivedChunk) => ReceivedChunk[] = (chunk) => [chunk],
): Promise<number> {
  let count = 0;
  for (;;) {
    const chunk = await cursor.next(bytesMax);
    if (chunk === null) return count;
    for (const piece of pieces(chunk)) await receiver.receive(piece);
    count++;
  }
}

/** A small generator with a seed, so that a failure can be run again. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
