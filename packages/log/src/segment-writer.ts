// One segment while it is written: space reserved ahead in growing steps, whole groups written and
// synced at a known offset, and closed with a trailer after which the file never changes again.
import {
  crc32,
  encodeSegmentHeader,
  encodeSegmentTrailer,
  segmentHeaderBytes,
  segmentTrailerBytes,
  toPaminaError,
  type PaminaError,
  type SegmentHeader,
} from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import { dirname } from 'node:path';
import type { ChainPoint } from './record-batch.js';
import type { Segment } from './segment-list.js';

const reserveBytesMin = 64 * 1024;
const reserveBytesMax = 4 * 1024 * 1024;
/** Larger writes gain less from reserved space than its zeros cost. */
export const reserveForBytesMax = 256 * 1024;

export class SegmentWriter {
  readonly segment: Segment;
  readonly #disk: Disk;
  readonly #file: DiskFile;
  readonly #segmentBytes: number;
  /** Bytes written: header and whole records. */
  #offset: number;
  #checksum: number;
  #reservedTo: number;
  #reserveBytes = reserveBytesMin;
  #reserving: Promise<void> | null = null;
  #reserveFailure: PaminaError | null = null;

  private constructor(
    disk: Disk,
    file: DiskFile,
    segment: Segment,
    state: { offset: number; checksum: number; reservedTo: number; segmentBytes: number },
  ) {
    this.#disk = disk;
    this.#file = file;
    this.segment = segment;
    this.#offset = state.offset;
    this.#checksum = state.checksum;
    this.#reservedTo = state.reservedTo;
    this.#segmentBytes = state.segmentBytes;
  }

  /**
   * Creates the file with its header, in `prepared` (synced zeros, under the segment's name already) if
   * there is one; not yet synced: the first group's sync covers it.
   */
  static async create(
    disk: Disk,
    segment: Segment,
    header: SegmentHeader,
    segmentBytes: number,
    prepare: (path: string) => Promise<DiskFile | null> = () => Promise.resolve(null),
  ): Promise<SegmentWriter> {
    await makeSegmentFolder(disk, segment.path);
    const prepared = await prepare(segment.path);
    const file = prepared ?? (await disk.open(segment.path, 'create'));
    try {
      const bytes = encodeSegmentHeader(header);
      await file.write(bytes, 0);
      if (prepared === null) await disk.syncFolder(dirname(segment.path));
      const offset = segmentHeaderBytes;
      const reservedTo = prepared === null ? offset : segmentBytes;
      const state = { offset, checksum: crc32(bytes), reservedTo, segmentBytes };
      return new SegmentWriter(disk, file, segment, state);
    } catch (error) {
      await file.close();
      await disk.remove(segment.path);
      // Else it could come back beside the segment that begins with the same record next.
      await disk.syncFolder(dirname(segment.path));
      throw error;
    }
  }

  /** Continues a segment that holds verified bytes up to `offset` and nothing behind. */
  static async resume(
    disk: Disk,
    segment: Segment,
    state: { offset: number; checksum: number; segmentBytes: number },
  ): Promise<SegmentWriter> {
    const file = await disk.open(segment.path, 'write');
    return new SegmentWriter(disk, file, segment, { ...state, reservedTo: state.offset });
  }

  get offset(): number {
    return this.#offset;
  }

  /** Writes whole records and syncs them. On an error nothing is counted as written; see erase(). */
  async append(bytes: Uint8Array): Promise<void> {
    if (this.#reserveFailure !== null) throw this.#reserveFailure;
    const end = this.#offset + bytes.length;
    // Zeros that arrive after the records would wipe them out.
    if (end > this.#reservedTo && this.#reserving !== null) await this.#reserving;
    await this.#file.write(bytes, this.#offset);
    await this.#file.datasync();
    this.#checksum = crc32(bytes, this.#checksum);
    this.#offset = end;
    this.#reservedTo = Math.max(this.#reservedTo, end);
    if (bytes.length <= reserveForBytesMax) this.#reserveAhead();
  }

  /** After a failed write: takes away what may stand behind the last synced byte, and syncs that. */
  async erase(): Promise<void> {
    if (this.#reserving !== null) await this.#reserving;
    await this.#file.truncate(this.#offset);
    await this.#file.sync();
    this.#reservedTo = this.#offset;
  }

  /**
   * Cuts the reserved space, writes the trailer, syncs. The segment is immutable from here on. If the
   * disk is full the segment is still open: erase(), and it can be written to or closed later.
   */
  async close(point: ChainPoint): Promise<void> {
    if (this.#reserving !== null) await this.#reserving;
    const trailer = encodeSegmentTrailer({
      lastSeq: point.seq,
      lastTime: point.time,
      chain: point.chain,
      checksum: this.#checksum,
      bytes: this.#offset,
    });
    await this.#file.truncate(this.#offset);
    await this.#file.write(trailer, this.#offset);
    await this.#file.sync();
    this.segment.bytes = this.#offset + segmentTrailerBytes;
    this.segment.lastSeq = point.seq;
    this.segment.closed = true;
    await this.#file.close();
  }

  /** crc32 of the bytes [0, offset). */
  get checksum(): number {
    return this.#checksum;
  }

  /** Lets go of the file and leaves the segment open, without reserved space behind its records. */
  async release(): Promise<void> {
    if (this.#reserving !== null) await this.#reserving;
    try {
      await this.#file.truncate(this.#offset);
      await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }

  /** Lets go of the file after a failure: nothing more is written. */
  async abandon(): Promise<void> {
    if (this.#reserving !== null) await this.#reserving;
    await this.#file.close();
  }

  /** Removes a segment whose first group never reached the disk. */
  async discard(): Promise<void> {
    await this.abandon();
    await this.#disk.remove(this.segment.path);
    await this.#disk.syncFolder(dirname(this.segment.path));
  }

  #reserveAhead(): void {
    if (this.#reserving !== null || this.#reservedTo - this.#offset > this.#reserveBytes / 2)
      return;
    const from = this.#reservedTo;
    const to = Math.min(from + this.#reserveBytes, this.#segmentBytes);
    if (to <= from) return;
    this.#reserveBytes = Math.min(this.#reserveBytes * 2, reserveBytesMax);
    this.#reserving = this.#file.write(new Uint8Array(to - from), from).then(
      () => {
        this.#reservedTo = to;
        this.#reserving = null;
      },
      (error: unknown) => {
        this.#reserving = null;
        // Reserved space only makes syncs faster: on a full disk the next append does without it, and
        // zeros that were half-written read as reserved space. Any other error is of the file itself.
        const failure = toPaminaError(error);
        if (!isWriteOnFullDisk(failure)) this.#reserveFailure = failure;
      },
    );
  }
}

/**
 * The folders of a segment's timeline and session. They are synced though they exist: who made them may
 * have failed before the sync, and a segment in a folder without a name is lost.
 */
export async function makeSegmentFolder(disk: Disk, path: string): Promise<void> {
  const session = dirname(path);
  const timeline = dirname(session);
  await disk.makeFolder(session);
  await disk.syncFolder(timeline);
  await disk.syncFolder(dirname(timeline));
}

/** Nothing was promised yet when these fail for want of space: what they left can be taken back. */
const takenBack: readonly unknown[] = ['write', 'truncate', 'create', 'make the folder'];

/** A failed sync is never mended by erasing: the page cache no longer says what is on the disk (P7). */
export function isWriteOnFullDisk(error: PaminaError): boolean {
  return error.code === 'DISK_FULL' && takenBack.includes(error.context['operation']);
}
