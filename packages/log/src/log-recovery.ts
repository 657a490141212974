// Opens what a crash may have left: verifies the chain, cuts a torn tail and keeps it beside, refuses
// a damaged middle with file and offset (P6), and makes the tail durable before anybody reads it (P7).
import {
  PaminaError,
  crc32,
  encodeSegmentHeader,
  segmentHeaderBytes,
  type SegmentHeader,
  type Synced,
} from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import { forEachRecord, type ChainPoint, type RecordBatch } from './record-batch.js';
import { listSegments, loadHeader, type Segment } from './segment-list.js';
import { damaged, scanSegment, type ScanEnd } from './segment-scan.js';
import { acceptTrailer, settleClosed, settleTail, syncedTo } from './settle-tail.js';
import { dropUnborn, putAside, withoutSuperseded } from './stray-segments.js';
import { SyncedFile } from './synced-file.js';

export interface LogEvent {
  readonly event: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly folder: string;
  /** Where this copy's log begins: the state that it was laid out with. */
  readonly base: ChainPoint;
  /** Records up to here need not be verified again. */
  readonly from: ChainPoint;
  /** Timeline whose segments this database writes itself, so that their notes of synced bytes are about this disk. */
  readonly ownTimelineId: string | null;
  /** Sequence numbers whose chain the caller wants to compare. */
  readonly watch: readonly number[];
  readonly onEvent: (event: LogEvent) => void;
}

/** An open segment at the end of the log: verified and synced up to `offset`. */
export interface OpenTail {
  readonly segment: Segment;
  readonly offset: number;
  readonly checksum: number;
}

export interface RecoveredLog {
  readonly segments: Segment[];
  readonly point: ChainPoint;
  readonly tail: OpenTail | null;
  /** Chain after each watched record that was passed. */
  readonly chains: ReadonlyMap<number, number>;
}

export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  const { disk, folder } = options;
  const synced = await SyncedFile.read(disk, folder);
  const segments = await withoutSuperseded(options, await listSegments(disk, folder));
  await dropUnborn(options, segments, synced);
  const last = segments.at(-1);
  if (synced !== null && synced.segmentFirstSeq > (last?.firstSeq ?? 0)) {
    throw new PaminaError(
      'LOG_DAMAGED',
      `${folder}: the segment that starts with record ${synced.segmentFirstSeq} is missing`,
      { context: { file: folder, seq: synced.segmentFirstSeq } },
    );
  }
  return verifyFrom(options, segments, synced);
}

async function verifyFrom(
  options: RecoveryOptions,
  segments: Segment[],
  synced: Synced | null,
): Promise<RecoveredLog> {
  const chains = new Map<number, number>();
  let point: ChainPoint = options.base;
  let tail: OpenTail | null = null;
  const first = startIndex(segments, options);
  for (let index = first; index < segments.length; index++) {
    const segment = segments[index]!;
    const header = await loadHeader(options.disk, segment);
    checkContinues(segment, header, index === first ? null : point, options.base);
    const before = { seq: header.firstSeq - 1, chain: header.chainBefore, time: header.startTime };
    if (options.watch.includes(before.seq)) chains.set(before.seq, before.chain);
    const isLast = index === segments.length - 1;
    const file = await options.disk.open(segment.path, isLast ? 'write' : 'read');
    try {
      const end = await scanWatched(file, header, before, options.watch, chains);
      const mayBeTorn = isLast && syncedTo(segment, synced) <= end.offset;
      const isClosed =
        end.reason === 'trailer' && (await acceptTrailer(file, segment, end, mayBeTorn));
      if (!isClosed && !isLast) {
        throw damaged(segment.path, end.offset, 'the segment breaks off before its trailer');
      }
      if (!isClosed) tail = await settleTail(options, file, segment, header, end, synced);
      else if (isLast) await settleClosed(file, segment, end, synced);
      point = end.point;
    } finally {
      await file.close();
    }
  }
  if (tail !== null && tail.offset === segmentHeaderBytes) {
    await putAside(options, segments.pop()!);
    // Now another segment is the last one, and is verified as such.
    return verifyFrom(options, segments, synced);
  }
  markClosed(segments);
  return { segments, point, tail, chains };
}

/** A segment with another behind it is closed; what its trailer says is checked when it is read. */
function markClosed(segments: readonly Segment[]): void {
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined) return;
    segment.closed = true;
    segment.lastSeq = next.firstSeq - 1;
  }
}

/** The last segment is verified whole, whatever the checkpoint says: it is where crashes leave their marks. */
function startIndex(segments: readonly Segment[], options: RecoveryOptions): number {
  const wanted = options.from.seq + 1;
  let index = 0;
  while (index + 1 < segments.length && segments[index + 1]!.firstSeq <= wanted) index++;
  const first = segments[index];
  if (first !== undefined && first.firstSeq > wanted) {
    throw new PaminaError(
      'LOG_GONE',
      `records ${wanted} to ${first.firstSeq - 1} are missing before ${first.path}`,
      { context: { file: first.path, seq: wanted } },
    );
  }
  return index;
}

function checkContinues(
  segment: Segment,
  header: SegmentHeader,
  point: ChainPoint | null,
  base: ChainPoint,
): void {
  const before = point ?? (header.firstSeq === base.seq + 1 ? base : null);
  if (before === null) return;
  if (header.firstSeq !== before.seq + 1) {
    const missing = `records ${before.seq + 1} to ${header.firstSeq - 1} are missing before it`;
    throw damaged(segment.path, 48, missing);
  }
  if (header.chainBefore !== before.chain) {
    throw damaged(segment.path, 56, 'its chain does not continue the segment before it');
  }
}

async function scanWatched(
  file: DiskFile,
  header: SegmentHeader,
  before: ChainPoint,
  watch: readonly number[],
  chains: Map<number, number>,
): Promise<ScanEnd> {
  const scan = scanSegment(file, {
    offset: segmentHeaderBytes,
    point: before,
    checksum: crc32(encodeSegmentHeader(header)),
  });
  for (;;) {
    const step = await scan.next();
    if (step.done === true) return step.value;
    for (const seq of watch) noteChain(step.value, seq, chains);
  }
}

function noteChain(batch: RecordBatch, seq: number, chains: Map<number, number>): void {
  if (seq < batch.firstSeq || seq > batch.point.seq) return;
  forEachRecord(batch, (header) => {
    if (header.seq === seq) chains.set(seq, header.checksum);
  });
}
