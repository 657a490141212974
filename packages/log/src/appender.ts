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
import { BufferPool, Group, recordOverheadBytes, type SessionHeader } from './group.js';
import type { ChainPoint } from './record-batch.js';
import { nameOf, segmentOf, type Segment } from './segment-list.js';
import { SegmentOpening, type OpeningRecords } from './segment-opening.js';
import { SegmentPreparer } from './segment-preparer.js';
import { SegmentWriter, isWriteOnFullDisk } from './segment-writer.js';

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
  /** False while records that are not on disk were acknowledged: then a full disk is a failure like any other. */
  readonly mayTakeBack: () => boolean;
  /** What a segment with lock data begins with. */
  readonly opening?: OpeningRecords | undefined;
  /** The log can no longer say what is on the disk (P7). */
  readonly onFailed: (error: PaminaError) => void;
}

/** A group that has grown to this size is followed by another; it bounds one write. */
const groupBytesMax = 4 * 1024 * 1024;
/** When more groups than this wait for the store, each is cut to the memory that it needs. */
const roomyGroupsMax = 8;

export class Appender {
  readonly #options: AppenderOptions;
  readonly #pool = new BufferPool();
  readonly #preparer: SegmentPreparer;
  readonly #opening: SegmentOpening;
  #timeMin = 0;
  #session: SessionHeader;
  /** The last record that is durable. */
  #durable: ChainPoint;
  /** The last record that is encoded. */
  #encoded: ChainPoint;
  #writer: SegmentWriter | null = null;
  #plannedOffset = Infinity;
  /** The next record begins a new segment. */
  #switchRequested = false;
  /** The open segment is to be closed as soon as what waits is on disk. */
  #closeDue = false;
  #filling: Group | null = null;
  readonly #waiting: Group[] = [];
  #running: Promise<void> | null = null;
  #backlogBytes = 0;
  /** Groups that are durable and not yet released. */
  #unreleased = 0;
  #failure: PaminaError | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.#preparer = new SegmentPreparer(options.disk, options.folder, options.segmentBytes);
    this.#opening = new SegmentOpening(options.opening);
    this.#session = options.session;
    this.#durable = options.point;
    this.#encoded = options.point;
  }

  /** Memory of what is encoded and not yet both durable and applied. */
  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** Groups that are encoded and not yet on disk, oldest first; the last one may still grow. */
  get unsynced(): readonly Group[] {
    return this.#waiting;
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
    if (this.#closing !== null)
      throw new PaminaError('DATABASE_OFFLINE', 'the log is being closed');
    const recordBytes = recordHeaderBytes + bodyBytes;
    if (this.#backlogBytes + recordBytes > this.#options.backlogBytesMax) {
      const what = `${this.#backlogBytes} bytes of commits wait for the disk`;
      throw new PaminaError('BACKLOG_FULL', what, { context: { bytes: this.#backlogBytes } });
    }
    const offset = this.#plannedOffset - this.#opening.bytes;
    const isFull = offset + recordBytes > this.#options.segmentBytes;
    const opensSegment =
      this.#switchRequested ||
      this.#plannedOffset === Infinity ||
      (isFull && offset > segmentHeaderBytes);
    this.#prepareGroup(opensSegment);
    if (opensSegment && this.#session.lockData) this.#writeOpening();
    const group = this.#filling!;
    group.ensure(recordBytes);
    return group;
  }

  /** The group for the next record opens a segment. */
  #writeOpening(): void {
    let bytes = 0;
    for (const { kind, body } of this.#opening.take()) {
      const group = this.#filling!;
      group.ensure(recordHeaderBytes + body.length);
      group.bytes.set(body, group.end + recordHeaderBytes);
      this.seal(kind, body.length);
      bytes += recordHeaderBytes + body.length;
      this.#prepareGroup(false);
    }
    if (bytes > 0) this.#opening.bytes = bytes;
  }

  /** No record gets an earlier commit time from now on, wherever the clock goes. */
  notBefore(time: number): void {
    this.#timeMin = Math.max(this.#timeMin, time);
  }

  /** Gives the record its number, time and checksum. Returns the group whose `done` is the acknowledgement. */
  seal(kind: RecordKind, bodyBytes: number): Group {
    const group = this.#filling!;
    const recordBytes = recordHeaderBytes + bodyBytes;
    const seq = this.#encoded.seq + 1;
    const time = Math.max(this.#options.clock.now(), this.#encoded.time, this.#timeMin);
    const syncedTo = this.#syncedTo(group);
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
    // Only now: a record that could not be sealed leaves no trace.
    if (group.end === 0) this.#enqueue(group);
    group.end += recordBytes;
    group.point = { seq, chain, time };
    this.#encoded = group.point;
    this.#opening.sealed(kind, seq);
    this.#plannedOffset += recordBytes;
    this.#backlogBytes += recordBytes + recordOverheadBytes;
    this.#schedule();
    return group;
  }

  /** The next record starts a new segment; the one before is closed as soon as its groups are on disk. */
  switchSegment(session: SessionHeader = this.#session): void {
    this.#session = session;
    this.#switchRequested = true;
    this.#closeDue = true;
    this.#schedule();
  }

  /** The engine calls this when it no longer reads the group's bytes. */
  release(group: Group): void {
    this.#backlogBytes -= group.cost;
    this.#unreleased--;
    group.recycle(this.#pool);
  }

  /**
   * Waits for all groups, closes the segment. No record is taken from here on. On a full disk the
   * segment stays open, as after a crash, and the next open closes it.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    while (this.#running !== null) await this.#running;
    await this.#preparer.close();
    const writer = this.#writer;
    if (writer === null) return;
    try {
      if (this.#failure === null) await this.#closeSegment(writer);
    } catch (error) {
      if (!isWriteOnFullDisk(toPaminaError(error))) throw error;
      await writer.erase();
    } finally {
      this.#writer = null;
      await writer.abandon();
    }
  }

  /** The bytes known to be on disk are those of the open segment: a group for the next one cannot name them. */
  #syncedTo(group: Group): number {
    if (this.#writer === null || group.opensSegment) return 0;
    return this.#waiting.some((one) => one.opensSegment) ? 0 : this.#writer.offset;
  }

  /** Sees to it that `#filling` is the group for the next record. A group that nothing was sealed into is replaced. */
  #prepareGroup(opensSegment: boolean): void {
    const filling = this.#filling;
    if (filling !== null) {
      const isEmpty = filling.end === 0;
      if (!isEmpty && !opensSegment && filling.end < groupBytesMax) return;
      if (isEmpty) this.#pool.give(filling.bytes);
    }
    const session = opensSegment ? this.#session : null;
    this.#filling = new Group(this.#pool.take(), this.#encoded, session);
  }

  #enqueue(group: Group): void {
    this.#waiting.push(group);
    this.#backlogBytes += group.cost;
    if (!group.opensSegment) return;
    this.#plannedOffset = segmentHeaderBytes;
    this.#opening.bytes = 0;
    this.#switchRequested = false;
  }

  #schedule(): void {
    if (this.#running !== null || this.#failure !== null) return;
    this.#running = new Promise<void>((resolve) => {
      // Everybody who commits in this turn of the event loop joins the first group; nobody waits for a timer.
      this.#options.clock.soon(() => {
        void this.#run().then(() => {
          this.#running = null;
          resolve();
          // What came while the last step of #run settled.
          const mayClose = this.#closeDue && this.#writer !== null;
          if (this.#waiting.length > 0 || mayClose) this.#schedule();
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
      if (this.#unreleased > roomyGroupsMax) group.compact(this.#pool);
      let written: Group | null = null;
      try {
        const writer = await this.#writerFor(group);
        written = group;
        await writer.append(group.bytes.subarray(0, group.end));
        this.#waiting.shift();
        this.#durable = group.point;
        this.#unreleased++;
        this.#options.onDurable(group, writer.segment, writer);
        if (writer.offset > this.#options.segmentBytes / 2) this.#preparer.start();
      } catch (error) {
        await this.#settle(toPaminaError(error), written);
        return;
      }
    }
    if (this.#waiting.length === 0 && this.#closeDue) await this.#closeSwitched();
  }

  /** A requested switch closes the segment at once, also when nobody commits after it. */
  async #closeSwitched(): Promise<void> {
    this.#closeDue = false;
    const writer = this.#writer;
    if (writer === null || this.#failure !== null || !this.#switchRequested) return;
    try {
      await this.#closeSegment(writer);
    } catch (error) {
      const cause = toPaminaError(error);
      // On a full disk the group that begins the next segment tries again.
      const fatal = isWriteOnFullDisk(cause) ? await this.#erased() : cause;
      if (fatal !== null) this.#failAll(fatal, null);
    }
  }

  async #writerFor(group: Group): Promise<SegmentWriter> {
    const open = this.#writer;
    if (group.session === null && open !== null) return open;
    if (open !== null) await this.#closeSegment(open);
    // A switch that was asked for behind the record that opens this segment is still to come.
    if (!this.#switchRequested) this.#closeDue = false;
    const header: SegmentHeader = {
      ...(group.session ?? this.#session),
      firstSeq: group.firstSeq,
      chainBefore: this.#durable.chain,
      startTime: Math.max(this.#options.clock.now(), this.#durable.time),
    };
    const segment = segmentOf(this.#options.folder, nameOf(header));
    segment.header = header;
    const { disk, segmentBytes } = this.#options;
    this.#writer = await SegmentWriter.create(disk, segment, header, segmentBytes, (path) =>
      this.#preparer.take(path),
    );
    this.#options.onSegment(segment);
    return this.#writer;
  }

  async #closeSegment(writer: SegmentWriter): Promise<void> {
    await writer.close(this.#durable);
    this.#writer = null;
    this.#options.onSegmentClosed(writer.segment);
  }

  /**
   * A write failed. Its bytes are erased and the erasure is synced before anybody hears a rejection;
   * where that cannot be had the outcome is unknown and the database has failed (P7). `written` is
   * the group whose bytes may have reached the disk; those behind it were never written.
   */
  async #settle(error: PaminaError, written: Group | null): Promise<void> {
    const isMendable = isWriteOnFullDisk(error) && this.#options.mayTakeBack();
    const fatal = isMendable ? await this.#erased() : error;
    if (fatal !== null) {
      this.#failAll(fatal, written);
      return;
    }
    const groups = this.#takeWaiting();
    this.#encoded = this.#durable;
    this.#plannedOffset = this.#writer === null ? Infinity : this.#writer.offset;
    if (groups.some((group) => group.opensSegment)) this.#switchRequested = true;
    if (this.#opening.takenBackBehind(this.#durable.seq)) this.#switchRequested = true;
    for (const group of groups) this.#reject(group, error);
  }

  #takeWaiting(): Group[] {
    this.#filling = null;
    return this.#waiting.splice(0);
  }

  #failAll(cause: PaminaError, written: Group | null): void {
    const message = `the log could not be written: ${cause.message}`;
    const failure = new PaminaError('DATABASE_FAILED', message, { cause });
    this.#failure = failure;
    if (written !== null) {
      const unknown = 'the log could not be synced: the commit may or may not be there';
      this.#reject(written, new PaminaError('COMMIT_UNKNOWN', unknown, { cause }));
    }
    for (const group of this.#takeWaiting()) {
      if (group !== written) this.#reject(group, failure);
    }
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
    this.#backlogBytes -= group.cost;
    group.fail(error);
  }
}
