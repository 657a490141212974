// Gives the segment that a crash or a promotion left open its trailer. A segment of an older timeline
// is moved first: its name and length on that timeline belong to the database that goes on writing it.
import { segmentPath } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { dirname } from 'node:path';
import type { OpenTail } from './log-recovery.js';
import type { ChainPoint } from './record-batch.js';
import { loadHeader, segmentOf, type Segment } from './segment-list.js';
import { SegmentWriter, makeSegmentFolder } from './segment-writer.js';

export interface TailPlace {
  readonly disk: Disk;
  readonly folder: string;
  readonly segmentBytes: number;
  readonly timeline: number;
  readonly timelineId: string;
}

/** `point` is the last record of the tail. Returns the closed segment, which may have another name. */
export async function closeTail(
  place: TailPlace,
  tail: OpenTail,
  point: ChainPoint,
): Promise<Segment> {
  const { disk, timeline, timelineId } = place;
  const header = await loadHeader(disk, tail.segment);
  if (header.timelineId === timelineId) {
    await close(place, tail, point);
    return tail.segment;
  }
  const { session, firstSeq } = header;
  const name = segmentPath({ timeline, timelineId, session, firstSeq, lastSeq: point.seq });
  const segment = await moved(place, tail.segment, name);
  segment.header = header;
  await close(place, { ...tail, segment }, point);
  return segment;
}

/** Under its new name it is a segment that a crash left open, until it has its trailer. */
async function moved({ disk, folder }: TailPlace, from: Segment, name: string): Promise<Segment> {
  const segment = segmentOf(folder, name);
  await makeSegmentFolder(disk, segment.path);
  // There already: who moved it may have failed at the sync, and with a trailer it must not be where it was.
  if (from.name === name) await disk.syncFolder(dirname(segment.path));
  else await disk.rename(from.path, segment.path);
  return segment;
}

async function close(
  { disk, segmentBytes }: TailPlace,
  { checksum, offset, segment }: OpenTail,
  point: ChainPoint,
): Promise<void> {
  const writer = await SegmentWriter.resume(disk, segment, { offset, checksum, segmentBytes });
  try {
    await writer.close(point);
  } finally {
    await writer.abandon();
  }
}
