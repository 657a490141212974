// Gives the segment that a crash or a promotion left open its trailer. A segment of an older timeline
// is copied: its name and length on that timeline belong to the database that goes on writing it.
import { crc32, encodeSegmentTrailer, segmentPath } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { dirname } from 'node:path';
import type { OpenTail } from './log-recovery.js';
import type { ChainPoint } from './record-batch.js';
import { loadHeader, segmentOf, type Segment } from './segment-list.js';
import { damaged } from './segment-scan.js';
import { SegmentWriter, makeSegmentFolder } from './segment-writer.js';

const copyStepBytes = 1024 * 1024;

export interface TailPlace {
  readonly disk: Disk;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly timeline: number;
  readonly timelineId: string;
}

/** `point` is the last record of the tail. Returns the closed segment, which may be another file. */
export async function closeTail(
  place: TailPlace,
  tail: OpenTail,
  point: ChainPoint,
): Promise<Segment> {
  const { disk, folder, segmentBytes, timeline, timelineId } = place;
  const header = await loadHeader(disk, tail.segment);
  if (header.timelineId === timelineId) {
    const { offset, checksum } = tail;
    const writer = await SegmentWriter.resume(disk, tail.segment, {
      offset,
      checksum,
      segmentBytes,
    });
    try {
      await writer.close(point);
    } finally {
      await writer.abandon();
    }
    return tail.segment;
  }
  const { session, firstSeq } = header;
  const name = segmentPath({ timeline, timelineId, session, firstSeq, lastSeq: point.seq });
  const copy = segmentOf(folder, name);
  await makeSegmentFolder(disk, copy.path);
  const trailer = encodeSegmentTrailer({
    lastSeq: point.seq,
    lastTime: point.time,
    chain: point.chain,
    checksum: tail.checksum,
    bytes: tail.offset,
  });
  await publishCopy(disk, tail, trailer, copy.path);
  // Only now: until the copy is published the tail is the one place of these records.
  await disk.remove(tail.segment.path);
  await disk.syncFolder(dirname(tail.segment.path));
  copy.header = header;
  copy.lastSeq = point.seq;
  copy.bytes = tail.offset + trailer.length;
  copy.closed = true;
  return copy;
}

/** Written beside, synced, renamed (P8), in steps: a segment can be larger than memory allows. */
async function publishCopy(
  disk: Disk,
  tail: OpenTail,
  trailer: Uint8Array,
  path: string,
): Promise<void> {
  const beside = `${path}.partial`;
  await disk.removeTree(beside);
  const [from, to] = [
    await disk.open(tail.segment.path, 'read'),
    await disk.open(beside, 'create'),
  ];
  try {
    let checksum = 0;
    for (let at = 0; at < tail.offset; at += copyStepBytes) {
      const step = new Uint8Array(Math.min(copyStepBytes, tail.offset - at));
      await from.read(step, at);
      checksum = crc32(step, checksum);
      await to.write(step, at);
    }
    if (checksum !== tail.checksum) {
      throw damaged(tail.segment.path, 0, 'it changed while it was copied');
    }
    await to.write(trailer, tail.offset);
    await to.sync();
  } finally {
    await from.close();
    await to.close();
  }
  await disk.rename(beside, path, { replace: true });
}
