// A copy that stands inside a segment, made from a backup that wrote no log (of a replica), lacks that
// segment's beginning, and a replica's log is its master's byte for byte. What is before the copy's
// position is laid out from the master's log, proved by the chain; following goes on behind it.
import { dirname, join } from 'node:path';
import { PaminaError, encodeSegmentHeader, parseSegmentPath } from '@pamina/format';
import type { DiskFile, Env } from '@pamina/env';
import { readControl, type Control } from '@pamina/engine';
import { listSegments } from '@pamina/log';
import { segmentFacts, type LogSource, type SegmentEntry } from './log-source.js';
import { cutBatch, walkLog } from './walk-log.js';

export interface LogBeginningOptions {
  readonly env: Env;
  /** Of the copy, which nobody has open. */
  readonly folder: string;
  /** The log of its master. */
  readonly source: LogSource;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns whether something was laid out. Nothing is where the copy has a log already, stands at the end
 * of a segment, or where the source no longer has its beginning: the master will say what that means.
 * DIVERGED where the log is not the one that the copy is the state of.
 */
export async function layLogBeginning(options: LogBeginningOptions): Promise<boolean> {
  const { env, folder, source } = options;
  const control = await readControl(env.disk, folder);
  const log = join(folder, 'log');
  if (control === null || (await listSegments(env.disk, log)).length > 0) return false;
  const entry = await entryAround(control, source);
  const place = entry === null ? null : parseSegmentPath(entry.name);
  if (entry === null || place === null) return false;
  // Outside of the log until it is whole: a crash leaves it or not (P8), and this again begins anew.
  const beside = join(folder, 'log-beginning');
  await env.disk.removeTree(beside);
  const file = await env.disk.open(beside, 'create');
  try {
    await writeBeginning(options, control, entry, file);
    await file.sync();
  } finally {
    await file.close();
  }
  const path = join(log, entry.name);
  await env.disk.makeFolder(dirname(path));
  await env.disk.rename(beside, path);
  return true;
}

/** The segment that holds the record of the copy's state and goes on, or may go on, behind it. */
async function entryAround(
  { base, timelines }: Control,
  source: LogSource,
): Promise<SegmentEntry | null> {
  const known = new Set(timelines.map(({ id }) => id));
  const entries = (await source.segments()).filter(({ timelineId }) => known.has(timelineId));
  const entry = entries.findLast(({ firstSeq }) => firstSeq <= base.seq + 1);
  return entry === undefined || entry.firstSeq === base.seq + 1 ? null : entry;
}

async function writeBeginning(
  { signal, source }: LogBeginningOptions,
  { base, pattern, timelines }: Control,
  entry: SegmentEntry,
  file: DiskFile,
): Promise<void> {
  const { header } = await segmentFacts(source, entry);
  const bytes = encodeSegmentHeader(header);
  await file.write(bytes, 0);
  let offset = bytes.length;
  let end = { seq: header.firstSeq - 1, chain: header.chainBefore };
  const range = { fromSeq: header.firstSeq, toSeq: base.seq };
  for await (const batch of walkLog({ source, pattern, timelines, ...range, signal })) {
    for (const cut of cutBatch(batch, { ...range, stops: [] })) {
      const records = cut.bytes.subarray(cut.start, cut.end);
      await file.write(records, offset);
      offset += records.length;
      end = cut.point;
    }
  }
  if (end.seq === base.seq && end.chain === base.chain) return;
  const message = `${source.describe()} is not the log of this copy at record ${base.seq}`;
  throw new PaminaError('DIVERGED', message, { context: { seq: base.seq, found: end.seq } });
}
