// How much log is kept (P10): what the kept backups, the replicas seen here and local recovery need.
import { archiveHeldBytesMax } from '@pamina/format';
import { loadHeader, type Log } from '@pamina/log';
import type { Disk } from '@pamina/env';
import type { Slot } from './slots.js';

export interface RetentionNeeds {
  /** Records after it may be needed for replay at the next open. */
  readonly checkpointSeq: number;
  /** Oldest record that a kept backup needs; null without a backup other than the initial one. */
  readonly keepFromSeq: number | null;
  /** Of closed log, while there is no such backup; 0 = no cap. */
  readonly bytesWithoutBackup: number;
  readonly slots: readonly Slot[];
  /** Of each archive, the oldest record that is kept for it. */
  readonly archiveFromSeqs?: readonly number[] | undefined;
}

/** The first record that must stay. Pins of running readers are the log's own affair. */
export function firstSeqToKeep(log: Log, needs: RetentionNeeds): number {
  let first = needs.checkpointSeq + 1;
  // With its last record: that segment's trailer may be all that the replica lacks of it.
  for (const slot of needs.slots) first = Math.min(first, slot.durable);
  // An archive that cannot be reached must not fill the disk: it loses its place past the cap.
  const held = Math.max(
    Math.min(...(needs.archiveFromSeqs ?? [])),
    firstWithin(log, archiveHeldBytesMax),
  );
  const kept = needs.keepFromSeq ?? firstWithin(log, needs.bytesWithoutBackup || Infinity);
  return Math.min(first, held, kept);
}

/**
 * The first record of what was committed after `time`, as far as whole closed segments tell: a segment is as
 * old as the beginning of the next one. Only those from `fromSeq` on are looked at, up to the first younger one.
 */
export async function firstSeqAfter(
  log: Pick<Log, 'segments' | 'firstSeq'>,
  disk: Disk,
  fromSeq: number,
  time: number,
): Promise<number> {
  const segments = [...log.segments()];
  let first = log.firstSeq;
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (!segment.closed || next === undefined) break;
    if ((segment.lastSeq ?? 0) < fromSeq) continue;
    const { startTime } = await loadHeader(disk, next);
    if (startTime > time) break;
    first = next.firstSeq;
  }
  return first;
}

/** Without a backup nothing but the initial one could use old log: it is dropped past a stated size. */
function firstWithin(log: Log, bytesMax: number): number {
  const closed = log.segments().filter((segment) => segment.closed);
  let bytes = closed.reduce((sum, segment) => sum + segment.bytes, 0);
  let first = log.firstSeq;
  for (const segment of closed) {
    if (bytes <= bytesMax) break;
    bytes -= segment.bytes;
    first = (segment.lastSeq ?? first) + 1;
  }
  return first;
}
