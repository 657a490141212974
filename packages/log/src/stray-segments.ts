// Segments that a crash left over: one that was being born, one that a promotion has moved, or, in earlier versions, copied.
import {
  decodeSegmentHeader,
  isPaminaError,
  segmentHeaderBytes,
  type Synced,
} from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import type { RecoveryOptions } from './log-recovery.js';
import type { Segment } from './segment-list.js';
import { damaged } from './segment-scan.js';
import { readFrom, syncedTo } from './settle-tail.js';
import { findProofOfSync } from './tail-proof.js';

/** Of two segments with the same first record one is what a promotion made of it: the other goes. */
export async function withoutSuperseded(
  options: RecoveryOptions,
  segments: readonly Segment[],
): Promise<Segment[]> {
  const kept: Segment[] = [];
  for (const segment of segments) {
    const before = kept.at(-1);
    if (before !== undefined && before.firstSeq === segment.firstSeq) {
      const isCopy =
        segment.place.lastSeq !== null && segment.place.timeline > before.place.timeline;
      if (isCopy) {
        kept.pop();
        await options.disk.remove(before.path);
      } else if (await holdsNothing(options.disk, before)) {
        // Its beginning failed, and its removal did not outlive a crash.
        await putAside(options, kept.pop()!);
      } else if (await holdsNothing(options.disk, segment)) {
        await putAside(options, segment);
        continue;
      } else {
        throw damaged(segment.path, 48, `${before.name} begins with the same record`);
      }
    }
    kept.push(segment);
  }
  return kept;
}

/**
 * A file whose header never reached the disk whole was being born when the power went or the process
 * was killed: no group in it was ever synced.
 */
export async function dropUnborn(
  options: RecoveryOptions,
  segments: Segment[],
  synced: Synced | null,
): Promise<void> {
  const last = segments.at(-1);
  if (last === undefined || syncedTo(last, synced) > 0) return;
  const file = await options.disk.open(last.path, 'read');
  try {
    const header = new Uint8Array(segmentHeaderBytes);
    await file.read(header, 0);
    const isHeader = header.some((byte) => byte !== 0);
    if (isHeader && !(isCutHeader(header) && (await endsWithHeader(file)))) return;
    if (last.place.timelineId === options.ownTimelineId) {
      const rest = await readFrom(file, segmentHeaderBytes);
      const before = { seq: last.firstSeq - 1, chain: 0 };
      const proof = findProofOfSync(rest, segmentHeaderBytes, before);
      if (proof !== null) {
        const what = `the header is gone, and the record at offset ${proof} says that it was synced`;
        throw damaged(last.path, 0, what);
      }
    }
  } finally {
    await file.close();
  }
  segments.pop();
  await putAside(options, last);
}

/** A header that was written in part; one of another version is none. */
function isCutHeader(header: Uint8Array): boolean {
  try {
    decodeSegmentHeader(header);
    return false;
  } catch (error) {
    return isPaminaError(error, 'SEGMENT_INVALID');
  }
}

async function endsWithHeader(file: DiskFile): Promise<boolean> {
  const rest = await readFrom(file, segmentHeaderBytes);
  return rest.every((byte) => byte === 0);
}

/** No byte stands behind its header. */
async function holdsNothing(disk: Disk, segment: Segment): Promise<boolean> {
  const file = await disk.open(segment.path, 'read');
  try {
    return await endsWithHeader(file);
  } finally {
    await file.close();
  }
}

/** Takes a segment without a whole record out of the way: the next session or the master begins it anew. */
export async function putAside(options: RecoveryOptions, segment: Segment): Promise<void> {
  await options.disk.rename(segment.path, `${segment.path}.torn-0`, { replace: true });
  options.onEvent({
    event: 'unborn-segment-dropped',
    message: `${segment.name} holds no whole record and was put aside`,
    fields: { file: segment.path },
  });
}
