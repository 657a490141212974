// Puts the files of a checkpoint into the folder of a backup: proved, hashed, and copied, or linked from
// an earlier backup that holds the same. A copy and no link of the store's own file: a block of the disk
// that goes bad must not take the backup with it.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { backupTableFile, type BackupTable } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { orderedParallel } from '../ordered-parallel.js';
import type { Pacer } from '../pacer.js';
import { checkpointPieces, proveLogs, type CheckpointPiece } from './checkpoint-pieces.js';
import type { Checkpoint } from './link-checkpoint.js';
import type { StoredTables } from './stored-tables.js';

export interface TablesWritten {
  readonly tables: readonly BackupTable[];
  /** Of all files. */
  readonly bytes: number;
  /** Of those that no earlier backup held. */
  readonly newBytes: number;
}

export interface WriteTablesOptions {
  readonly disk: Disk;
  /** Nobody reads it yet. */
  readonly folder: string;
  readonly stored: StoredTables;
  readonly signal: AbortSignal | undefined;
  readonly pacer?: Pacer | undefined;
  /** Called once, before anything is copied, with what no earlier backup seems to hold. */
  readonly requireFree: (bytes: number) => Promise<void>;
  /** After each file. */
  readonly onFile: (written: Omit<TablesWritten, 'tables'>) => void;
  /** A file of an earlier backup is not what it was. */
  readonly onDamaged: (path: string) => void;
}

/** Two at a time: the thread pool has four threads, and the syncs of commits need theirs. */
const underWay = { countMax: 2, weightMax: Infinity, weigh: () => 0 };

/** Every file is on disk when this resolves, the names in the folder are not. STORE_DAMAGED. */
export async function writeTables(
  checkpoint: Checkpoint,
  options: WriteTablesOptions,
): Promise<TablesWritten> {
  const { disk, signal } = options;
  const pieces = checkpointPieces(disk, checkpoint);
  const newPieces = pieces.filter((piece) => !options.stored.mayHold(piece));
  await options.requireFree(newPieces.reduce((sum, piece) => sum + piece.bytes, 0));
  await proveLogs(disk, checkpoint, signal);
  const tables: BackupTable[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  let newBytes = 0;
  const written = orderedParallel(pieces.entries(), underWay, ([index, piece]) =>
    writePiece(piece, `incoming-${index}`, options),
  );
  for await (const { table, temporary } of written) {
    signal?.throwIfAborted();
    const path = join(options.folder, table.file);
    if (temporary !== null && seen.has(table.file)) await disk.remove(temporary);
    else if (temporary !== null) {
      // It is there already where a file of another name holds the same.
      await disk.rename(temporary, path, { replace: true });
      newBytes += table.bytes;
    }
    seen.add(table.file);
    tables.push(table);
    bytes += table.bytes;
    options.onFile({ bytes, newBytes });
  }
  return { tables, bytes, newBytes };
}

interface Written {
  readonly table: BackupTable;
  /** Null where the file was linked and has its name. */
  readonly temporary: string | null;
}

async function writePiece(
  piece: CheckpointPiece,
  temporaryName: string,
  options: WriteTablesOptions,
): Promise<Written> {
  options.signal?.throwIfAborted();
  if (options.stored.mayHold(piece)) {
    const table = tableOf(piece, await copyPiece(piece, null, options));
    if (await linkStored(table, options)) return { table, temporary: null };
  }
  const temporary = join(options.folder, temporaryName);
  return { table: tableOf(piece, await copyPiece(piece, temporary, options)), temporary };
}

async function linkStored(table: BackupTable, options: WriteTablesOptions): Promise<boolean> {
  const { folder, onDamaged, signal, stored } = options;
  const linked = await stored.link(table, join(folder, table.file), signal);
  if (typeof linked === 'object') onDamaged(linked.damaged);
  return linked === 'linked';
}

/** To the sha256 of it; with a path the bytes are there on disk. */
async function copyPiece(
  piece: CheckpointPiece,
  path: string | null,
  { disk, pacer, signal }: WriteTablesOptions,
): Promise<string> {
  const hash = createHash('sha256');
  const file = path === null ? null : await disk.open(path, 'create');
  try {
    let at = 0;
    let writing: Promise<void> | undefined;
    try {
      for await (const bytes of piece.read(signal)) {
        hash.update(bytes);
        await writing;
        writing = file?.write(bytes, at);
        writing?.catch(() => {
          // It is awaited before the next one, or at the end.
        });
        at += bytes.length;
        await pacer?.rest();
      }
    } finally {
      await writing;
    }
    await file?.sync();
  } finally {
    await file?.close();
  }
  return hash.digest('hex');
}

function tableOf({ name, bytes }: CheckpointPiece, sha256: string): BackupTable {
  return { file: backupTableFile(sha256, name), bytes, sha256, name };
}
