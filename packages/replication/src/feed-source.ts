// Reads for one replica, from the byte at which its own log ends (never a byte twice, never a guess).

import {
  newRecordHeader,
  PaminaError,
  readRecordHeader,
  recordHeaderBytes,
  segmentHeaderBytes,
  viewOf,
} from '@pamina/format';
import type { SegmentBytes } from '@pamina/wire';
import type { FeedCursor, FeedLog } from './contract.js';
import type { ResumePlan } from './feed-event.js';

export class FeedSource {
  readonly #log: FeedLog;
  readonly #plan: ResumePlan;
  #cursor: FeedCursor | null = null;
  #started = false;
  #checked = false;
  /** File and offset up to which bytes were handed out. */
  #at: { name: string; offset: number } | null;

  constructor(log: FeedLog, plan: ResumePlan) {
    this.#log = log;
    this.#plan = plan;
    this.#at = plan.inside;
  }

  /** The next bytes that the replica lacks, its own until the next call; null when it has all that is durable. LOG_GONE, DIVERGED. */
  async next(bytesMax: number): Promise<SegmentBytes | null> {
    const seq = this.#plan.openAt;
    this.#cursor ??= await this.#log.openCursor({ seq, sharesBuffer: true });
    for (;;) {
      const chunk = await this.#cursor.next(bytesMax);
      if (chunk === null) return null;
      const wanted = this.#started ? chunk : this.#begin(chunk);
      if (wanted === null) continue;
      this.#started = true;
      this.#at = { name: wanted.name, offset: wanted.offset + wanted.bytes.length };
      return wanted;
    }
  }

  /** Durable bytes of the log that were not handed out yet. */
  backlogBytes(): number {
    const segments = this.#log.segments();
    const at = this.#at;
    const index = at === null ? -1 : segments.findIndex((segment) => segment.name === at.name);
    const first =
      index >= 0 ? index : segments.findIndex((segment) => segment.firstSeq > this.#plan.heldSeq);
    if (first < 0) return 0;
    const rest = segments.slice(first).reduce((sum, segment) => sum + segment.bytes, 0);
    return Math.max(0, rest - (index >= 0 && at !== null ? at.offset : 0));
  }

  async close(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = null;
    await cursor?.close();
  }

  /** Drops what the replica has; what is left must begin at exactly the byte that it asked for. */
  #begin(chunk: SegmentBytes): SegmentBytes | null {
    return this.#plan.inside === null
      ? this.#beginSegment(chunk)
      : this.#goOnInside(chunk, this.#plan.inside);
  }

  #goOnInside(chunk: SegmentBytes, inside: { name: string; offset: number }): SegmentBytes | null {
    // A record that is larger than a chunk comes after its segment's header, in chunks of its own.
    const isHeaderAlone = chunk.offset === 0 && chunk.bytes.length <= segmentHeaderBytes;
    const isAwaited = chunk.name === inside.name && this.#plan.openAt === this.#plan.heldSeq;
    if (!this.#checked && isHeaderAlone && isAwaited) return null;
    if (!this.#checked) this.#checkEnd(chunk, inside);
    this.#checked = true;
    // The replica had the whole file but did not know that it was closed: on with the next one.
    if (chunk.name !== inside.name) return this.#beginSegment(chunk);
    if (chunk.offset + chunk.bytes.length <= inside.offset) return null;
    const bytes = chunk.bytes.subarray(Math.max(0, inside.offset - chunk.offset));
    return { ...chunk, offset: Math.max(chunk.offset, inside.offset), bytes };
  }

  /** The cursor begins with the replica's last record: it must end where the replica says it does. */
  #checkEnd(chunk: SegmentBytes, inside: { name: string; offset: number }): void {
    const { openAt, heldSeq } = this.#plan;
    let end = chunk.offset === 0 ? segmentHeaderBytes : chunk.offset;
    if (openAt === heldSeq) {
      const header = newRecordHeader();
      if (end - chunk.offset + recordHeaderBytes > chunk.bytes.length) {
        throw this.#misfit('DIVERGED', chunk);
      }
      readRecordHeader(viewOf(chunk.bytes), end - chunk.offset, header);
      if (header.seq !== heldSeq) throw this.#misfit('DIVERGED', chunk);
      end += header.length;
    }
    if (chunk.name !== inside.name || end !== inside.offset) throw this.#misfit('DIVERGED', chunk);
  }

  #beginSegment(chunk: SegmentBytes): SegmentBytes | null {
    if (chunk.offset === 0 && chunk.segment.firstSeq === this.#plan.heldSeq + 1) return chunk;
    // The trailer of the segment that ends with the replica's last record: it begins after that.
    if (chunk.lastSeq <= this.#plan.heldSeq) return null;
    throw this.#misfit('LOG_GONE', chunk);
  }

  #misfit(code: 'DIVERGED' | 'LOG_GONE', chunk: SegmentBytes): PaminaError {
    const wanted =
      this.#plan.inside === null
        ? `a segment that begins with record ${this.#plan.heldSeq + 1}`
        : `offset ${this.#plan.inside.offset} of ${this.#plan.inside.name}`;
    return new PaminaError(
      code,
      `the replica needs ${wanted}, the log goes on at offset ${chunk.offset} of ${chunk.name}`,
      { context: { ...this.#plan, name: chunk.name, offset: chunk.offset } },
    );
  }
}
