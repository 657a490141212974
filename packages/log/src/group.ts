// A commit group: the records that are written and synced at once. Commits are encoded straight into
// the group's buffer as they come, so that the next group is ready while this one is being synced.
import type { SegmentHeader } from '@pamina/format';
import type { ChainPoint, RecordBatch } from './record-batch.js';

/** Buffers up to this size are used again; a larger one served one large commit and is let go. */
const pooledBytesMax = 4 * 1024 * 1024;
const pooledBuffersMax = 4;
const firstBufferBytes = 256 * 1024;
/** What a group and a record cost beside their bytes: objects, promises, listeners. */
const groupOverheadBytes = 1024;
export const recordOverheadBytes = 512;

/** What the headers of a session's segments say, the numbers of their records apart. */
export type SessionHeader = Pick<
  SegmentHeader,
  'pattern' | 'timeline' | 'timelineId' | 'session' | 'lockData'
>;

export class Group implements RecordBatch {
  bytes: Uint8Array;
  view: DataView;
  readonly start = 0;
  end = 0;
  readonly firstSeq: number;
  point: ChainPoint;
  /** The header of the segment that this group begins; null when it continues one. */
  readonly session: SessionHeader | null;
  /** Resolves when the group is durable and applied; one promise serves all its commits. */
  readonly done: Promise<void>;
  /** Somebody keeps a view of the buffer beyond release(): it is not used again. */
  #isPinned = false;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(buffer: Uint8Array, before: ChainPoint, session: SessionHeader | null) {
    this.bytes = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
    this.firstSeq = before.seq + 1;
    this.point = before;
    this.session = session;
    this.done = new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever awaits a commit sees the rejection; a group that nobody awaits must not end the process.
    this.done.catch(() => undefined);
  }

  get opensSegment(): boolean {
    return this.session !== null;
  }

  ensure(byteCount: number): void {
    const needed = this.end + byteCount;
    if (needed <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.end));
    this.bytes = grown;
    this.view = new DataView(grown.buffer, grown.byteOffset, grown.length);
    this.#isPinned = false;
  }

  /** Memory that the group holds, for the bound on the backlog. */
  get cost(): number {
    const records = this.point.seq - this.firstSeq + 1;
    return this.end + groupOverheadBytes + records * recordOverheadBytes;
  }

  /** Exchanges a buffer that is mostly empty for one of the right size; before anybody reads the group. */
  compact(pool: BufferPool): void {
    if (this.bytes.length < this.end * 2) return;
    const full = this.bytes;
    this.bytes = full.slice(0, this.end);
    this.view = new DataView(this.bytes.buffer);
    if (this.#isPinned) this.#isPinned = false;
    else pool.give(full);
  }

  /** The bytes up to `end` as they are now; they stay so for as long as anybody holds them. */
  pin(): Uint8Array {
    this.#isPinned = true;
    return this.bytes;
  }

  /** Gives the buffer back; the owner no longer reads it. */
  recycle(pool: BufferPool): void {
    if (!this.#isPinned) pool.give(this.bytes);
  }

  complete(): void {
    this.#resolve();
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}

export class BufferPool {
  readonly #free: Uint8Array[] = [];

  take(): Uint8Array {
    return this.#free.pop() ?? new Uint8Array(firstBufferBytes);
  }

  /** Only for a buffer that nobody reads any more. */
  give(buffer: Uint8Array): void {
    if (buffer.length > pooledBytesMax || buffer.length < firstBufferBytes) return;
    if (this.#free.length < pooledBuffersMax) this.#free.push(buffer);
  }
}
