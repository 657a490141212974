// A session: from open to close of a database that writes. It owns the log space, writes the session
// record that begins it, and hands what is durable to the applier.
import {
  PaminaError,
  RecordKind,
  bytesToHex,
  commitBodyHeaderBytes,
  currentTimeline,
  encodeBody,
  recordHeaderBytes,
  type AuditBody,
  type MarkBody,
} from '@pamina/format';
import type { Appender, Group, OpeningRecord, SessionHeader } from '@pamina/log';
import { Acknowledgement } from './acknowledgement.js';
import type { Env } from '@pamina/env';
import type { ControlFile } from './control-file.js';
import type { CommitOptions } from './database-options.js';
import type { DatabaseParts } from './database-parts.js';
import type { Requirement } from './durability.js';
import { measure, measureAll, writeOperation } from './operation.js';
import type { Datum, KeySpace, Operation } from './operation.js';
import type { JobLog } from './job-log.js';
import { unconfirmed, type SynchronousCommits } from './synchronous-commits.js';
import { permittedIn, settingsIn } from './system-data.js';
import type { Encoded } from './transaction/transaction.js';
import { version } from './version.js';

/** More than the body of any mark has: id, tag and their names. */
const markBodyBytesMax = 1024;

export interface SessionOptions {
  readonly env: Env;
  readonly control: ControlFile;
  readonly jobLog: JobLog;
  readonly parts: DatabaseParts;
  readonly synchronous: SynchronousCommits;
  readonly onFailed: (error: PaminaError) => void;
  readonly onSegmentClosed: () => void;
  /** What a segment with lock data begins with. */
  readonly lockDataOpening: () => readonly OpeningRecord[];
}

export class SessionWriter {
  readonly number: number;
  readonly #appender: Appender;
  readonly #acknowledgement: Acknowledgement;
  readonly #options: SessionOptions;

  private constructor(
    number: number,
    options: SessionOptions,
    appender: Appender,
    acknowledgement: Acknowledgement,
  ) {
    this.number = number;
    this.#options = options;
    this.#appender = appender;
    this.#acknowledgement = acknowledgement;
  }

  /** Resolves when the session record is on disk. */
  static async start(options: SessionOptions): Promise<SessionWriter> {
    const { env, control, jobLog, parts } = options;
    // The pattern is in control.json before any segment bears it.
    const pattern = control.current.pattern ?? bytesToHex(env.random.bytes(16));
    if (control.current.pattern === null) await control.update({ pattern });
    const { name, instance, timelines } = control.current;
    const current = currentTimeline(timelines);
    const session = Math.max(control.current.session, parts.store.lastSession) + 1;
    const permitted = await permittedIn(parts.reader);
    const lockData = permitted.some((replica) => replica.simultaneousQuery);
    const header: SessionHeader = {
      pattern,
      timeline: current.timeline,
      timelineId: current.id,
      session,
      lockData,
    };
    const acknowledgement = new Acknowledgement(parts, env.clock, () => appender);
    const appender = await parts.log.startAppending(header, {
      onDurable: (group) => acknowledgement.durable(group),
      mayTakeBack: () => acknowledgement.mayTakeBack,
      onFailed: (error) => options.onFailed(acknowledgement.failed(error)),
      onSegmentClosed: options.onSegmentClosed,
      opening: options.lockDataOpening,
    });
    const { saidUntil } = control.current;
    if (saidUntil !== undefined) appender.notBefore(saidUntil + 1);
    const writer = new SessionWriter(session, options, appender, acknowledgement);
    options.synchronous.begin({
      timelineId: current.id,
      settings: settingsIn(parts.reader),
      permitted: permitted.map((replica) => replica.name),
      durableSeq: () => parts.log.durable.seq,
    });
    const body = { session, pattern, timelines, instance, name, lockData, version };
    const group = writer.#appendBody(RecordKind.session, encodeBody(RecordKind.session, body));
    await group.done;
    const query = lockData
      ? 'At least one replication database allows simultaneous query'
      : 'No replication databases allow simultaneous query';
    jobLog.write('info', 'session-started', `Session ${session} started. ${query}`, {
      session,
      seq: group.point.seq,
      lockData,
    });
    return writer;
  }

  get lockData(): boolean {
    return this.#appender.session.lockData;
  }

  /** Whether segments say that they carry lock data; a change switches the log. */
  setLockData(lockData: boolean): void {
    if (lockData === this.lockData) return;
    this.#appender.switchSegment({ ...this.#appender.session, lockData });
    // So that replicas know at once what is held, and not with the next commit only.
    if (lockData) this.#appendBody(RecordKind.heartbeat, encodeBody(RecordKind.heartbeat, {}));
  }

  /** One put, or with a null value one delete: the shortest way for the commonest commit. */
  write(key: Datum, value: Datum | null, space: KeySpace = 'user'): Group {
    const bodyBytes = commitBodyHeaderBytes + measure(key, value);
    const group = this.#appender.reserve(bodyBytes);
    const start = group.end + recordHeaderBytes;
    group.view.setUint32(start, 1, true);
    const at = start + commitBodyHeaderBytes;
    writeOperation(group.bytes, group.view, at, space, key, value);
    return this.#appender.seal(RecordKind.commit, bodyBytes);
  }

  /** All operations in one record, on its way from now on. COMMIT_TOO_LARGE, DURABILITY_UNAVAILABLE. */
  encode(operations: readonly Operation[], options: CommitOptions): Encoded {
    const { durability, signal, space = 'user' } = options;
    const level = this.#options.synchronous.levelOf(durability, space);
    signal?.throwIfAborted();
    const group = this.#commit(operations, space);
    const { seq } = group.point;
    const { timelines } = this.#options.control.current;
    const local = level === 'memory' ? level : 'disk';
    return {
      position: { timeline: currentTimeline(timelines).timeline, seq },
      acknowledged: this.acknowledged(group, level, signal),
      visible: () => this.acknowledged(group, local, undefined),
    };
  }

  #commit(operations: readonly Operation[], space: KeySpace): Group {
    const bodyBytes = measureAll(operations);
    const group = this.#appender.reserve(bodyBytes);
    const { bytes, view } = group;
    let at = group.end + recordHeaderBytes;
    view.setUint32(at, operations.length, true);
    at += commitBodyHeaderBytes;
    for (const operation of operations) {
      const value = operation.type === 'put' ? operation.value : null;
      at = writeOperation(bytes, view, at, space, operation.key, value);
    }
    return this.#appender.seal(RecordKind.commit, bodyBytes);
  }

  /**
   * The acknowledgement of the commit that was encoded last. When the signal ends the wait: COMMIT_UNKNOWN, or
   * REPLICAS_UNCONFIRMED if it was on this disk by then.
   */
  acknowledged(
    group: Group,
    level: 'disk' | 'memory' | Requirement,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (level === 'memory' && this.#acknowledgement.early()) return Promise.resolve();
    const { parts, synchronous } = this.#options;
    const isLocal = typeof level === 'string';
    const done = isLocal ? group.done : synchronous.acknowledged(group, level);
    if (signal === undefined) return done;
    const { seq } = group.point;
    return untilAborted(done, signal, () =>
      isLocal || parts.log.durable.seq < seq
        ? aborted(signal)
        : unconfirmed('the wait was aborted', seq, signal.reason),
    );
  }

  /** When all that is encoded is visible, or has failed. */
  async settled(): Promise<void> {
    const last = this.#appender.unsynced.at(-1);
    await last?.done.catch(() => {
      // Whoever committed hears of it.
    });
  }

  /** No commit comes any more: none is held back that is on disk. */
  release(): void {
    this.#acknowledgement.release();
  }

  /** On its way from now on; no commit waits for it. Resolves when it is on disk. */
  appendLockData({ kind, body }: OpeningRecord): Promise<void> {
    return this.#appendBody(kind, body).done;
  }

  /** A mark is the last record of its segment. */
  appendMark(bodyAt: (seq: number) => MarkBody): Group {
    // If it begins a segment, that may begin with lock data: only then its number is known.
    this.#appender.reserve(markBodyBytesMax);
    const body = bodyAt(this.#appender.encoded.seq + 1);
    const group = this.#appendBody(RecordKind.mark, encodeBody(RecordKind.mark, body));
    this.#appender.switchSegment();
    return group;
  }

  /** Resolves to its seq when it is on disk. */
  async audit(body: AuditBody): Promise<number> {
    const group = this.#appendBody(RecordKind.audit, encodeBody(RecordKind.audit, body));
    const { seq } = group.point;
    await group.done;
    return seq;
  }

  #appendBody(kind: RecordKind, body: Uint8Array): Group {
    const group = this.#appender.reserve(body.length);
    group.bytes.set(body, group.end + recordHeaderBytes);
    return this.#appender.seal(kind, body.length);
  }
}

/** A commit cannot be taken back once it is encoded: only the wait for it ends. */
function untilAborted(
  done: Promise<void>,
  signal: AbortSignal,
  why: () => PaminaError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(why());
    signal.addEventListener('abort', abort, { once: true });
    const end = (): void => signal.removeEventListener('abort', abort);
    done.finally(end).then(resolve, reject);
  });
}

function aborted(signal: AbortSignal): PaminaError {
  const message = 'the wait for the commit was aborted; it is being written all the same';
  return new PaminaError('COMMIT_UNKNOWN', message, { cause: signal.reason });
}
