// `log/synced`: how far this disk is known to hold the log. Overwritten after each sync and never
// synced itself: after kill -9 it is exact, after a power cut it may be older, and then it claims less.
import { join } from 'node:path';
import {
  PaminaError,
  decodeSynced,
  encodeSynced,
  isPaminaError,
  type Synced,
} from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';

export class SyncedFile {
  readonly #file: DiskFile;
  #next: Synced | null = null;
  #writing: Promise<void> | null = null;
  #failure: unknown = null;

  private constructor(file: DiskFile) {
    this.#file = file;
  }

  static async open(disk: Disk, folder: string): Promise<SyncedFile> {
    return new SyncedFile(await disk.open(join(folder, 'synced'), 'write'));
  }

  /** What was noted last; null if there is nothing or if the note itself is torn. */
  static async read(disk: Disk, folder: string): Promise<Synced | null> {
    const bytes = await disk.readFileIfPresent(join(folder, 'synced'));
    return bytes === null ? null : decodeSynced(bytes);
  }

  /** What was noted is true no more; nobody has the log open. */
  static async forget(disk: Disk, folder: string): Promise<void> {
    if ((await disk.stat(join(folder, 'synced'))) === null) return;
    await disk.remove(join(folder, 'synced'));
    await disk.syncFolder(folder);
  }

  /** Notes a sync that has succeeded. Does not wait; notes that come while one is written replace each other. */
  note(synced: Synced): void {
    this.#next = synced;
    this.#writing ??= this.#drain();
  }

  /** Waits until the last note is written and lets go of the file. Throws if it could not be written. */
  async close(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    await this.#file.close();
    if (this.#failure === null) return;
    throw new PaminaError('DISK_ERROR', 'the note of the last log sync could not be written', {
      cause: this.#failure,
    });
  }

  async #drain(): Promise<void> {
    try {
      while (this.#next !== null) {
        const bytes = encodeSynced(this.#next);
        this.#next = null;
        await this.#file.write(bytes, 0);
        this.#failure = null;
      }
    } catch (error) {
      // An older note is still true: it only claims less. That is nobody's loss on a full disk; any
      // other failure is reported by close(), unless a later note got through.
      if (!isPaminaError(error, 'DISK_FULL')) this.#failure = error;
    } finally {
      this.#writing = null;
    }
  }
}
