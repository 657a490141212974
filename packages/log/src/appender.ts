// The one way into the log of a database that writes: commits are encoded as they come, and groups
// are written and synced one at a time while the next one fills (group commit, DESIGN §6).
import {
  PaminaError,
  recordHeaderBytes,
  sealRecord,
  segmentHeaderBytes,
  toPaminaError,
  type RecordKind,
  type SegmentHeader,
} from '@pamina/format';
import type { Clock, Disk } from '@pamina/env';
import { BufferPool, Group, type SessionHeader } from './group.js';
import type { ChainPoint } from './record-batch.js';
import { nameOf, segmentOf, type Segment } from './segment-list.js';
import { SegmentWriter } from './segment-writer.js';

export interface AppenderOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly backlogBytesMax: number;
  readonly session: SessionHeader;
  readonly point: ChainPoint;
  /** A group is on disk. The log tells its readers; the engine applies it and completes it. */
  readonly onDurable: (group: Group, segment: Segment, writer: SegmentWriter) => void;
  readonly onSegment: (segment: Segment) => void;
  readonly onSegmentClosed: (segment: Segment) => void;
  /** The log can no longer say what is on the disk (P7). */
  readonly onFailed: (error: PaminaError) => void;
}

/** A group that has grown to this size is followed by another; it bounds one write. */
const groupBytesMax = 4 * 1024 * 1024;

export class Appender {
  readonly #options: AppenderOptions;
  readonly #pool = new BufferPool();
  #session: SessionHeader;
  /** The last record that is durable. */
  #durable: ChainPoint;
  /** The last record that is encoded. */
  #encoded: ChainPoint;
  #writer: SegmentWriter | null = null;
  #plannedOffset = Infinity;
  #switchRequested = false;
  #filling: Group | null = null;
  readonly #waiting: Group[] = [];
  #running: Promise<void> | null = null;
  #backlogBytes = 0;
  #failure: PaminaError | null = null;
  #closing = false;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#session = options.session;
    this.#durable = options.point;
    this.#encoded = options.point;
  }

  /** Bytes that are encoded and not yet both durable and applied. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  get encoded(): ChainPoint {
    return this.#encoded;
  }

  get session(): SessionHeader {
    return this.#session;
  }

  /**
   * Makes room for a record of `bodyBytes` and returns the group into which the caller writes the body
   * at `group.end + recordHeaderBytes`; then seal(). Nothing may run between the two calls.
   */
  reserve(bodyBytes: number): Group {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closing) throw new PaminaError('DATABASE_OFFLINE', 'the log is being closed');
    const recordBytes = recordHeaderBytes + bodyBytes;
    if (this.#backlogBytes + recordBytes > this.#options.backlogBytesMax) {
      const what = `${this.#backlogBytes} bytes of commits wait for the disk`;
      throw new PaminaError('BACKLOG_FULL', what, { context: { bytes: this.#backlogBytes } });
    }
    const isFull = this.#plannedOffset + recordBytes > this.#options.segmentBytes;
    const opensSegment =
      this.#switchRequested ||
      this.#plannedOffset === Infinity ||
      (isFull && this.#plannedOffset > segmentHeaderBytes);
    this.#prepareGroup(opensSegment);
    const group = this.#filling!;
    group.ensure(recordBytes);
    return group;
  }

  /** Gives the record its number, time and checksum. Returns the group whose `done` is the acknowledgement. */
  seal(kind: RecordKind, bodyBytes: number): Group {
    const group = this.#filling!;
    const recordBytes = recordHeaderBytes + bodyBytes;
    if (group.end === 0) this.#enqueue(group);
    const seq = this.#encoded.seq + 1;
    const time = Math.max(this.#options.clock.now(), this.#encoded.time);
    const syncedTo = this.#syncedTo();
    const chain = sealRecord(
      group.bytes,
      group.view,
      group.end,
      bodyBytes,
      kind,
      seq,
      time,
      syncedTo,
      this.#encoded.chain,
    );
    group.end += recordBytes;
    group.point = { seq, chain, time };
    this.#encoded = group.point;
    this.#plannedOffset += recordBytes;
    this.#backlogBytes += recordBytes;
    this.#schedule();
    return group;
  }

  /** The next record starts a new segment; the one before is closed as soon as its groups are on disk. */
  switchSegment(session: SessionHeader = this.#session): void {
    this.#session = session;
    this.#switchRequested = true;
    this.#schedule();
  }

  /** The engine calls this when it no longer reads the group's bytes. */
  release(group: Group): void {
    this.#backlogBytes -= group.end;
    this.#pool.give(group.bytes);
  }

  /** Waits for all groups, closes the segment. No record is taken from here on. */
  async close(): Promise<void> {
    this.#closing = true;
    while (this.#running !== null) await this.#running;
    const writer = this.#writer;
    this.#writer = null;
    if (writer === null) return;
    if (this.#failure !== null) await writer.abandon();
    else await this.#closeSegment(writer);
  }

  /** The bytes known to be on disk are those of the open segment: a group for the next one cannot name them. */
  #syncedTo(): number {
    if (this.#writer === null) return 0;
    return this.#waiting.some((group) => group.opensSegment) ? 0 : this.#writer.offset;
  }

  #prepareGroup(opensSegment: boolean): void {
    const filling = this.#filling;
    const fits = filling !== null && filling.end < groupBytesMax;
    const isFresh = filling !== null && filling.end === 0 && filling.opensSegment;
    if (opensSegment ? isFresh : fits) return;
    if (filling !== null && filling.end === 0) this.#pool.give(filling.bytes);
    this.#filling = new Group(
      this.#pool.take(),
      this.#encoded,
      opensSegment ? this.#session : null,
    );
  }

  #enqueue(group: Group): void {
    this.#waiting.push(group);
    if (!group.opensSegment) return;
    this.#plannedOffset = segmentHeaderBytes;
    this.#switchRequested = false;
  }

  #schedule(): void {
    if (this.#running !== null) return;
    this.#running = new Promise<void>((resolve) => {
      // Everybody who commits in this turn of the event loop joins the first group; nobody waits for a timer.
      this.#options.clock.soon(() => {
        void this.#run().then(() => {
          this.#running = null;
          resolve();
          if (this.#waiting.length > 0) this.#schedule();
        });
      });
    });
  }

  /** Never rejects: every error ends in the groups that it concerns. */
  async #run(): Promise<void> {
    while (this.#failure === null) {
      const group = this.#waiting[0];
      if (group === undefined) break;
      if (this.#filling === group) this.#filling = null;
      try {
        const writer = await this.#writerFor(group);
        await writer.append(group.bytes.subarray(0, group.end));
        this.#waiting.shift();
        this.#durable = group.point;
        this.#options.onDurable(group, writer.segment, writer);
      } catch (error) {
        await this.#rejectAll(toPaminaError(error));
        return;
      }
    }
    if (this.#failure === null && this.#waiting.length === 0) await this.#closeSwitched();
  }

  /** A requested switch closes the segment at once, also when nobody commits after it. */
  async #closeSwitched(): Promise<void> {
    if (!this.#switchRequested || this.#writer === null) return;
    try {
      const writer = this.#writer;
      this.#writer = null;
      await this.#closeSegment(writer);
    } catch (error) {
      this.#failAll(toPaminaError(error));
    }
  }

  async #writerFor(group: Group): Promise<SegmentWriter> {
    const open = this.#writer;
    if (group.session === null && open !== null) return open;
    this.#writer = null;
    if (open !== null) await this.#closeSegment(open);
    const header: SegmentHeader = {
      ...(group.session ?? this.#session),
      firstSeq: group.firstSeq,
      chainBefore: this.#durable.chain,
      startTime: Math.max(this.#options.clock.now(), this.#durable.time),
    };
    const segment = segmentOf(this.#options.folder, nameOf(header));
    segment.header = header;
    const { disk, segmentBytes } = this.#options;
    this.#writer = await SegmentWriter.create(disk, segment, header, segmentBytes);
    this.#options.onSegment(segment);
    return this.#writer;
  }

  async #closeSegment(writer: SegmentWriter): Promise<void> {
    await writer.close(this.#durable);
    this.#options.onSegmentClosed(writer.segment);
  }

  /**
   * A write failed. Its bytes are erased and the erasure is synced before anybody hears a rejection;
   * where that cannot be had the outcome is unknown and the database has failed (P7).
   */
  async #rejectAll(error: PaminaError): Promise<void> {
    const fatal = isWriteOnFullDisk(error) ? await this.#erased() : error;
    if (fatal !== null) {
      this.#failAll(fatal);
      return;
    }
    const groups = this.#takeWaiting();
    this.#encoded = this.#durable;
    this.#plannedOffset = this.#writer === null ? Infinity : this.#writer.offset;
    for (const group of groups) this.#reject(group, error);
  }

  #takeWaiting(): Group[] {
    this.#filling = null;
    return this.#waiting.splice(0);
  }

  /** The group at the head may have reached the disk; those behind it were never written. */
  #failAll(cause: PaminaError): void {
    const message = `the log could not be written: ${cause.message}`;
    const failure = new PaminaError('DATABASE_FAILED', message, { cause });
    this.#failure = failure;
    const [first, ...rest] = this.#takeWaiting();
    const unknown = 'the log could not be synced: the commit may or may not be there';
    if (first !== undefined) {
      this.#reject(first, new PaminaError('COMMIT_UNKNOWN', unknown, { cause }));
    }
    for (const group of rest) this.#reject(group, failure);
    this.#options.onFailed(failure);
  }

  /** Takes back what a failed write left on the disk; an error here makes the failed write fatal. */
  async #erased(): Promise<PaminaError | null> {
    const writer = this.#writer;
    if (writer === null) return null;
    try {
      if (writer.offset > segmentHeaderBytes) {
        await writer.erase();
      } else {
        this.#writer = null;
        await writer.discard();
        this.#options.onSegmentClosed(writer.segment);
      }
      return null;
    } catch (error) {
      return toPaminaError(error);
    }
  }

  #reject(group: Group, error: PaminaError): void {
    this.#backlogBytes -= group.end;
    group.fail(error);
  }
}

/** A failed sync is never mended by erasing: the page cache no longer says what is on the disk. */
function isWriteOnFullDisk(error: PaminaError): boolean {
  const operation = error.context['operation'];
  return error.code === 'DISK_FULL' && operation !== 'datasync' && operation !== 'sync';
}
