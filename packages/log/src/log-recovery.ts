// Opens what a crash may have left: verifies the chain, cuts a torn tail and keeps it beside, refuses
// a damaged middle with file and offset (P6), and makes the tail durable before anybody reads it (P7).
import {
  PaminaError,
  crc32,
  decodeSegmentTrailer,
  encodeSegmentHeader,
  segmentHeaderBytes,
  segmentTrailerBytes,
  type SegmentHeader,
  type Synced,
} from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import { forEachRecord, type ChainPoint, type RecordBatch } from './record-batch.js';
import { listSegments, loadHeader, type Segment } from './segment-list.js';
import { damaged, scanSegment, type ScanEnd } from './segment-scan.js';
import { SyncedFile } from './synced-file.js';
import { findProofOfSync } from './tail-proof.js';

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
  const segments = await withoutSuperseded(disk, await listSegments(disk, folder));
  await dropUnborn(options, segments, synced);
  const last = segments.at(-1);
  if (synced !== null && synced.segmentFirstSeq > (last?.firstSeq ?? 0)) {
    throw new PaminaError(
      'LOG_DAMAGED',
      `${folder}: the segment that starts with record ${synced.segmentFirstSeq} is missing`,
      { context: { file: folder, seq: synced.segmentFirstSeq } },
    );
  }
  if (last === undefined) {
    return { segments, point: options.base, tail: null, chains: new Map() };
  }
  return verifyFrom(options, segments, synced);
}

async function verifyFrom(
  options: RecoveryOptions,
  segments: Segment[],
  synced: Synced | null,
): Promise<RecoveredLog> {
  const chains = new Map<number, number>();
  let index = startIndex(segments, options);
  let point: ChainPoint | null = null;
  let tail: OpenTail | null = null;
  for (; index < segments.length; index++) {
    const segment = segments[index]!;
    const header = await loadHeader(options.disk, segment);
    checkContinues(segment, header, point, options.base);
    const before = { seq: header.firstSeq - 1, chain: header.chainBefore, time: header.startTime };
    if (options.watch.includes(before.seq)) chains.set(before.seq, before.chain);
    const isLast = index === segments.length - 1;
    const file = await options.disk.open(segment.path, isLast ? 'write' : 'read');
    try {
      const end = await scanWatched(file, header, before, options.watch, chains);
      if (end.reason === 'trailer') await checkTrailer(file, segment, end);
      else if (isLast) tail = await settleTail(options, file, segment, header, end, synced);
      else throw damaged(segment.path, end.offset, 'the segment breaks off before its trailer');
      point = end.point;
    } finally {
      await file.close();
    }
  }
  markClosed(segments);
  if (tail !== null && tail.offset === segmentHeaderBytes) {
    await dropEmpty(options, segments);
    tail = null;
  }
  return { segments, point: point!, tail, chains };
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
  const first = segments[index]!;
  if (first.firstSeq > wanted) {
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

/** Holds a trailer against what was read before it, and notes the segment as closed. */
async function checkTrailer(file: DiskFile, segment: Segment, end: ScanEnd): Promise<void> {
  const bytes = new Uint8Array(segmentTrailerBytes);
  await file.read(bytes, end.offset);
  let trailer;
  try {
    trailer = decodeSegmentTrailer(bytes);
  } catch (error) {
    if (!(error instanceof PaminaError)) throw error;
    throw damaged(segment.path, end.offset, error.message);
  }
  const fits =
    trailer.lastSeq === end.point.seq &&
    trailer.chain === end.point.chain &&
    trailer.bytes === end.offset &&
    trailer.checksum === end.checksum;
  if (!fits)
    throw damaged(segment.path, end.offset, 'the trailer does not fit the records before it');
  const size = await file.size();
  if (size !== end.offset + segmentTrailerBytes) {
    throw damaged(segment.path, end.offset + segmentTrailerBytes, 'bytes stand behind the trailer');
  }
  segment.closed = true;
  segment.lastSeq = trailer.lastSeq;
  segment.bytes = size;
}

async function settleTail(
  options: RecoveryOptions,
  file: DiskFile,
  segment: Segment,
  header: SegmentHeader,
  end: ScanEnd,
  synced: Synced | null,
): Promise<OpenTail> {
  const size = await file.size();
  const syncedTo =
    synced !== null && synced.segmentFirstSeq === segment.firstSeq ? synced.offset : 0;
  if (end.offset < syncedTo) {
    const what = `the log breaks off here, but ${syncedTo} bytes were synced`;
    throw damaged(segment.path, end.offset, what);
  }
  const rest = new Uint8Array(size - end.offset);
  await file.read(rest, end.offset);
  if (rest.some((byte) => byte !== 0)) {
    const isOwn = header.timelineId === options.ownTimelineId;
    const proof = isOwn ? findProofOfSync(rest, end.offset, end.point.seq) : null;
    if (proof !== null) {
      const what = `the log is damaged here, and the record at offset ${proof} says that it was synced`;
      throw damaged(segment.path, end.offset, what);
    }
    await keepTorn(options, segment, end.offset, rest);
  }
  await file.truncate(end.offset);
  const unproven = Math.max(syncedTo, segmentHeaderBytes);
  await rewrite(file, Math.min(unproven, end.offset), end.offset);
  segment.bytes = end.offset;
  return { segment, offset: end.offset, checksum: end.checksum };
}

async function keepTorn(
  options: RecoveryOptions,
  segment: Segment,
  offset: number,
  rest: Uint8Array,
): Promise<void> {
  const kept = `${segment.path}.torn-${offset}`;
  await options.disk.replaceFile(kept, rest);
  options.onEvent({
    event: 'torn-tail-cut',
    message: `${rest.length} bytes behind the last whole record of ${segment.name} were cut and kept in ${kept}`,
    fields: { file: segment.path, offset, bytes: rest.length, kept },
  });
}

/** After a failed sync the page cache shows bytes that never reached the disk: written again, they are dirty again. */
async function rewrite(file: DiskFile, from: number, to: number): Promise<void> {
  const step = new Uint8Array(1024 * 1024);
  for (let at = from; at < to; at += step.length) {
    const part = step.subarray(0, Math.min(step.length, to - at));
    await file.read(part, at);
    await file.write(part, at);
  }
  await file.sync();
}

/** Of two segments with the same first record the newer timeline's is the closed copy that a promotion made. */
async function withoutSuperseded(disk: Disk, segments: Segment[]): Promise<Segment[]> {
  const kept: Segment[] = [];
  for (const segment of segments) {
    const before = kept.at(-1);
    if (before !== undefined && before.firstSeq === segment.firstSeq) {
      kept.pop();
      await disk.remove(before.path);
    }
    kept.push(segment);
  }
  return kept;
}

/** A file whose header never reached the disk was being born when the power went: no group in it was ever synced. */
async function dropUnborn(
  options: RecoveryOptions,
  segments: Segment[],
  synced: Synced | null,
): Promise<void> {
  const last = segments.at(-1);
  if (last === undefined || synced?.segmentFirstSeq === last.firstSeq) return;
  const file = await options.disk.open(last.path, 'read');
  const header = new Uint8Array(segmentHeaderBytes);
  try {
    await file.read(header, 0);
  } finally {
    await file.close();
  }
  if (header.some((byte) => byte !== 0)) return;
  segments.pop();
  await putAside(options, last);
}

/** An open segment without a record: the next session or the master will start it anew. */
async function dropEmpty(options: RecoveryOptions, segments: Segment[]): Promise<void> {
  const last = segments.pop()!;
  await putAside(options, last);
}

async function putAside(options: RecoveryOptions, segment: Segment): Promise<void> {
  await options.disk.rename(segment.path, `${segment.path}.torn-0`, { replace: true });
  options.onEvent({
    event: 'unborn-segment-dropped',
    message: `${segment.name} holds no whole record and was put aside`,
    fields: { file: segment.path },
  });
}
