// A database's own log as a source for recovery, whether the database is running or not: it is only
// read.
import { join } from 'node:path';
import type { Disk, DiskFile } from '@pamina/env';
import { PaminaError, isPaminaError } from '@pamina/format';
import { listSegments } from '@pamina/log';
import {
  segmentFacts,
  type CompleteUntil,
  type LogSource,
  type SegmentEntry,
} from './log-source.js';
import { pointIn } from './recover/segment-stream.js';

const pieceBytes = 1024 * 1024;

export interface LogFolderOptions {
  readonly disk: Disk;
  /** Holds the folders of the timelines: `<database>/log`, or a copy of it. */
  readonly folder: string;
  /** Since when nobody has the database open for writing, in ms since 1970; null if somebody has. */
  readonly stoppedAt?: (() => Promise<number | null>) | undefined;
  /** Of a log that is written to in this process: until when its writer says that nothing came. */
  readonly completeUntil?: (() => CompleteUntil | null) | undefined;
  /** Of a log that is written to: the last record that is on disk. */
  readonly settledSeq?: (() => number) | undefined;
  /** Last record that was noted as synced. */
  readonly knownSeq?: number | undefined;
  /** Of a log that is written to in this process. */
  readonly pin?: ((fromSeq: number) => () => void) | undefined;
}

export function logFolderSource(options: LogFolderOptions): LogSource {
  const { completeUntil, disk, folder, knownSeq, pin, settledSeq, stoppedAt } = options;
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
  if (stoppedAt !== undefined) {
    source.completeUntil = async () => {
      const time = await stoppedAt();
      const seq = time === null ? null : await lastRecordOf(source);
      return time === null || seq === null ? null : { seq, time };
    };
  }
  if (completeUntil !== undefined) source.completeUntil = () => Promise.resolve(completeUntil());
  if (settledSeq !== undefined) source.settledSeq = settledSeq;
  if (knownSeq !== undefined) source.knownSeq = () => knownSeq;
  if (pin !== undefined) source.hold = pin;
  return source;
}

/** What stands last in a log that nobody writes to is the last that was committed; null in an empty one. */
export async function lastRecordOf(source: LogSource): Promise<number | null> {
  const last = (await source.segments()).at(-1);
  if (last === undefined) return null;
  const { header } = await segmentFacts(source, last);
  const { seq } = await pointIn({ source, entry: last, header }, Number.MAX_SAFE_INTEGER);
  return seq;
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
