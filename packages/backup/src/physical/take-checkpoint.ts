// Where the checkpoint of a database stands while a physical backup is made of it: beside its store, in
// the same file system, whatever place the backup goes to.
import { join } from 'node:path';
import { PaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';
import type { BackupDatabase } from '../contract.js';
import { storeFolderOf } from '../free-space.js';
import { linkCheckpoint, type Checkpoint } from './link-checkpoint.js';

const checkpointFolderName = 'store.checkpoint';

/** Makes a checkpoint when it is told to, and removes it. */
export class CheckpointMaker {
  readonly #disk: Disk;
  readonly #storeFolder: string;
  readonly #folder: string;
  #checkpoint: Checkpoint | null = null;

  private constructor(disk: Disk, databaseFolder: string) {
    this.#disk = disk;
    this.#storeFolder = storeFolderOf(databaseFolder);
    this.#folder = join(databaseFolder, checkpointFolderName);
  }

  /** BACKUP_FORM where the store's files are not LevelDB's. */
  static async prepare({ env, control, folder }: BackupDatabase): Promise<CheckpointMaker> {
    if (!env.stores.isLevelDb) {
      const message = `the store of ${control.name} has no files that could be backed up as they are`;
      throw new PaminaError('BACKUP_FORM', message, { context: { path: folder } });
    }
    const maker = new CheckpointMaker(env.disk, folder);
    await env.disk.makeFolder(maker.#folder);
    return maker;
  }

  /** Nothing may be applied to the store meanwhile. LINK_REFUSED, STORE_DAMAGED. */
  async make(): Promise<void> {
    this.#checkpoint = await linkCheckpoint(this.#disk, this.#storeFolder, this.#folder);
  }

  get checkpoint(): Checkpoint {
    if (this.#checkpoint === null) throw new TypeError('the checkpoint was not made');
    return this.#checkpoint;
  }

  remove(): Promise<void> {
    return this.#disk.removeTree(this.#folder);
  }
}

/** What a crash left: one backup of a database runs at a time. It keeps removed tables on the disk. */
export function removeOldCheckpoint({ env, folder }: BackupDatabase): Promise<void> {
  return env.disk.removeTree(join(folder, checkpointFolderName));
}
