// The way into the log of a replica: bytes as the master wrote them, verified record by record against
// the chain (P4, P5) and written at the same offsets, so that both logs are byte for byte the same.
import {
  PaminaError,
  checkRecord,
  newRecordHeader,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  isSegmentTrailer,
  segmentHeaderBytes,
  segmentTrailerBytes,
  type SegmentHeader,
  type SegmentTrailer,
} from '@pamina/format';
import type { Disk } from '@pamina/env';
import { type ChainPoint, type RecordBatch } from './record-batch.js';
import { segmentOf, type Segment } from './segment-list.js';
import type { OpenTail } from './log-recovery.js';
import { SegmentWriter } from './segment-writer.js';

/** A run of bytes of a segment file, as a cursor reads it and a channel carries it. */
export interface ReceivedChunk {
  /** Name below the log folder; decides where a segment that begins with this chunk is kept. */
  readonly name: string;
  /** Offset of the first byte in the segment file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface ReceiverOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly point: ChainPoint;
  readonly tail: OpenTail | null;
  readonly pattern: () => string | null;
  /** Throws if a segment with this header may not follow (another pattern, an unknown timeline). */
  readonly mayFollow: (header: SegmentHeader) => void;
  readonly onSegment: (segment: Segment) => void;
  readonly onDurable: (point: ChainPoint, segment: Segment, offset: number) => void;
  readonly onSegmentClosed: (segment: Segment) => void;
}

interface Scan {
  /** The whole records stand in bytes[0, end). */
  readonly end: number;
  readonly point: ChainPoint;
  readonly trailer: SegmentTrailer | null;
}

const nothing = new Uint8Array(0);

export class Receiver {
  readonly #options: ReceiverOptions;
  #writer: SegmentWriter | null = null;
  #tail: OpenTail | null;
  #point: ChainPoint;
  /** Bytes behind the last whole record: they are kept in memory until the record is whole. */
  #carry: Uint8Array = nothing;
  #broken: PaminaError | null = null;

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#point = options.point;
    this.#tail = options.tail;
  }

  /** Where the next byte is expected: in the open segment, or null at the start of the next one. */
  get resumeAt(): { name: string; offset: number } | null {
    if (this.#writer !== null) {
      return { name: this.#writer.segment.name, offset: this.#writer.offset };
    }
    return this.#tail === null
      ? null
      : { name: this.#tail.segment.name, offset: this.#tail.offset };
  }

  /** A connection ended: the next one starts again behind the last whole record. */
  forgetPartialRecord(): void {
    this.#carry = nothing;
  }

  /** Verifies, writes and syncs. Returns the records that became whole; null if none did. */
  async receive(chunk: ReceivedChunk): Promise<RecordBatch | null> {
    if (this.#broken !== null) throw this.#broken;
    const rest = chunk.offset === 0 ? this.#checkNew(chunk) : this.#checkNext(chunk);
    const bytes = this.#carry.length === 0 ? rest.bytes : concatenate(this.#carry, rest.bytes);
    const scan = this.#scan(bytes);
    if (rest.header !== null) await this.#begin(chunk.name, rest.header);
    await this.#resumeTail();
    const writer = this.#writer!;
    let batch: RecordBatch | null = null;
    if (scan.end > 0) {
      await this.#write(writer, bytes.subarray(0, scan.end));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const firstSeq = this.#point.seq + 1;
      batch = { bytes, view, start: 0, end: scan.end, firstSeq, point: scan.point };
      this.#point = scan.point;
      this.#options.onDurable(scan.point, writer.segment, writer.offset);
    }
    this.#carry = bytes.slice(scan.end);
    if (scan.trailer !== null) await this.#closeSegment(writer, scan.trailer);
    return batch;
  }

  /** Lets go of the open segment; it goes on after the next open. */
  async close(): Promise<void> {
    const writer = this.#writer;
    this.#writer = null;
    if (writer === null) return;
    if (this.#broken === null) await writer.release();
    else await writer.abandon();
  }

  #checkNew(chunk: ReceivedChunk): { bytes: Uint8Array; header: SegmentHeader } {
    if (this.resumeAt !== null) {
      const message = `a new segment was sent while ${this.resumeAt.name} is open`;
      throw new PaminaError('RECORD_GAP', message, { context: { name: chunk.name } });
    }
    const header = decodeSegmentHeader(chunk.bytes.subarray(0, segmentHeaderBytes));
    const pattern = this.#options.pattern();
    if (header.pattern !== pattern) {
      const message = `the segment bears the pattern ${header.pattern}, this database ${pattern}`;
      throw new PaminaError('PATTERN_MISMATCH', message);
    }
    if (header.firstSeq !== this.#point.seq + 1) {
      const message = `expected record ${this.#point.seq + 1}, the segment starts with ${header.firstSeq}`;
      const context = { expected: this.#point.seq + 1, received: header.firstSeq };
      throw new PaminaError('RECORD_GAP', message, { context });
    }
    if (header.chainBefore !== this.#point.chain) {
      const message = `the segment does not continue the history at record ${this.#point.seq}`;
      throw new PaminaError('DIVERGED', message, { context: { seq: this.#point.seq } });
    }
    const segment = segmentOf(this.#options.folder, chunk.name);
    if (segment.firstSeq !== header.firstSeq) {
      throw new PaminaError('SEGMENT_INVALID', `${chunk.name} starts with ${header.firstSeq}`);
    }
    this.#options.mayFollow(header);
    return { bytes: chunk.bytes.subarray(segmentHeaderBytes), header };
  }

  #checkNext(chunk: ReceivedChunk): { bytes: Uint8Array; header: null } {
    const open = this.resumeAt;
    const expected = open === null ? 0 : open.offset + this.#carry.length;
    if (open === null || chunk.offset !== expected) {
      const message = `expected offset ${expected} of ${open?.name ?? 'a new segment'}, got ${chunk.offset} of ${chunk.name}`;
      throw new PaminaError('RECORD_GAP', message, {
        context: { expected, received: chunk.offset },
      });
    }
    return { bytes: chunk.bytes, header: null };
  }

  /** Finds the whole records; throws if what stands behind them can become neither record nor trailer. */
  #scan(bytes: Uint8Array): Scan {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const header = newRecordHeader();
    let { seq, chain, time } = this.#point;
    let at = 0;
    let status = checkRecord(bytes, view, at, bytes.length, seq + 1, chain, header);
    while (status === 'record') {
      ({ seq, checksum: chain, time } = header);
      at += header.length;
      status = checkRecord(bytes, view, at, bytes.length, seq + 1, chain, header);
    }
    const point = at === 0 ? this.#point : { seq, chain, time };
    const left = bytes.length - at;
    if (left >= segmentTrailerBytes && isSegmentTrailer(bytes, view, at)) {
      const trailer = decodeSegmentTrailer(bytes.subarray(at, at + segmentTrailerBytes));
      if (left === segmentTrailerBytes && trailer.lastSeq === seq && trailer.chain === chain) {
        return { end: at, point, trailer };
      }
      throw misfit(point);
    }
    // Fewer bytes than a trailer may be the beginning of one.
    if (left > 0 && status !== 'partial' && left >= segmentTrailerBytes) {
      const message = `received bytes after record ${seq} are not the record that follows it`;
      throw new PaminaError('RECORD_INVALID', message, { context: { seq: seq + 1 } });
    }
    return { end: at, point, trailer: null };
  }

  async #begin(name: string, header: SegmentHeader): Promise<void> {
    const { disk, folder, segmentBytes } = this.#options;
    const segment = segmentOf(folder, name);
    segment.header = header;
    // A file that another connection or a crash left without a whole record is begun again.
    await disk.removeTree(segment.path);
    this.#writer = await SegmentWriter.create(disk, segment, header, segmentBytes);
    this.#options.onSegment(segment);
  }

  async #resumeTail(): Promise<void> {
    if (this.#writer !== null || this.#tail === null) return;
    const { segment, offset, checksum } = this.#tail;
    const state = { offset, checksum, segmentBytes: this.#options.segmentBytes };
    this.#writer = await SegmentWriter.resume(this.#options.disk, segment, state);
    this.#tail = null;
  }

  async #write(writer: SegmentWriter, bytes: Uint8Array): Promise<void> {
    try {
      await writer.append(bytes);
    } catch (error) {
      await this.#settleFailedWrite(writer, error);
      throw error;
    }
  }

  /** As on a master: erased and synced, or broken until the log is opened again (P7). */
  async #settleFailedWrite(writer: SegmentWriter, cause: unknown): Promise<void> {
    this.#carry = nothing;
    const isFull =
      cause instanceof PaminaError &&
      cause.code === 'DISK_FULL' &&
      cause.context['operation'] === 'write';
    try {
      if (!isFull) throw cause;
      await writer.erase();
    } catch (error) {
      this.#broken = new PaminaError('DATABASE_FAILED', 'the log could not be written', {
        cause: error,
      });
    }
  }

  async #closeSegment(writer: SegmentWriter, trailer: SegmentTrailer): Promise<void> {
    if (trailer.bytes !== writer.offset || trailer.checksum !== writer.checksum) {
      throw misfit(this.#point);
    }
    await writer.close(this.#point);
    this.#writer = null;
    this.#carry = nothing;
    this.#options.onSegmentClosed(writer.segment);
  }
}

function misfit(point: ChainPoint): PaminaError {
  const message = `the trailer that was received does not fit the records up to ${point.seq}`;
  return new PaminaError('RECORD_INVALID', message, { context: { seq: point.seq } });
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
