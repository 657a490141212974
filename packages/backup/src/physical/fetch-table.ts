// Reads one file of a physical backup from wherever it is, proved by its sha256. What is interrupted goes
// on where it was, if the source can.
import { createHash } from 'node:crypto';
import { errorTable, isPaminaError, type BackupTable } from '@pamina/format';
import type { Clock } from '@pamina/env';
import { chunkInvalid } from '../chunk-format.js';
import type { BackupSource } from '../source.js';

export interface FetchOptions {
  readonly source: BackupSource;
  /** Without it nothing is tried a second time. */
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The bytes at `at` of the file; not proved before the fetch resolves. They may not be kept. */
  readonly take: (bytes: Uint8Array, at: number) => Promise<void> | void;
}

/** In a row, without a byte between them. */
const attemptsMax = 5;
const pauseMs = 500;

/** BACKUP_INVALID names the file. */
export async function fetchTable(table: BackupTable, options: FetchOptions): Promise<void> {
  const { clock, signal, source, take } = options;
  const hash = createHash('sha256');
  let at = 0;
  for (let attempt = 1; at < table.bytes || attempt === 1; attempt++) {
    const before = at;
    try {
      for await (const piece of readFrom(source, table, at)) {
        signal?.throwIfAborted();
        if (at + piece.length > table.bytes) {
          throw chunkInvalid(table.file, 'it is longer than the manifest says');
        }
        hash.update(piece);
        await take(piece, at);
        at += piece.length;
      }
      if (at < table.bytes) {
        throw chunkInvalid(table.file, 'it is shorter than the manifest says');
      }
      break;
    } catch (error) {
      signal?.throwIfAborted();
      if (at > before) attempt = 1;
      const isHopeless = clock === undefined || source.readRange === undefined;
      if (isHopeless || attempt === attemptsMax || !isInterruption(error)) throw error;
      await clock.sleep(pauseMs, signal);
    }
  }
  if (hash.digest('hex') !== table.sha256) {
    throw chunkInvalid(table.file, 'its content is not what the manifest says');
  }
}

function readFrom(source: BackupSource, table: BackupTable, at: number): AsyncIterable<Uint8Array> {
  if (at === 0 || source.readRange === undefined) return source.readFile(table.file);
  return source.readRange(table.file, at, table.bytes - at);
}

/** The network failed, and may not the next time. */
function isInterruption(error: unknown): boolean {
  if (!isPaminaError(error)) return false;
  const { exitStatus, retryable } = errorTable[error.code];
  return exitStatus === 8 && retryable;
}
