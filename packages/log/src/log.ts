// The log of one database: its segments, how far they are durable, and who waits for more. It is
// written either by commits (Appender) or by what a master sends (Receiver), never by both.
import { PaminaError, isPaminaError, segmentHeaderBytes } from '@pamina/format';
import type { SegmentHeader } from '@pamina/format';
import type { Clock, Disk } from '@pamina/env';
import { dirname } from 'node:path';
import { Appender } from './appender.js';
import { closeTail } from './close-tail.js';
import { LogCursor, locate, segmentWith, seqAt, type CursorOptions } from './cursor.js';
import type { Group, SessionHeader } from './group.js';
import { recoverLog, type LogEvent, type OpenTail } from './log-recovery.js';
import { chainAfter, readBatches, readRecords, type LogRecord } from './log-records.js';
import { Receiver } from './receiver.js';
import type { ChainPoint, RecordBatch } from './record-batch.js';
import { loadHeader, type Segment } from './segment-list.js';
import type { OpeningRecords } from './segment-opening.js';
import { SegmentPreparer } from './segment-preparer.js';
import { SyncedFile } from './synced-file.js';

export interface LogOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The database's `log` folder. */
  readonly folder: string;
  readonly segmentBytes: number;
  readonly backlogBytesMax: number;
  /** Where this copy's log begins. */
  readonly base: ChainPoint;
  /** Records up to this point were verified and applied before (checkpoint). */
  readonly from: ChainPoint;
  readonly ownTimelineId: string | null;
  readonly watch: readonly number[];
  readonly onEvent: (event: LogEvent) => void;
}

export interface AppendHooks {
  readonly onDurable: (group: Group) => void;
  readonly mayTakeBack?: () => boolean;
  readonly opening?: OpeningRecords | undefined;
  readonly onFailed: (error: PaminaError) => void;
  readonly onSegmentClosed: () => void;
}

export class Log {
  readonly #options: LogOptions;
  readonly #segments: Segment[];
  readonly #synced: SyncedFile;
  /** Chain after each watched record that opening passed. */
  readonly chains: ReadonlyMap<number, number>;
  readonly #pins = new Set<{ readonly seq: number }>();
  readonly #listeners = new Set<() => void>();
  #durable: ChainPoint;
  #tail: OpenTail | null;
  #appender: Appender | null = null;
  #receiver: Receiver | null = null;
  #closing: Promise<void> | null = null;

  private constructor(
    options: LogOptions,
    synced: SyncedFile,
    recovered: Awaited<ReturnType<typeof recoverLog>>,
  ) {
    this.#options = options;
    this.#synced = synced;
    this.#segments = recovered.segments;
    this.#durable = recovered.point;
    this.#tail = recovered.tail;
    this.chains = recovered.chains;
  }

  /** Verifies, cuts a torn tail, refuses damage (P6). Throws LOG_DAMAGED, LOG_GONE. */
  static async open(options: LogOptions): Promise<Log> {
    await options.disk.makeFolder(options.folder);
    await SegmentPreparer.clean(options.disk, options.folder);
    const recovered = await recoverLog(options);
    const synced = await SyncedFile.open(options.disk, options.folder);
    const log = new Log(options, synced, recovered);
    const last = recovered.segments.at(-1);
    if (last !== undefined) log.#note(last, last.closed ? last.bytes : recovered.tail!.offset);
    return log;
  }

  /** The last record that is known to be on this disk. */
  get durable(): ChainPoint {
    return this.#durable;
  }

  /** The last record that has its number, whether or not it is on this disk yet. */
  get encodedSeq(): number {
    return this.#appender?.encoded.seq ?? this.#durable.seq;
  }

  /**
   * What is appended from now on was committed at `time` (ms since 1970) at the earliest: somebody was told
   * that nothing came before. Of a log that is not appended to nothing can come.
   */
  notBefore(time: number): void {
    this.#appender?.notBefore(time);
  }

  /** Oldest first. The array is the log's own and changes. */
  segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Oldest record that is still here; durable.seq + 1 when there is none. */
  get firstSeq(): number {
    return this.#segments[0]?.firstSeq ?? this.#durable.seq + 1;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  header(segment: Segment): Promise<SegmentHeader> {
    return loadHeader(this.#options.disk, segment);
  }

  /** Begins to write: a segment that a crash or a promotion left open is closed first. */
  async startAppending(session: SessionHeader, hooks: AppendHooks): Promise<Appender> {
    await this.closeOpenTail(session.timeline, session.timelineId);
    this.#appender = new Appender({
      ...this.#options,
      session,
      point: this.#durable,
      onDurable: (group, segment, writer) => {
        this.#advance(group.point, segment, writer.offset);
        hooks.onDurable(group);
      },
      mayTakeBack: hooks.mayTakeBack ?? (() => true),
      opening: hooks.opening,
      onFailed: hooks.onFailed,
      onSegment: (segment) => this.#segments.push(segment),
      onSegmentClosed: (segment) => {
        if (this.#segmentClosed(segment)) hooks.onSegmentClosed();
      },
    });
    return this.#appender;
  }

  /** Gives an open last segment its trailer: in place, or, if it belongs to an older timeline, under its name on the new one. */
  async closeOpenTail(timeline: number, timelineId: string): Promise<void> {
    if (this.#tail === null) return;
    const { disk, folder, segmentBytes } = this.#options;
    const place = { disk, folder, segmentBytes, timeline, timelineId };
    const closed = await closeTail(place, this.#tail, this.#durable);
    this.#segments[this.#segments.indexOf(this.#tail.segment)] = closed;
    this.#tail = null;
    this.#note(closed, closed.bytes);
  }

  startReceiving(hooks: {
    pattern: () => string | null;
    mayFollow: (header: SegmentHeader) => void;
    onSegmentClosed: () => void;
  }): Receiver {
    this.#receiver = new Receiver({
      ...this.#options,
      point: this.#durable,
      tail: this.#tail,
      pattern: hooks.pattern,
      mayFollow: hooks.mayFollow,
      onSegment: (segment) => this.#segments.push(segment),
      onDurable: (point, segment, offset) => this.#advance(point, segment, offset),
      onSegmentClosed: (segment) => {
        if (this.#segmentClosed(segment)) hooks.onSegmentClosed();
      },
    });
    return this.#receiver;
  }

  /** Chain after record `seq`; null if that can no longer or not yet be told from this log. */
  async chainAt(seq: number): Promise<number | null> {
    if (seq === this.#durable.seq) return this.#durable.chain;
    if (seq > this.#durable.seq || seq < 0) return null;
    const next = this.#segments.find((segment) => segment.firstSeq === seq + 1);
    if (next !== undefined) return (await this.header(next)).chainBefore;
    const segment = segmentWith(this.#segments, seq);
    if (segment !== null) return chainAfter(this.#options.disk, segment, seq);
    return seq === this.#options.base.seq ? this.#options.base.chain : null;
  }

  /** From the first byte of the segment if `seq` is its first record. LOG_GONE, POSITION_AHEAD. */
  async openCursor(from: { readonly seq: number } & CursorOptions): Promise<LogCursor> {
    const source = this.#source();
    return new LogCursor(source, await locate(source, from.seq), from.seq, from);
  }

  /** Goes on inside a segment at a record's first byte, or behind its last one. LOG_GONE. */
  async openCursorAt(name: string, offset: number): Promise<LogCursor> {
    const segment = this.#segments.find((one) => one.name === name);
    const seq = segment === undefined ? null : await this.#seqAt(segment, offset);
    if (segment === undefined || seq === null) {
      throw new PaminaError('LOG_GONE', `no record begins at offset ${offset} of ${name} here`, {
        context: { name, offset },
      });
    }
    return new LogCursor(this.#source(), { segment, offset, seq: seq - 1 }, seq);
  }

  /** Verified records in order; the body is a view that is valid until the next step. */
  records(fromSeq: number, toSeq: number = Infinity): AsyncGenerator<LogRecord> {
    return readRecords(this.#source(), fromSeq, toSeq);
  }

  /** Verified batches for replay; the first may begin before `fromSeq`. */
  async *batches(fromSeq: number): AsyncGenerator<RecordBatch> {
    for await (const { batch } of readBatches(this.#source(), fromSeq, Infinity)) yield batch;
  }

  /** What lies behind record `seq`: bytes of this log, and the time of the first record; null if that is gone. */
  async behind(seq: number): Promise<{ readonly bytes: number; readonly time: number } | null> {
    if (seq >= this.#durable.seq) return { bytes: 0, time: this.#durable.time };
    try {
      const place = await locate(this.#source(), seq + 1);
      if (place === null) return null;
      const after = this.#segments.slice(this.#segments.indexOf(place.segment) + 1);
      const rest = place.segment.bytes - place.offset;
      const bytes = after.reduce((sum, segment) => sum + segment.bytes, rest);
      for await (const { header } of this.records(seq + 1, seq + 1)) {
        return { bytes, time: header.time };
      }
      return null;
    } catch (error) {
      if (error instanceof PaminaError && error.code === 'LOG_GONE') return null;
      throw error;
    }
  }

  /** Resolves when there is more than record `seq`, or when the open segment was closed. */
  waitForMore(seq: number, signal?: AbortSignal): Promise<void> {
    if (this.#durable.seq > seq) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const stop = this.onDurable(() => finish(resolve));
      const abort = (): void => finish(() => reject(signal!.reason as Error));
      const finish = (settle: () => void): void => {
        stop();
        signal?.removeEventListener('abort', abort);
        settle();
      };
      if (signal?.aborted === true) abort();
      else signal?.addEventListener('abort', abort);
    });
  }

  /** Calls back after each sync and each closed segment. */
  onDurable(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Retention keeps records from `seq` on until the pin is released (P10). */
  pin(seq: number): () => void {
    const pin = { seq };
    this.#pins.add(pin);
    return () => this.#pins.delete(pin);
  }

  /** Deletes closed segments all of whose records are before `seq` and that no reader pins; never the last one. Returns their names. */
  async deleteBefore(seq: number): Promise<string[]> {
    const { disk } = this.#options;
    const removed: string[] = [];
    for (;;) {
      const [segment, next] = this.#segments;
      // Asked again each time: a reader may have come while a file was removed.
      let limit = seq;
      for (const pin of this.#pins) limit = Math.min(limit, pin.seq);
      // A segment without a durable record may be gone after a crash: it is not what the log ends with.
      const isLast = next === undefined || next.bytes <= segmentHeaderBytes;
      if (segment === undefined || isLast || next.firstSeq > limit) return removed;
      this.#segments.shift();
      try {
        await disk.remove(segment.path);
      } catch (error) {
        if (!isPaminaError(error, 'FILE_NOT_FOUND')) {
          this.#segments.unshift(segment);
          throw error;
        }
      }
      await disk.syncFolder(dirname(segment.path));
      removed.push(segment.name);
    }
  }

  /** Waits for what is being written; twice is harmless. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const outcomes = await Promise.allSettled([this.#appender?.close(), this.#receiver?.close()]);
    // Last: closing a segment is noted too. The first error says the most.
    outcomes.push(...(await Promise.allSettled([this.#synced.close()])));
    this.#wake();
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }

  #source(): { disk: Disk; segments: () => readonly Segment[]; readonly durableSeq: number } {
    const durableSeq = (): number => this.#durable.seq;
    return {
      disk: this.#options.disk,
      segments: () => this.#segments,
      get durableSeq() {
        return durableSeq();
      },
    };
  }

  async #seqAt(segment: Segment, offset: number): Promise<number | null> {
    if (!segment.closed && offset === segment.bytes) return this.#durable.seq + 1;
    return seqAt(this.#options.disk, segment, offset);
  }

  #advance(point: ChainPoint, segment: Segment, offset: number): void {
    this.#durable = point;
    segment.bytes = offset;
    this.#note(segment, offset);
    this.#wake();
  }

  /** False if the segment was taken back before a record of it was durable. */
  #segmentClosed(segment: Segment): boolean {
    if (!segment.closed) {
      this.#segments.splice(this.#segments.indexOf(segment), 1);
      return false;
    }
    this.#note(segment, segment.bytes);
    this.#wake();
    return true;
  }

  #note(segment: Segment, offset: number): void {
    const { seq, chain } = this.#durable;
    this.#synced.note({ seq, offset, chain, segmentFirstSeq: segment.firstSeq });
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
