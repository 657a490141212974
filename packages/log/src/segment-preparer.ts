// The next segment's file, filled with zeros and synced before it is needed: filling it while commits
// wait was most of the longest stalls, and a sync of space that is on disk already is 1.5 times as fast.
import { join } from 'node:path';
import { isPaminaError, toPaminaError, type PaminaError } from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';

/** Below the log folder; no segment, so that opening takes it for nothing. */
const preparedName = 'prepared';
const stepBytes = 1024 * 1024;

export class SegmentPreparer {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #bytes: number;
  #ready: DiskFile | null = null;
  #running: Promise<void> | null = null;
  #isStopped = false;
  /** The last one could not be made; the next segment does without, and then it is tried again. */
  #failure: PaminaError | null = null;

  constructor(disk: Disk, folder: string, bytes: number) {
    this.#disk = disk;
    this.#path = join(folder, preparedName);
    this.#bytes = bytes;
  }

  /** Removes what a crash left. */
  static async clean(disk: Disk, folder: string): Promise<void> {
    await disk.removeTree(join(folder, preparedName));
  }

  /** Begins unless one is ready or being made. Does not wait. */
  start(): void {
    const isIdle = this.#ready === null && this.#running === null && this.#failure === null;
    if (!isIdle || this.#isStopped) return;
    this.#running = this.#prepare().finally(() => {
      this.#running = null;
    });
  }

  /**
   * The prepared file under the name of its segment, which is on disk; null if there is none, or if a
   * full disk has no room for the name: then the segment is begun without and meets the disk itself.
   */
  async take(path: string): Promise<DiskFile | null> {
    const file = this.#ready;
    this.#ready = null;
    this.#failure = null;
    if (file === null) return null;
    try {
      await this.#disk.rename(this.#path, path);
      return file;
    } catch (error) {
      await this.#discard(file);
      if (lacksRoomForName(error)) return null;
      throw error;
    }
  }

  /** Leaves nothing behind. */
  async close(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    const file = this.#ready;
    this.#ready = null;
    if (file !== null) await this.#discard(file);
  }

  async #prepare(): Promise<void> {
    let file: DiskFile | null = null;
    try {
      file = await this.#disk.open(this.#path, 'create');
      const zeros = new Uint8Array(Math.min(stepBytes, this.#bytes));
      for (let at = 0; at < this.#bytes && !this.#isStopped; at += zeros.length) {
        await file.write(zeros.subarray(0, Math.min(zeros.length, this.#bytes - at)), at);
        // In steps, so that no sync of a commit waits behind one of a whole segment.
        await file.datasync();
      }
      this.#ready = file;
    } catch (error) {
      // Nothing was promised: the segment is begun without, and meets the disk's error itself if it lasts.
      this.#failure = toPaminaError(error);
      if (file !== null) await this.#discard(file);
    }
  }

  async #discard(file: DiskFile): Promise<void> {
    await file.close();
    try {
      await this.#disk.remove(this.#path);
    } catch (error) {
      // The next open removes it.
      if (!isPaminaError(error)) throw error;
    }
  }
}

/** Nothing was changed by it, unlike by a folder that could not be synced after it. */
function lacksRoomForName(error: unknown): boolean {
  return isPaminaError(error, 'DISK_FULL') && error.context['operation'] === 'rename';
}
