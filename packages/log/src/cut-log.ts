// Takes the end of a log away: a replica that becomes a normal database before a mistake of its master
// must not keep the mistake in its history. What is taken away is kept beside, whole.
import { crc32, encodeSegmentHeader, segmentHeaderBytes } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { dirname, join } from 'node:path';
import { listSegments, loadHeader, type Segment } from './segment-list.js';
import { splitBatch } from './record-batch.js';
import { damaged, scanSegment } from './segment-scan.js';
import { SyncedFile } from './synced-file.js';

const stepBytes = 1024 * 1024;

export interface CutLog {
  /** Where the segments that were taken away are, under the names that they had. */
  readonly folder: string;
  readonly segments: readonly string[];
}

/**
 * Ends a log that nobody has open with record `seq`; null if it does already. From its end backwards, so
 * that a crash leaves a shorter log without a gap, and the next call ends it.
 */
export async function cutLogBehind(
  disk: Disk,
  folder: string,
  seq: number,
): Promise<CutLog | null> {
  const aside = join(folder, `cut-behind-${seq}`);
  const cut: string[] = [];
  for (const segment of (await listSegments(disk, folder)).toReversed()) {
    const isBehind = segment.firstSeq > seq;
    const keptBytes = isBehind ? 0 : await bytesUpTo(disk, segment, seq);
    if (keptBytes === null) break;
    // What it says of synced bytes is no longer so.
    if (cut.length === 0) await SyncedFile.forget(disk, folder);
    const kept = join(aside, segment.name);
    await disk.makeFolder(dirname(kept));
    if (isBehind) await disk.rename(segment.path, kept, { replace: true });
    else await shorten(disk, segment, { bytes: keptBytes, kept, folder });
    await disk.syncFolder(dirname(segment.path));
    await syncUp(disk, kept, folder);
    cut.push(segment.name);
    if (!isBehind) break;
  }
  return cut.length === 0 ? null : { folder: aside, segments: cut.toReversed() };
}

/** Where record `seq` ends in the segment that holds it; null if nothing is to be taken away behind it. */
async function bytesUpTo(disk: Disk, segment: Segment, seq: number): Promise<number | null> {
  const header = await loadHeader(disk, segment);
  const file = await disk.open(segment.path, 'read');
  try {
    let offset = segmentHeaderBytes;
    const scan = scanSegment(file, {
      offset,
      point: { seq: header.firstSeq - 1, chain: header.chainBefore, time: header.startTime },
      checksum: crc32(encodeSegmentHeader(header)),
    });
    for (;;) {
      const step = await scan.next();
      if (step.done === true) {
        if (step.value.point.seq !== seq) {
          throw damaged(segment.path, step.value.offset, `record ${seq} is not here`);
        }
        return null;
      }
      const { firstSeq, offset: at, point, start, end } = step.value;
      if (firstSeq > seq) return offset;
      offset = at + (end - start);
      if (point.seq > seq) {
        const [part] = splitBatch(step.value, seq);
        return at + (part.end - part.start);
      }
    }
  } finally {
    await file.close();
  }
}

/** The whole is on disk beside before anything of it is cut off. */
async function shorten(
  disk: Disk,
  segment: Segment,
  {
    bytes,
    folder,
    kept,
  }: { readonly bytes: number; readonly folder: string; readonly kept: string },
): Promise<void> {
  const file = await disk.open(segment.path, 'write');
  try {
    const beside = `${kept}.partial`;
    await disk.removeTree(beside);
    const copy = await disk.open(beside, 'create');
    try {
      const size = await file.size();
      for (let at = 0; at < size; at += stepBytes) {
        const step = new Uint8Array(Math.min(stepBytes, size - at));
        await file.read(step, at);
        await copy.write(step, at);
      }
      await copy.sync();
    } finally {
      await copy.close();
    }
    await disk.rename(beside, kept, { replace: true });
    await syncUp(disk, kept, folder);
    await file.truncate(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The names of a path on disk, up to the folder that was there before. */
async function syncUp(disk: Disk, path: string, folder: string): Promise<void> {
  for (let at = dirname(path); at !== folder; at = dirname(at)) await disk.syncFolder(at);
  await disk.syncFolder(folder);
}
