// P6, P9 and P5 by exhaustion: a log of several sessions and segments is truncated at every length and
// flipped at every byte. Each case opens to a correct prefix, behind which only unsynced bytes were
// lost, or is refused with file and offset and left as it was.
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  decodeSynced,
  isPaminaError,
  parseSegmentPath,
  readUint64,
  recordHeaderBytes,
  segmentHeaderBytes,
} from '@pamina/format';
import type { Log, LogOptions } from '../src/log.js';
import { MemoryDisk } from './memory-disk.js';
import {
  append,
  bodies,
  body,
  openLog,
  pump,
  sessionHeader,
  startReceiver,
  startWriting,
  switchSegment,
} from './workbench.js';

type Files = ReadonlyMap<string, Uint8Array>;

/** A log as files, how it is to be opened, and what its records are. */
interface Sample {
  readonly files: Files;
  readonly options: Partial<LogOptions>;
  /** Bodies by seq. */
  readonly model: ReadonlyMap<number, Uint8Array>;
  readonly lastSeq: number;
}

const folder = '/orders';
const logFolder = join(folder, 'log');
const syncedPath = join(logFolder, 'synced');
const secondTimeline = { timeline: 2, timelineId: 'fedcba9876543210' };
/** Sizes of bodies, none at all included. */
const sizes = [24, 0, 40, 7, 31, 16];

async function write(log: Log, session: number, switchAfter: readonly number[]): Promise<void> {
  const writing = await startWriting(log, sessionHeader({ session }));
  const groups = [];
  for (const [index, bytes] of sizes.entries()) {
    const seq: number = log.durable.seq + groups.length + 1;
    const isGrouped = index % 3 === 1;
    groups.push(append(writing.appender, body(seq, bytes)).group.done);
    // Some share a group and its sync, most have their own.
    if (!isGrouped) await Promise.all(groups.splice(0));
    if (switchAfter.includes(index)) await switchSegment(writing);
  }
  await Promise.all(groups);
}

async function sampleOf(files: Files, options: Partial<LogOptions>): Promise<Sample> {
  const { log } = await openLog(folder, { ...options, disk: new MemoryDisk(files).disk });
  const model = await bodies(log, 1);
  await log.close();
  return { files: new Map(files), options, model, lastSeq: log.durable.seq };
}

/** Two sessions; the second one's last segment is open, as kill -9 leaves it, unless it is closed. */
async function master(isClosed: boolean): Promise<Sample> {
  const memory = new MemoryDisk();
  const first = (await openLog(folder, { disk: memory.disk })).log;
  await write(first, 1, [1, 3]);
  await first.close();
  const second = (await openLog(folder, { disk: memory.disk })).log;
  await write(second, 2, [2]);
  if (isClosed) await second.close();
  const files = new Map(memory.files);
  if (!isClosed) await second.close();
  for (const [path, bytes] of files) files.set(path, withLittleReserve(bytes));
  return sampleOf(files, {});
}

/** Of the zeros reserved behind an open segment a few say as much as all. */
function withLittleReserve(bytes: Uint8Array): Uint8Array {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.slice(0, Math.min(bytes.length, end + recordHeaderBytes + 8));
}

/** What a replica holds of that master: the same bytes, with a note of its own syncs. */
async function replica(of: Sample): Promise<Sample> {
  const source = (await openLog(folder, { disk: new MemoryDisk(of.files).disk })).log;
  const memory = new MemoryDisk();
  const options = { ownTimelineId: null };
  const { log } = await openLog(folder, { ...options, disk: memory.disk });
  const cursor = await source.openCursor({ seq: 1 });
  await pump(cursor, startReceiver(log), 100);
  await cursor.close();
  await log.close();
  await source.close();
  return sampleOf(memory.files, options);
}

/** A replica that was promoted with the master's last segment open, and wrote on its own timeline. */
async function promoted(of: Sample): Promise<Sample> {
  const received = new MemoryDisk(of.files);
  const options = { ownTimelineId: secondTimeline.timelineId };
  const { log } = await openLog(folder, { ...options, disk: received.disk });
  const writing = await startWriting(log, sessionHeader({ ...secondTimeline, session: 3 }));
  for (const bytes of [12, 0, 20]) {
    await append(writing.appender, body(log.durable.seq + 1, bytes)).group.done;
  }
  await log.close();
  return sampleOf(received.files, options);
}

function isSegment(path: string): boolean {
  return parseSegmentPath(path.slice(logFolder.length + 1)) !== null;
}

/** In the order of the log. */
function segmentsOf(files: Files): string[] {
  const firstSeq = (path: string): number =>
    parseSegmentPath(path.slice(logFolder.length + 1))!.firstSeq;
  return [...files.keys()].filter(isSegment).toSorted((a, b) => firstSeq(a) - firstSeq(b));
}

/** A record as it stands in its segment. */
interface Part {
  readonly start: number;
  readonly end: number;
  readonly seq: number;
  readonly syncedTo: number;
}

/** The records of a whole segment. */
function recordsOf(bytes: Uint8Array): Part[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const parts: Part[] = [];
  for (let at = segmentHeaderBytes; at + recordHeaderBytes <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    // Reserved zeros and the magic of a trailer have no length that fits.
    if (length < recordHeaderBytes) break;
    const end = at + length;
    if (end > bytes.length) break;
    const seq = readUint64(view, at + 16);
    parts.push({ start: at, end, seq, syncedTo: view.getUint32(at + 12, true) });
    at = end;
  }
  return parts;
}

/** Bits to flip at a byte of a segment. */
type Masks = (records: readonly Part[], at: number, path: string) => readonly number[];

const everyBit = [1, 2, 4, 8, 16, 32, 64, 128];

/** The zeros in a segment's header, which are all alike. */
const reserved = { start: 72, end: 124 };

/** All of them where something is decided, one in reserved zeros and in the middle of bodies. */
const allBits: Masks = (records, at) => {
  const inBody = records.some((part) => at >= part.start + recordHeaderBytes && at < part.end);
  return inBody || (at >= reserved.start && at < reserved.end) ? [1 << (at % 8)] : everyBit;
};

/** One bit of each byte, another one from byte to byte. */
const oneBit: Masks = (_, at) => [1 << (at % 8)];

/** All bits of the last segment; the others are like those of a log that was closed. */
const allBitsOfLast =
  (last: string): Masks =>
  (records, at, path) =>
    path === last ? allBits(records, at, path) : oneBit(records, at, path);

type Outcome =
  | { readonly kind: 'opened'; readonly lastSeq: number; readonly isCut: boolean }
  | { readonly kind: 'refused'; readonly code: string; readonly file: unknown };

/** Opens the log and reads it whole, as replay does. Everything but a correct prefix or a proper refusal fails the test. */
async function judge(sample: Sample, files: Files, what: string): Promise<Outcome> {
  const memory = new MemoryDisk(files);
  let log: Log | null = null;
  try {
    const opened = await openLog(folder, { ...sample.options, disk: memory.disk });
    log = opened.log;
    let seq = 0;
    for (const [found, bytes] of await bodies(log, 1)) {
      seq += 1;
      const isRight = found === seq && Buffer.compare(bytes, sample.model.get(seq)!) === 0;
      if (!isRight) throw new Error(`record ${found} is not what was written`);
    }
    if (seq !== log.durable.seq)
      throw new Error(`${log.durable.seq} was promised, ${seq} is there`);
    await log.close();
    const isCut = opened.events.length > 0;
    if (isCut) await requireSettled(sample, memory, seq);
    return { kind: 'opened', lastSeq: seq, isCut };
  } catch (error) {
    await log?.close();
    if (!isPaminaError(error)) throw new Error(`${what}: ${String(error)}`, { cause: error });
    requireRefusal(error, files, memory, what);
    return { kind: 'refused', code: error.code, file: error.context['file'] };
  }
}

/** What was cut is cut once: the next open finds nothing to say. */
async function requireSettled(sample: Sample, memory: MemoryDisk, lastSeq: number): Promise<void> {
  const { log, events } = await openLog(folder, { ...sample.options, disk: memory.disk });
  await log.close();
  if (events.length > 0 || log.durable.seq !== lastSeq) throw new Error('it is not settled');
}

/** With file and offset, and nothing changed. */
function requireRefusal(error: unknown, files: Files, memory: MemoryDisk, what: string): void {
  expect(error, what).toMatchObject({
    code: expect.stringMatching(/^(LOG_DAMAGED|FORMAT_UNKNOWN)$/) as unknown,
    context: { file: expect.any(String) as unknown, offset: expect.any(Number) as unknown },
  });
  for (const [path, bytes] of files) {
    if (path === syncedPath || memory.files.get(path) === bytes) continue;
    throw new Error(`${what}: ${path} was changed by an open that was refused`);
  }
}

function spoiled(files: Files, path: string, at: number, mask: number): Files {
  const bytes = files.get(path)!.slice();
  bytes[at] = (bytes[at] ?? 0) ^ mask;
  return new Map(files).set(path, bytes);
}

function truncated(files: Files, path: string, length: number): Files {
  return new Map(files).set(path, files.get(path)!.slice(0, length));
}

/** Every flip of every segment: `expected` says what must come of it, null where both are right. */
async function flipAll(
  sample: Sample,
  expected: (path: string, at: number) => number | 'refused' | null,
  masks: Masks = allBits,
): Promise<{ opened: number; refused: number }> {
  const counts = { opened: 0, refused: 0 };
  for (const path of segmentsOf(sample.files)) {
    const bytes = sample.files.get(path)!;
    const records = recordsOf(bytes);
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of masks(records, at, path)) {
        const what = `${path} flipped at ${at} by ${mask}`;
        const outcome = await judge(sample, spoiled(sample.files, path, at, mask), what);
        counts[outcome.kind]++;
        requireExpected(outcome, expected(path, at), what);
      }
    }
  }
  return counts;
}

async function truncateAll(
  sample: Sample,
  expected: (path: string, length: number) => number | 'refused' | null,
): Promise<{ opened: number; refused: number }> {
  const counts = { opened: 0, refused: 0 };
  for (const path of segmentsOf(sample.files)) {
    const { length } = sample.files.get(path)!;
    for (let cut = 0; cut < length; cut++) {
      const what = `${path} truncated to ${cut}`;
      const outcome = await judge(sample, truncated(sample.files, path, cut), what);
      counts[outcome.kind]++;
      requireExpected(outcome, expected(path, cut), what);
    }
  }
  return counts;
}

function requireExpected(
  outcome: Outcome,
  expected: number | 'refused' | null,
  what: string,
): void {
  if (expected === null) return;
  const found = outcome.kind === 'opened' ? outcome.lastSeq : 'refused';
  if (found !== expected) {
    throw new Error(`${what}: expected ${expected}, found ${JSON.stringify(outcome)}`);
  }
}

function without(sample: Sample, path: string): Sample {
  const files = new Map(sample.files);
  files.delete(path);
  return { ...sample, files };
}

/** Up to where `log/synced` proves the last segment. */
function provenOffset(files: Files): number {
  const synced = decodeSynced(files.get(syncedPath)!);
  expect(synced).not.toBeNull();
  return synced!.offset;
}

let closed: Sample;
let open: Sample;
beforeAll(async () => {
  closed = await master(true);
  open = await master(false);
});

/** Thousands of opens take a while on a machine that is busy with other things. */
const timeout = 240_000;

describe('a log that was closed', { timeout }, () => {
  test('P6 P9 a flipped bit anywhere is refused with file and offset, and nothing is changed', async () => {
    expect(segmentsOf(closed.files)).toHaveLength(5);
    const counts = await flipAll(closed, () => 'refused');
    expect(counts.opened).toBe(0);
    expect(counts.refused).toBeGreaterThan(7000);
  });

  test('P6 P9 a segment that was truncated anywhere is refused', async () => {
    await expect(truncateAll(closed, () => 'refused')).resolves.toMatchObject({ opened: 0 });
  });

  test('P6 P9 damage before the checkpoint opens and is refused when it is read', async () => {
    const { log } = await openLog(folder, { disk: new MemoryDisk(closed.files).disk });
    const from = { seq: 8, chain: (await log.chainAt(8))!, time: 2000 };
    await log.close();
    const sample = { ...closed, options: { from } };
    await flipAll(sample, () => 'refused', oneBit);
    await truncateAll(sample, () => 'refused');
  });
});

describe('a log that was open when its process was killed', { timeout }, () => {
  test('P6 a flipped bit below log/synced is refused, one behind it costs nothing', async () => {
    const last = segmentsOf(open.files).at(-1)!;
    const proven = provenOffset(open.files);
    expect(proven).toBeGreaterThan(segmentHeaderBytes);
    const counts = await flipAll(
      open,
      (path, at) => (path === last && at >= proven ? open.lastSeq : 'refused'),
      allBitsOfLast(last),
    );
    expect(counts.opened).toBeGreaterThan(0);
  });

  test('P6 a truncation below log/synced is refused, one behind it costs nothing', async () => {
    const last = segmentsOf(open.files).at(-1)!;
    const proven = provenOffset(open.files);
    await truncateAll(open, (path, length) =>
      path === last && length >= proven ? open.lastSeq : 'refused',
    );
  });

  test('P6 a log/synced that is flipped, cut or gone proves nothing and costs nothing', async () => {
    const bytes = open.files.get(syncedPath)!;
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of everyBit) {
        const what = `log/synced flipped at ${at} by ${mask}`;
        const outcome = await judge(open, spoiled(open.files, syncedPath, at, mask), what);
        requireExpected(outcome, open.lastSeq, what);
      }
      const cut = await judge(open, truncated(open.files, syncedPath, at), 'cut');
      requireExpected(cut, open.lastSeq, `log/synced truncated to ${at}`);
    }
    const gone = without(open, syncedPath);
    requireExpected(await judge(gone, gone.files, 'gone'), open.lastSeq, 'log/synced gone');
  });

  test('P6 without log/synced only what no later record proves to be synced is cut', async () => {
    const sample = without(open, syncedPath);
    const last = segmentsOf(sample.files).at(-1)!;
    const records = recordsOf(sample.files.get(last)!);
    const expected = (path: string, at: number): number | 'refused' => {
      if (path !== last || at < segmentHeaderBytes) return 'refused';
      const hit = records.find((part) => at < part.end);
      if (hit === undefined) return sample.lastSeq;
      const isProven = records.some(({ seq, syncedTo }) => seq > hit.seq && syncedTo > hit.start);
      return isProven ? 'refused' : hit.seq - 1;
    };
    await flipAll(sample, expected, allBitsOfLast(last));
    const beforeLast = records.at(0)!.seq - 1;
    await truncateAll(sample, (path, length) => {
      if (path !== last) return 'refused';
      // Half a header can be refused; none at all is a segment that was being born.
      if (length > 0 && length < segmentHeaderBytes) return null;
      return records.findLast((part) => part.end <= length)?.seq ?? beforeLast;
    });
  });
});

describe('a log that was received', { timeout }, () => {
  test('P5 P6 a flipped bit or a truncation below log/synced is refused', async () => {
    const sample = await replica(open);
    const last = segmentsOf(sample.files).at(-1)!;
    const proven = provenOffset(sample.files);
    expect(proven).toBe(sample.files.get(last)!.length);
    await flipAll(sample, () => 'refused', oneBit);
    await truncateAll(sample, () => 'refused');
  });

  test('P5 P6 without log/synced it ends before the damage, and what was lost is fetched again', async () => {
    const sample = without(await replica(open), syncedPath);
    const last = segmentsOf(sample.files).at(-1)!;
    const records = recordsOf(sample.files.get(last)!);
    await flipAll(
      sample,
      (path, at) => {
        if (path !== last || at < segmentHeaderBytes) return 'refused';
        return records.find((part) => at < part.end)!.seq - 1;
      },
      oneBit,
    );
  });

  test('P6 P11 after a promotion the copied segment is as safe as all others', async () => {
    const sample = await promoted(open);
    const names = segmentsOf(sample.files).map((path) => path.slice(logFolder.length + 1));
    expect(names.filter((name) => parseSegmentPath(name)!.lastSeq !== null)).toHaveLength(1);
    await flipAll(sample, () => 'refused', oneBit);
    await truncateAll(sample, () => 'refused');
  });
});
