// The files of a checkpoint as a backup stores them: tables whole, logs in pieces, so that a log that has
// grown since the backup before shares its beginning with it. Every checksum is held against what it is
// of while the bytes pass.
import { join } from 'node:path';
import type { Disk, DiskFile } from '@pamina/env';
import { damageError, damageOf, type FileDamage } from '../level/damage.js';
import { filePieces, pieceBytes } from '../level/file-pieces.js';
import { LogCheck } from '../level/log-check.js';
import { TableCheck } from '../level/table-check.js';
import { readTableLayout } from '../level/table-layout.js';
import type { Checkpoint, CheckpointFile } from './link-checkpoint.js';

/** A whole number of pieces as they are read, and of the blocks of a log. */
const logPieceBytes = 16 * pieceBytes;

/** What becomes one file of the backup. */
export interface CheckpointPiece {
  /** Of the file in the store. */
  readonly name: string;
  readonly bytes: number;
  /** Its bytes, proved; views that last until the next but one is asked for. STORE_DAMAGED. */
  read(signal?: AbortSignal): AsyncIterable<Uint8Array>;
}

export function checkpointPieces(disk: Disk, checkpoint: Checkpoint): CheckpointPiece[] {
  const { manifestBytes, manifestName } = checkpoint;
  return [
    ...checkpoint.tables.map((table) => tablePiece(disk, checkpoint, table)),
    ...checkpoint.logs.flatMap((log) => logPieces(disk, checkpoint, log)),
    { name: manifestName, bytes: manifestBytes.length, read: () => once(manifestBytes) },
  ];
}

function tablePiece(disk: Disk, checkpoint: Checkpoint, table: CheckpointFile): CheckpointPiece {
  return {
    ...table,
    read: (signal) =>
      reading(disk, checkpoint, table.name, async function* (file) {
        const layout = await readTableLayout(file);
        if (layout.fileBytes !== table.bytes) {
          throw fault(file.path, 0, `it has ${layout.fileBytes} bytes instead of ${table.bytes}`);
        }
        const check = new TableCheck(layout, refuse);
        for await (const piece of filePieces(file, 0, table.bytes, signal)) {
          check.update(piece);
          yield piece;
        }
        check.finish();
      }),
  };
}

function logPieces(disk: Disk, checkpoint: Checkpoint, log: CheckpointFile): CheckpointPiece[] {
  const pieces: CheckpointPiece[] = [];
  for (let from = 0; from === 0 || from < log.bytes; from += logPieceBytes) {
    const to = Math.min(log.bytes, from + logPieceBytes);
    pieces.push({
      name: log.name,
      bytes: to - from,
      read: (signal) =>
        reading(disk, checkpoint, log.name, async function* (file) {
          let at = from;
          for await (const piece of filePieces(file, from, to, signal)) {
            at += piece.length;
            yield piece;
          }
          if (at < to) throw fault(file.path, at, 'the file ends here');
        }),
    });
  }
  return pieces;
}

/** Each log from its beginning: a record may reach over several pieces. STORE_DAMAGED. */
export async function proveLogs(
  disk: Disk,
  checkpoint: Checkpoint,
  signal?: AbortSignal,
): Promise<void> {
  for (const log of checkpoint.logs) {
    const path = join(checkpoint.storeFolder, log.name);
    const check = new LogCheck({ file: path, onDamage: refuse });
    const bytes = reading(disk, checkpoint, log.name, (file) =>
      filePieces(file, 0, log.bytes, signal),
    );
    for await (const piece of bytes) check.update(piece);
    // Nobody was writing when the checkpoint was made.
    if (check.wholeBytes !== log.bytes) {
      throw fault(path, check.wholeBytes, 'it does not end with a whole record');
    }
  }
}

/** Damage is told of the store's own file: the checkpoint is gone by the time somebody looks. */
async function* reading(
  disk: Disk,
  { folder, storeFolder }: Checkpoint,
  name: string,
  read: (file: DiskFile) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await disk.open(join(folder, name), 'read');
  try {
    yield* read(file);
  } catch (error) {
    const damage = damageOf(error);
    throw damage === null
      ? error
      : damageError({ ...damage, file: join(storeFolder, name) }, error);
  } finally {
    await file.close();
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes);
}

function refuse(damage: FileDamage): never {
  throw damageError(damage);
}

function fault(file: string, offset: number, what: string): Error {
  return damageError({ file, offset, bytes: null, what, lastKey: null });
}
