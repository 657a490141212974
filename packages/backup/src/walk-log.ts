// Walks a log from a record to another, in order, and proves every byte on the way: headers, records,
// chain, trailers, and that no record is missing. What verification, replay and rebuilding share.
import {
  PaminaError,
  crc32,
  encodeSegmentHeader,
  isPaminaError,
  segmentHeaderBytes,
  segmentTrailerBytes,
  type Synced,
  type Timeline,
} from '@pamina/format';
import {
  scanSegment,
  splitBatch,
  trailerFits,
  type ChainPoint,
  type RecordBatch,
  type ScanEnd,
} from '@pamina/log';
import {
  damagedEntry,
  segmentFacts,
  type LogSource,
  type SegmentEntry,
  type SegmentFacts,
} from './log-source.js';
import { SequentialFile } from './sequential-file.js';

export interface WalkOptions {
  readonly source: LogSource;
  /** Of the database that the log must be of. */
  readonly pattern: string | null;
  /** Only what these went through is looked at; the current one last. */
  readonly timelines: readonly Timeline[];
  /** Begin with the segment that holds this record; at the front if the source begins behind it. */
  readonly fromSeq: number;
  /** End with this record; by default with the last whole one. */
  readonly toSeq?: number | undefined;
  /** What the disk is known to hold: the log must reach it. */
  readonly synced?: Synced | null | undefined;
  /** Called for what is damaged, and the walk goes on behind it; without it the damage is thrown. */
  readonly onDamage?: ((damage: PaminaError) => void) | undefined;
  /** Called before each segment with the point that it says to continue. */
  readonly onSegment?: ((before: ChainPoint) => void) | undefined;
  /** Called with the bytes of the log that are done and that there are. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WalkedLog {
  /** First record that was there; null if there was no segment. */
  readonly firstSeq: number | null;
  /** The last whole record. */
  readonly end: ChainPoint | null;
  readonly segments: number;
  readonly bytes: number;
}

/** Verified batches in order, those of the first segment from its first record on. LOG_DAMAGED. */
export async function* walkLog(
  options: WalkOptions,
): AsyncGenerator<RecordBatch, WalkedLog, undefined> {
  const walk = new Walk(options);
  return yield* walk.run();
}

/** The batches of records `fromSeq` to `toSeq` exactly, cut where a batch crosses one of `stops`. */
export function* cutBatch(
  batch: RecordBatch,
  { fromSeq, toSeq, stops }: { fromSeq: number; toSeq: number; stops: readonly number[] },
): Generator<RecordBatch, void, undefined> {
  let rest = batch;
  if (rest.point.seq < fromSeq || rest.firstSeq > toSeq) return;
  if (rest.firstSeq < fromSeq) [, rest] = splitBatch(rest, fromSeq - 1);
  if (rest.point.seq > toSeq) [rest] = splitBatch(rest, toSeq);
  for (const stop of stops) {
    if (stop < rest.firstSeq || stop >= rest.point.seq) continue;
    const [before, behind] = splitBatch(rest, stop);
    yield before;
    rest = behind;
  }
  yield rest;
}

class Walk {
  readonly #options: WalkOptions;
  /** Null at the start, and behind damage: what follows is proved from its own header on. */
  #point: ChainPoint | null = null;
  #end: ChainPoint | null = null;
  #firstSeq: number | null = null;
  #segments = 0;
  #bytes = 0;
  #isBroken = false;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  async *run(): AsyncGenerator<RecordBatch, WalkedLog, undefined> {
    const { onDamage, onProgress, signal, toSeq = Infinity } = this.#options;
    let entries = await this.#entries();
    for (let index = 0; index < entries.length; index++) {
      signal?.throwIfAborted();
      const entry = entries[index] as SegmentEntry;
      if (entry.firstSeq > toSeq || (this.#end?.seq ?? 0) >= toSeq) break;
      try {
        yield* this.#segment(entry, this.#mayBeOpen(entries, index));
      } catch (error) {
        if (!isPaminaError(error, 'LOG_GONE') || onDamage === undefined) this.#damaged(error);
        else {
          entries = await this.#entriesLeft(entry, error);
          index = -1;
        }
      }
      onProgress?.(this.#bytes, this.#bytes + bytesOf(entries.slice(index + 1)));
    }
    this.#requireSynced(toSeq);
    const [firstSeq, end, segments, bytes] = [
      this.#firstSeq,
      this.#end,
      this.#segments,
      this.#bytes,
    ];
    return { firstSeq, end, segments, bytes };
  }

  /** Who writes the log deletes it from the front: then it begins further on by now. */
  async #entriesLeft(gone: SegmentEntry, error: PaminaError): Promise<SegmentEntry[]> {
    const left = await this.#entries();
    if (left[0] === undefined || left[0].firstSeq <= gone.firstSeq) throw error;
    this.#point = null;
    this.#firstSeq = null;
    return left;
  }

  async #entries(): Promise<SegmentEntry[]> {
    const { source, timelines, fromSeq } = this.#options;
    const entries = entriesOn(timelines, await source.segments());
    const first = entries.findLastIndex((entry) => entry.firstSeq <= fromSeq);
    return entries.slice(Math.max(0, first));
  }

  /**
   * The one that is being written, and while nothing is known of the one behind it, that before it:
   * it was closed after the other had got its name.
   */
  #mayBeOpen(entries: readonly SegmentEntry[], index: number): boolean {
    const { synced } = this.#options;
    if (index === entries.length - 1) return true;
    if (index < entries.length - 2) return false;
    return synced !== null && synced !== undefined
      ? synced.segmentFirstSeq <= (entries[index] as SegmentEntry).firstSeq
      : false;
  }

  async *#segment(
    entry: SegmentEntry,
    mayBeOpen: boolean,
  ): AsyncGenerator<RecordBatch, void, undefined> {
    const { source, synced } = this.#options;
    if (mayBeOpen && synced?.segmentFirstSeq !== entry.firstSeq && (await this.#isBeingBorn(entry)))
      return;
    const facts = await this.#facts(entry);
    const { header } = facts;
    this.#checkFollows(entry, facts);
    this.#firstSeq ??= header.firstSeq;
    const before = { seq: header.firstSeq - 1, chain: header.chainBefore, time: header.startTime };
    this.#options.onSegment?.(before);
    this.#point = this.#end = before;
    const file = new SequentialFile(source, entry, segmentHeaderBytes);
    try {
      const scan = scanSegment(file, {
        offset: segmentHeaderBytes,
        point: before,
        checksum: crc32(encodeSegmentHeader(header)),
      });
      for (;;) {
        this.#options.signal?.throwIfAborted();
        const step = await scan.next();
        if (step.done === true) {
          this.#checkEnd(entry, facts, step.value, mayBeOpen);
          return;
        }
        this.#point = this.#end = step.value.point;
        yield step.value;
        if (step.value.point.seq >= (this.#options.toSeq ?? Infinity)) return;
      }
    } finally {
      await file.close();
      this.#segments++;
      this.#bytes += file.bytesRead;
    }
  }

  /**
   * It has its name, and perhaps the zeros that are reserved for it, but no header yet. Only where `synced`
   * says what is known to be on the disk can that be told from a header that was lost.
   */
  async #isBeingBorn(entry: SegmentEntry): Promise<boolean> {
    if (entry.bytes < segmentHeaderBytes) return true;
    const { source, synced } = this.#options;
    if (synced === null || synced === undefined) return false;
    let left = segmentHeaderBytes;
    for await (const piece of source.read(entry, 0)) {
      const start = piece.subarray(0, left);
      if (start.some((byte) => byte !== 0)) return false;
      left -= start.length;
      if (left === 0) break;
    }
    return true;
  }

  async #facts(entry: SegmentEntry): Promise<SegmentFacts> {
    const facts = await segmentFacts(this.#options.source, entry);
    const { pattern, source } = this.#options;
    if (facts.header.pattern === pattern) return facts;
    throw damagedEntry(source, entry, 'it is of another database');
  }

  #checkFollows(entry: SegmentEntry, { header }: SegmentFacts): void {
    const { source } = this.#options;
    const before = this.#point;
    if (before === null) return;
    if (header.firstSeq > before.seq + 1) {
      const [from, to] = [before.seq + 1, header.firstSeq - 1];
      this.#damaged(damagedEntry(source, entry, `records ${from} to ${to} before it are missing`));
    } else if (header.firstSeq <= before.seq) {
      const what = `it begins with record ${header.firstSeq} behind record ${before.seq}`;
      this.#damaged(damagedEntry(source, entry, what));
    } else if (header.chainBefore !== before.chain) {
      const what = 'its chain does not continue the segment before it';
      this.#damaged(damagedEntry(source, entry, what));
    }
  }

  #checkEnd(
    entry: SegmentEntry,
    { trailer }: SegmentFacts,
    end: ScanEnd,
    mayBeOpen: boolean,
  ): void {
    const { source, synced } = this.#options;
    if (trailer !== null) {
      const fits = trailerFits(trailer, end) && entry.bytes === end.offset + segmentTrailerBytes;
      if (fits) return;
      const what =
        end.reason === 'trailer'
          ? 'the trailer does not fit the records before it'
          : 'the record here fails its checksum';
      throw damagedEntry(source, entry, what, end.offset);
    }
    // Closed since it was listed: its records are proved, its trailer is there.
    if (end.reason === 'trailer' && mayBeOpen) return;
    if (!mayBeOpen) {
      throw damagedEntry(source, entry, 'it breaks off before its trailer', end.offset);
    }
    if (synced?.segmentFirstSeq === entry.firstSeq && end.offset < synced.offset) {
      const what = `the log breaks off here, but ${synced.offset} bytes were synced`;
      throw damagedEntry(source, entry, what, end.offset);
    }
  }

  #requireSynced(toSeq: number): void {
    const { source, synced } = this.#options;
    if (synced === null || synced === undefined || this.#isBroken) return;
    const last = this.#end?.seq ?? null;
    if ((last ?? 0) >= Math.min(synced.seq, toSeq)) return;
    const message = `${source.describe()} ends with record ${last ?? 'none'}, but record ${synced.seq} was synced`;
    const context = { seq: synced.seq, last };
    this.#damaged(new PaminaError('LOG_DAMAGED', message, { context }));
  }

  #damaged(error: unknown): void {
    const { onDamage } = this.#options;
    if (onDamage === undefined || !isPaminaError(error) || !isDamage(error)) throw error;
    this.#isBroken = true;
    this.#point = null;
    onDamage(error);
  }
}

function bytesOf(entries: readonly SegmentEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.bytes, 0);
}

/** Whether an error says that data is damaged; a format of the future only cannot be told. */
export function isDamage(error: PaminaError): boolean {
  return error.exitStatus === damagedStatus && error.code !== 'FORMAT_UNKNOWN';
}

/** In the table of errors. */
const damagedStatus = 6;

/** What a walk along a history looks at. */
export function entriesOn(
  timelines: readonly Timeline[],
  entries: readonly SegmentEntry[],
): SegmentEntry[] {
  const all = entries.filter((entry) => isOf(timelines, entry));
  // Of two with one first record the newer timeline's is what a promotion made of it.
  return all.filter((entry, index) => all[index + 1]?.firstSeq !== entry.firstSeq);
}

/** A timeline's segments count up to where the next one leaves it. */
function isOf(timelines: readonly Timeline[], entry: SegmentEntry): boolean {
  const index = timelines.findIndex(({ id }) => id === entry.timelineId);
  if (index < 0) return false;
  const next = timelines[index + 1];
  return next === undefined || entry.firstSeq <= next.atSeq;
}
