// The log bytes that arrived and are not durable yet, stored one after the other in the order in
// which they came. Small neighbours are stored together: one sync for many.

import { feedChunkBytesMax } from '@pamina/format';
import type { SegmentBytes } from '@pamina/wire';

export interface FrameQueueOptions {
  readonly store: (chunk: SegmentBytes) => Promise<void>;
  readonly onStored: (chunk: SegmentBytes) => void;
  /** Everything that waited has been dropped. */
  readonly onFailed: (error: unknown) => void;
}

/** Bounded by whoever pushes (the credit of the follower). */
export class FrameQueue {
  readonly #options: FrameQueueOptions;
  #waiting: SegmentBytes[] = [];
  #running: Promise<void> | null = null;
  #storing = false;
  #lastSeq = 0;

  constructor(options: FrameQueueOptions) {
    this.#options = options;
  }

  /** Last record that is whole at the end of what waits; 0 when nothing waits. */
  get lastSeq(): number {
    return this.#storing || this.#waiting.length > 0 ? this.#lastSeq : 0;
  }

  push(chunk: SegmentBytes): void {
    this.#waiting.push(chunk);
    this.#lastSeq = chunk.lastSeq;
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // Lets `push` note that it runs before anything can end.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        const chunk = this.#take();
        this.#storing = true;
        await this.#options.store(chunk);
        this.#storing = false;
        this.#options.onStored(chunk);
      }
    } catch (error) {
      this.#storing = false;
      this.#waiting = [];
      this.#options.onFailed(error);
    } finally {
      this.#running = null;
    }
  }

  /** The first one, joined with those behind it that continue it in the same file. */
  #take(): SegmentBytes {
    const first = this.#waiting[0] as SegmentBytes;
    let count = 1;
    let bytes = first.bytes.length;
    let last = first;
    for (; count < this.#waiting.length; count++) {
      const next = this.#waiting[count] as SegmentBytes;
      const follows = next.name === last.name && next.offset === last.offset + last.bytes.length;
      if (!follows || last.endsSegment || bytes + next.bytes.length > feedChunkBytesMax) break;
      bytes += next.bytes.length;
      last = next;
    }
    const taken = this.#waiting.splice(0, count);
    if (count === 1) return first;
    const joined = new Uint8Array(bytes);
    let at = 0;
    for (const chunk of taken) {
      joined.set(chunk.bytes, at);
      at += chunk.bytes.length;
    }
    return { ...first, bytes: joined, endsSegment: last.endsSegment, lastSeq: last.lastSeq };
  }
}
