// A stream of bytes with the face of a file that is read from front to back: what scans segments need
// not know whether they come from a disk or from an archive.
import { PaminaError } from '@pamina/format';
import type { LogSource, SegmentEntry } from './log-source.js';

export class SequentialFile {
  /** Bytes that were handed out. */
  bytesRead = 0;
  readonly #entry: SegmentEntry;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #held: Uint8Array = new Uint8Array(0);
  #at: number;

  constructor(source: LogSource, entry: SegmentEntry, offset: number) {
    this.#entry = entry;
    this.#pieces = source.read(entry, offset)[Symbol.asyncIterator]();
    this.#at = offset;
  }

  size(): Promise<number> {
    return Promise.resolve(this.#entry.bytes);
  }

  /** `at` is where the read before ended. Fewer bytes than asked for only at the end. */
  async read(into: Uint8Array, at: number): Promise<number> {
    if (at !== this.#at) {
      const message = `${this.#entry.name} is read from front to back, not at ${at}`;
      throw new PaminaError('INTERNAL', message);
    }
    let count = 0;
    while (count < into.length) {
      if (this.#held.length === 0) {
        const step = await this.#pieces.next();
        if (step.done === true) break;
        this.#held = step.value;
      }
      const part = this.#held.subarray(0, into.length - count);
      into.set(part, count);
      this.#held = this.#held.subarray(part.length);
      count += part.length;
    }
    this.#at += count;
    this.bytesRead += count;
    return count;
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}
