// Lays out the store of a physical backup: its files under the names that LevelDB knows them by, proved
// as they come, several at a time.
import { join } from 'node:path';
import { isManifestTable, type BackupTable } from '@pamina/format';
import type { Disk, DiskFile, Env } from '@pamina/env';
import { currentFileName } from '../level/store-files.js';
import type { OpenedBackup } from '../open-backup.js';
import { orderedParallel } from '../ordered-parallel.js';
import { requireAgreement } from './agreement.js';
import { fetchTable } from './fetch-table.js';

export interface CopyProgress {
  /** Bytes of files. */
  readonly done: number;
  readonly total: number;
}

export interface CopyOptions {
  readonly env: Env;
  /** Of the store; must not exist. */
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
}

/** Each holds a piece in memory and waits for the network or the disk most of the time. */
const underWay = { countMax: 4, weightMax: Infinity, weigh: () => 0 };

interface Placed {
  readonly table: BackupTable;
  /** Where it begins in the file of its name. */
  readonly at: number;
}

/**
 * The store is on disk when this resolves, as it was when the backup was taken: nobody has opened it.
 * BACKUP_INVALID names the file; whoever calls removes the folder then.
 */
export async function copyStore(backup: OpenedBackup, options: CopyOptions): Promise<void> {
  const { disk } = options.env;
  const { folder } = options;
  const tables = tablesOf(backup);
  await disk.makeFolder(folder);
  const files = await createFiles(disk, folder, new Set(tables.map(({ name }) => name)));
  try {
    await copyFiles(backup, files, options);
    for (const file of files.values()) await file.sync();
  } finally {
    for (const file of files.values()) await file.close();
  }
  const manifest = tables.find(isManifestTable)?.name ?? '';
  requireAgreement(tables, await disk.readFile(join(folder, manifest)));
  // The last one: with it LevelDB takes the folder for a store.
  await disk.createFile(join(folder, currentFileName), new TextEncoder().encode(`${manifest}\n`));
  await disk.syncFolder(folder);
}

async function copyFiles(
  backup: OpenedBackup,
  files: ReadonlyMap<string, DiskFile>,
  options: CopyOptions,
): Promise<void> {
  const { source } = backup;
  const { env, onProgress, signal } = options;
  const total = tablesOf(backup).reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const copied = orderedParallel(placed(tablesOf(backup)), underWay, async ({ table, at }) => {
    const file = files.get(table.name) as DiskFile;
    await fetchTable(table, {
      source,
      clock: env.clock,
      signal,
      take: async (bytes, offset) => {
        await file.write(bytes, at + offset);
        done += bytes.length;
        onProgress?.({ done, total });
      },
    });
  });
  for await (const _ of copied) signal?.throwIfAborted();
}

function* placed(tables: readonly BackupTable[]): Generator<Placed, void, undefined> {
  let at = 0;
  for (const [index, table] of tables.entries()) {
    if (table.name !== tables[index - 1]?.name) at = 0;
    yield { table, at };
    at += table.bytes;
  }
}

async function createFiles(
  disk: Disk,
  folder: string,
  names: ReadonlySet<string>,
): Promise<Map<string, DiskFile>> {
  const files = new Map<string, DiskFile>();
  try {
    for (const name of names) files.set(name, await disk.open(join(folder, name), 'create'));
    return files;
  } catch (error) {
    for (const file of files.values()) await file.close();
    throw error;
  }
}

function tablesOf({ manifest }: OpenedBackup): readonly BackupTable[] {
  return manifest.tables ?? [];
}
