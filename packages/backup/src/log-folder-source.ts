// A database's own log as a source for recovery, whether the database is running or not: it is only
// read.
import { join } from 'node:path';
import type { Disk, DiskFile } from '@pamina/env';
import { PaminaError, isPaminaError } from '@pamina/format';
import { listSegments } from '@pamina/log';
import type { CompleteUntil, LogSource, SegmentEntry } from './log-source.js';

const pieceBytes = 1024 * 1024;

export interface LogFolderOptions {
  readonly disk: Disk;
  /** Holds the folders of the timelines: `<database>/log`, or a copy of it. */
  readonly folder: string;
  /** Where the owner knows that nothing later was committed up to a time. */
  readonly completeUntil?: (() => Promise<CompleteUntil | null>) | undefined;
  /** Of a log that is written to in this process. */
  readonly pin?: ((fromSeq: number) => () => void) | undefined;
}

export function logFolderSource(options: LogFolderOptions): LogSource {
  const { completeUntil, disk, folder, pin } = options;
  const source: LogSource = {
    describe: () => folder,
    async segments() {
      return (await listSegments(disk, folder)).map(({ name, place, bytes }) => ({
        name,
        timeline: place.timeline,
        timelineId: place.timelineId,
        firstSeq: place.firstSeq,
        bytes,
      }));
    },
    read: (entry, offset) => readPieces(disk, folder, entry, offset),
  };
  if (completeUntil !== undefined) source.completeUntil = completeUntil;
  if (pin !== undefined) source.hold = pin;
  return source;
}

/** The size is asked again: a segment that is open may have grown since it was listed. */
async function* readPieces(
  disk: Disk,
  folder: string,
  entry: SegmentEntry,
  offset: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const file = await openPresent(disk, join(folder, entry.name));
  try {
    const size = await file.size();
    for (let at = offset; at < size;) {
      const piece = new Uint8Array(Math.min(pieceBytes, size - at));
      const count = await file.read(piece, at);
      if (count === 0) return;
      yield piece.subarray(0, count);
      at += count;
    }
  } finally {
    await file.close();
  }
}

async function openPresent(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path, 'read');
  } catch (cause) {
    if (!isPaminaError(cause, 'FILE_NOT_FOUND')) throw cause;
    throw new PaminaError('LOG_GONE', `${path} was deleted`, { cause, context: { file: path } });
  }
}
