// Segments of a LogSource read front to back: ahead of whoever verifies them, with bounded memory.
import { segmentHeaderBytes, type PaminaError, type SegmentHeader } from '@pamina/format';
import {
  endsWithTrailer,
  findProofOfSync,
  forEachRecord,
  scanSegment,
  type ChainPoint,
  type RecordBatch,
  type ScanEnd,
} from '@pamina/log';
import { damagedEntry, type LogSource, type SegmentEntry } from '../log-source.js';

/** What is fetched of one segment before somebody asks for it. */
const aheadBytesMax = 8 * 1024 * 1024;

export interface OpenedSegment {
  readonly source: LogSource;
  readonly entry: SegmentEntry;
  readonly header: SegmentHeader;
}

/** With the place in the segment of the first byte of the batch. */
export type PlacedBatch = RecordBatch & { readonly offset: number };

/** The records behind the header in verified batches; ends at the first byte that is none. */
export async function* segmentBatches(
  segment: OpenedSegment,
  pieces: AsyncIterable<Uint8Array> = segment.source.read(segment.entry, segmentHeaderBytes),
): AsyncGenerator<PlacedBatch, ScanEnd> {
  const { firstSeq, chainBefore, startTime } = segment.header;
  const file = new PieceReader(pieces, segmentHeaderBytes);
  try {
    return yield* scanSegment(file, {
      offset: segmentHeaderBytes,
      point: { seq: firstSeq - 1, chain: chainBefore, time: startTime },
      checksum: 0,
      limit: Number.MAX_SAFE_INTEGER,
      expectedEnd: segment.entry.bytes,
    });
  } finally {
    await file.close();
  }
}

/** The point at record `seq`, or at the last record before it that is there. */
export async function pointIn(segment: OpenedSegment, seq: number): Promise<ChainPoint> {
  return scanUntil(segment, (record) => record.seq > seq);
}

/** The point at the last record before the first one that `isBehind` says yes to. */
export async function scanUntil(
  segment: OpenedSegment,
  isBehind: (record: { readonly seq: number; readonly time: number }) => boolean,
): Promise<ChainPoint> {
  const { firstSeq, chainBefore, startTime } = segment.header;
  let last: ChainPoint = { seq: firstSeq - 1, chain: chainBefore, time: startTime };
  for await (const batch of segmentBatches(segment)) {
    if (!isBehind(batch.point)) {
      last = batch.point;
      continue;
    }
    let isOver = false;
    forEachRecord(batch, (header) => {
      isOver ||= isBehind(header);
      if (!isOver) last = { seq: header.seq, chain: header.checksum, time: header.time };
    });
    return last;
  }
  return last;
}

/**
 * How far an open segment goes, and what is wrong if it does not end there: behind damage stands what
 * proves that the log went on (P6). What merely was not written to its end is no damage.
 */
export async function endOfOpen(
  segment: OpenedSegment,
): Promise<{ readonly point: ChainPoint; readonly damage: PaminaError | null }> {
  const batches = segmentBatches(segment);
  for (;;) {
    const step = await batches.next();
    if (step.done !== true) continue;
    const { offset, point, reason } = step.value;
    const isSound = reason !== 'torn' || !(await goesOn(segment, offset, point));
    return { point, damage: isSound ? null : brokenOff(segment, offset) };
  }
}

async function goesOn(
  { entry, source }: OpenedSegment,
  offset: number,
  point: ChainPoint,
): Promise<boolean> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source.read(entry, offset)) pieces.push(piece);
  const rest = Buffer.concat(pieces);
  return endsWithTrailer(rest, offset) || findProofOfSync(rest, offset, point) !== null;
}

export function brokenOff({ source, entry }: OpenedSegment, offset: number): PaminaError {
  return damagedEntry(source, entry, 'the record here fails its checksum', offset);
}

/** Starts to fetch at once, and goes on while less than the limit waits to be taken. */
export class ReadAhead implements AsyncIterable<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #end: { readonly error: unknown } | 'end' | null = null;
  #isClosed = false;
  #wakeReader: () => void = () => undefined;
  #wakeFetcher: () => void = () => undefined;
  readonly #fetching: Promise<void>;

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#iterator = pieces[Symbol.asyncIterator]();
    this.#fetching = this.#fetch();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#bytes -= piece.length;
        this.#wakeFetcher();
        yield piece;
        continue;
      }
      if (this.#end === 'end' || this.#isClosed) return;
      if (this.#end !== null) throw this.#end.error;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  /** Resolves when nothing is read any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wakeFetcher();
    await this.#fetching;
  }

  async #fetch(): Promise<void> {
    try {
      for (;;) {
        const step = await this.#iterator.next();
        if (step.done === true) break;
        this.#pieces.push(step.value);
        this.#bytes += step.value.length;
        this.#wakeReader();
        while (this.#bytes >= aheadBytesMax && !this.#isClosed) await this.#taken();
        if (this.#isClosed) break;
      }
      if (this.#isClosed) await this.#iterator.return?.();
      this.#end = 'end';
    } catch (error) {
      // Thrown to whoever reads, when all that came before is taken.
      this.#end = { error };
    }
    this.#wakeReader();
  }

  #taken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeFetcher = resolve;
    });
  }
}

/** A file as scanSegment reads it, front to back, over pieces. */
export class PieceReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #at: number;
  #piece = new Uint8Array(0);
  #isOver = false;

  constructor(pieces: AsyncIterable<Uint8Array>, at: number) {
    this.#iterator = pieces[Symbol.asyncIterator]();
    this.#at = at;
  }

  size(): Promise<number> {
    return Promise.resolve(Number.MAX_SAFE_INTEGER);
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    if (at !== this.#at) throw new RangeError('a segment is read front to back');
    let held = 0;
    while (held < into.length) {
      if (this.#piece.length === 0) {
        if (this.#isOver) break;
        const step = await this.#iterator.next();
        if (step.done === true) this.#isOver = true;
        else this.#piece = step.value as Uint8Array<ArrayBuffer>;
        continue;
      }
      const part = this.#piece.subarray(0, into.length - held);
      into.set(part, held);
      held += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
    this.#at += held;
    return held;
  }

  async close(): Promise<void> {
    if (!this.#isOver) await this.#iterator.return?.();
  }
}
