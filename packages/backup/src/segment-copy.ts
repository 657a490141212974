// Copies one closed segment of the log into a backup and proves the copy: every record's checksum, the
// chain from what went before, the trailer. What is not proved gets no name (P9).
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  PaminaError,
  crc32,
  decodeSegmentHeader,
  decodeSegmentTrailer,
  isPaminaError,
  segmentHeaderBytes,
  segmentTrailerBytes,
  type BackupSegment,
  type SegmentHeader,
} from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import { sliceBytes, type Pacer } from './pacer.js';
import { forEachRecord, scanSegment, trailerFits, type ScanEnd, type Segment } from '@pamina/log';

export interface CopyOptions {
  readonly folder: string;
  readonly pattern: string | null;
  /** Record and chain that the copies go on from; they may lie inside this segment. */
  readonly before: { readonly seq: number; readonly chain: number };
  readonly signal: AbortSignal | undefined;
  readonly pacer: Pacer;
  readonly onBytes: (bytes: number) => void;
}

export interface CopiedSegment {
  readonly entry: BackupSegment;
  /** Commit time of its last record; when it began, if it has none. */
  readonly time: number;
}

const seqDigits = 16;

function segmentFileName(firstSeq: number): string {
  return `${String(firstSeq).padStart(seqDigits, '0')}.seg`;
}

/** LOG_DAMAGED with file and offset, PATTERN_MISMATCH, DIVERGED. */
export async function copySegment(
  disk: Disk,
  segment: Segment,
  options: CopyOptions,
): Promise<CopiedSegment> {
  const file = segmentFileName(segment.firstSeq);
  const path = join(options.folder, file);
  const sha256 = await copyBytes(disk, segment, path, options);
  const copy = await disk.open(path, 'read');
  try {
    const proof = await proveSegment(copy, segment.path, options);
    const { header, bytes, end } = proof;
    const { timeline, timelineId, firstSeq, chainBefore } = header;
    const range = { firstSeq, lastSeq: end.seq, chainBefore, chain: end.chain };
    return { entry: { file, bytes, sha256, timeline, timelineId, ...range }, time: end.time };
  } finally {
    await copy.close();
  }
}

async function copyBytes(
  disk: Disk,
  segment: Segment,
  path: string,
  { onBytes, pacer, signal }: CopyOptions,
): Promise<string> {
  const hash = createHash('sha256');
  const from = await openPresent(disk, segment.path);
  try {
    const to = await disk.open(path, 'create');
    try {
      for (let at = 0; ;) {
        signal?.throwIfAborted();
        const piece = new Uint8Array(sliceBytes);
        const count = await from.read(piece, at);
        if (count === 0) break;
        const bytes = piece.subarray(0, count);
        hash.update(bytes);
        await to.write(bytes, at);
        at += count;
        onBytes(count);
        await pacer.rest();
      }
      await to.sync();
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
  return hash.digest('hex');
}

async function openPresent(disk: Disk, path: string): Promise<DiskFile> {
  try {
    return await disk.open(path, 'read');
  } catch (cause) {
    if (!isPaminaError(cause, 'FILE_NOT_FOUND')) throw cause;
    throw new PaminaError('LOG_GONE', `${path} is missing`, { cause, context: { file: path } });
  }
}

interface Proof {
  readonly header: SegmentHeader;
  readonly bytes: number;
  readonly end: { readonly seq: number; readonly chain: number; readonly time: number };
}

/** Reads a closed segment through. `path` names it in errors. */
async function proveSegment(
  file: DiskFile,
  path: string,
  { before, pacer, pattern }: Pick<CopyOptions, 'before' | 'pacer' | 'pattern'>,
): Promise<Proof> {
  const start = new Uint8Array(segmentHeaderBytes);
  const count = await file.read(start, 0);
  const header = decoded(path, 0, () => decodeSegmentHeader(start.subarray(0, count)));
  if (header.pattern !== pattern) {
    throw new PaminaError('PATTERN_MISMATCH', `${path} is of another database`, {
      context: { file: path },
    });
  }
  const first = { seq: header.firstSeq - 1, chain: header.chainBefore, time: header.startTime };
  let chainThere = first.seq === before.seq ? first.chain : null;
  const scan = scanSegment(file, {
    offset: segmentHeaderBytes,
    point: first,
    checksum: crc32(start.subarray(0, count)),
  });
  let step = await scan.next();
  for (; step.done !== true; step = await scan.next()) {
    forEachRecord(step.value, (record) => {
      if (record.seq === before.seq) chainThere = record.checksum;
    });
    await pacer.rest();
  }
  const end = step.value;
  if (end.reason !== 'trailer') throw damaged(path, end.offset, 'the record here is not whole');
  await proveTrailer(file, path, end);
  if (chainThere !== before.chain) {
    const message = `${path} does not continue the backup at record ${before.seq}`;
    throw new PaminaError('DIVERGED', message, { context: { file: path, seq: before.seq } });
  }
  return { header, bytes: end.offset + segmentTrailerBytes, end: end.point };
}

async function proveTrailer(file: DiskFile, path: string, end: ScanEnd): Promise<void> {
  const bytes = new Uint8Array(segmentTrailerBytes);
  await file.read(bytes, end.offset);
  const trailer = decoded(path, end.offset, () => decodeSegmentTrailer(bytes));
  const fits =
    trailerFits(trailer, end) && (await file.size()) === end.offset + segmentTrailerBytes;
  if (!fits) throw damaged(path, end.offset, 'its trailer does not say what stands before it');
}

function decoded<T>(path: string, offset: number, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    throw damaged(path, offset, (cause as Error).message, cause);
  }
}

function damaged(path: string, offset: number, what: string, cause?: unknown): PaminaError {
  return new PaminaError('LOG_DAMAGED', `${path}, offset ${offset}: ${what}`, {
    cause,
    context: { file: path, offset },
  });
}
