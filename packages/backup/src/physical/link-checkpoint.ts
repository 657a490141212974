// A checkpoint of a store that is open: hard links to its live files beside it, in milliseconds. Tables
// never change once they are written. LevelDB goes on compacting meanwhile, so whether the files that were
// linked belong together is proved afterwards (FACTS, hazard 5).
import { join } from 'node:path';
import { PaminaError, isPaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { readCurrent, readStoreFiles, tableNames, type StoreFiles } from '../level/store-files.js';

export interface CheckpointFile {
  /** In the store and in the checkpoint. */
  readonly name: string;
  /** A log grows behind them: LevelDB still writes to the file that is linked. */
  readonly bytes: number;
}

export interface Checkpoint {
  /** Whose files these are. */
  readonly storeFolder: string;
  readonly folder: string;
  readonly manifestName: string;
  readonly manifestBytes: Uint8Array;
  readonly tables: readonly CheckpointFile[];
  readonly logs: readonly CheckpointFile[];
}

/** Each attempt fails only by a compaction that ended within it. */
const attemptsMax = 1000;

/**
 * Nobody may write to the store until this resolves; then the files, the logs up to their bytes here, are
 * its state. `folder` exists, is empty, and is in the store's file system (LINK_REFUSED). Nothing of it is
 * synced: whoever copies it syncs the copies. STORE_DAMAGED.
 */
export async function linkCheckpoint(
  disk: Disk,
  storeFolder: string,
  folder: string,
): Promise<Checkpoint> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    try {
      const files = await readStoreFiles(disk, storeFolder);
      const checkpoint = await linkFiles(disk, files, folder);
      if (await isUnchanged(disk, files)) return checkpoint;
    } catch (error) {
      // A compaction removed it after the MANIFEST was read.
      if (!isPaminaError(error, 'FILE_NOT_FOUND')) throw error;
    }
  }
  const message = `the files of ${storeFolder} changed all the time while they were being linked`;
  throw new PaminaError('STORE_ERROR', message, { context: { path: storeFolder } });
}

async function linkFiles(disk: Disk, files: StoreFiles, folder: string): Promise<Checkpoint> {
  const tables: CheckpointFile[] = [];
  for (const { number, bytes } of files.tables) {
    tables.push({ name: await linkTable(disk, files.folder, number, folder), bytes });
  }
  for (const { name } of files.logs) {
    await linkOnce(disk, join(files.folder, name), join(folder, name));
  }
  const { logs, manifestBytes, manifestName } = files;
  return { storeFolder: files.folder, folder, manifestName, manifestBytes, tables, logs };
}

async function linkTable(
  disk: Disk,
  storeFolder: string,
  number: number,
  folder: string,
): Promise<string> {
  const [name, oldName] = tableNames(number);
  try {
    await linkOnce(disk, join(storeFolder, name), join(folder, name));
    return name;
  } catch (error) {
    if (!isPaminaError(error, 'FILE_NOT_FOUND')) throw error;
    await linkOnce(disk, join(storeFolder, oldName), join(folder, oldName));
    return oldName;
  }
}

/** What an attempt before linked is the same file: LevelDB uses no number twice. */
async function linkOnce(disk: Disk, from: string, to: string): Promise<void> {
  try {
    await disk.link(from, to);
  } catch (error) {
    if (!isPaminaError(error, 'FILE_EXISTS')) throw error;
  }
}

/** Whatever LevelDB does with its files it notes in the MANIFEST before it removes one. */
async function isUnchanged(disk: Disk, files: StoreFiles): Promise<boolean> {
  if ((await readCurrent(disk, files.folder)) !== files.manifestName) return false;
  const status = await disk.stat(join(files.folder, files.manifestName));
  return status?.bytes === files.manifestBytes.length;
}
