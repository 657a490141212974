// Gives the segment that a crash or a promotion left open its trailer. A segment of an older timeline
// is copied: its name and length on that timeline belong to the database that goes on writing it.
import { segmentPath, encodeSegmentTrailer } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { dirname } from 'node:path';
import type { OpenTail } from './log-recovery.js';
import type { ChainPoint } from './record-batch.js';
import { loadHeader, segmentOf, type Segment } from './segment-list.js';
import { SegmentWriter } from './segment-writer.js';

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
    await writer.close(point);
    return tail.segment;
  }
  const { session, firstSeq } = header;
  const name = segmentPath({ timeline, timelineId, session, firstSeq, lastSeq: point.seq });
  const copy = segmentOf(folder, name);
  await disk.makeFolder(dirname(copy.path));
  const records = (await disk.readFile(tail.segment.path)).subarray(0, tail.offset);
  const trailer = encodeSegmentTrailer({
    lastSeq: point.seq,
    lastTime: point.time,
    chain: point.chain,
    checksum: tail.checksum,
    bytes: tail.offset,
  });
  const bytes = new Uint8Array(records.length + trailer.length);
  bytes.set(records);
  bytes.set(trailer, records.length);
  await disk.replaceFile(copy.path, bytes);
  // Only now: until the copy is published the tail is the one place of these records.
  await disk.remove(tail.segment.path);
  await disk.syncFolder(dirname(tail.segment.path));
  copy.header = header;
  copy.lastSeq = point.seq;
  copy.bytes = bytes.length;
  copy.closed = true;
  return copy;
}
