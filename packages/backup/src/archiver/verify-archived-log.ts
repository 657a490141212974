// Verifies the log in an archive, and of it only what is new where the rest is remembered: closed segments that
// the storage tells of as before are not read again, and what follows must continue them.
import type { Archive } from '@pamina/archive';
import { PaminaError, type AuditBody } from '@pamina/format';
import type { ChainPoint } from '@pamina/log';
import type { SegmentEntry } from '../log-source.js';
import { verifyLog, type VerifiedLog } from '../verify-log.js';
import type { TargetLog } from '../verify-target.js';
import { entriesOn } from '../walk-log.js';
import { placePrefix, type ArchivePlace } from './archive-layout.js';
import {
  seenAs,
  type ArchiveMemory,
  type RememberedLog,
  type RememberedSegment,
} from './archive-memory.js';

export interface ArchivedLogOptions {
  readonly archive: Archive;
  readonly place: ArchivePlace;
  readonly log: TargetLog;
  readonly memory: ArchiveMemory;
  /** Records that backups stand at. */
  readonly backupSeqs: readonly number[];
  /** By default the end of the archived log. With it nothing is remembered. */
  readonly toSeq?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface VerifiedArchivedLog extends VerifiedLog {
  /** Segments that were not read again. */
  readonly remembered: number;
  /** When the first of them was verified, where nothing at all was read. */
  readonly rememberedAt: number | null;
}

/** Never throws for what the bytes hold, except FORMAT_UNKNOWN. */
export async function verifyArchivedLog(options: ArchivedLogOptions): Promise<VerifiedArchivedLog> {
  const { archive, backupSeqs, log, memory, onProgress, place, signal, toSeq } = options;
  const listed = await archive.list(`${placePrefix(place)}log/`, { signal });
  const seen = new Map(listed.map((object) => [object.name, seenAs(object)]));
  const entries = entriesOn(log.timelines, await log.source.segments());
  const known = toSeq === undefined ? beginning(memory.log(), entries, seen, backupSeqs) : [];
  const last = known.at(-1);
  const points: ChainPoint[] = [];
  const next = entries[known.length];
  const walked =
    next === undefined && last !== undefined
      ? null
      : await verifyLog({
          ...log,
          fromSeq: last === undefined ? undefined : last.lastSeq + 1,
          toSeq,
          watch: last === undefined ? backupSeqs : [...backupSeqs, last.lastSeq],
          onSegment: (before) => points.push(before),
          signal,
          onProgress,
        });
  const audits = dedupe([...auditsIn(memory.log(), last), ...(walked?.audits ?? [])]);
  const breaks = breakAt(log, last, walked);
  const damages = [...(walked?.damages ?? []), ...breaks];
  const sound = walked?.soundFromSeq ?? 0;
  if (toSeq === undefined) {
    const read = rememberedIn(entries.slice(known.length), seen, points, walked, memory.now);
    memory.noteLog(damages.length === 0 ? { segments: [...known, ...read], audits } : null);
  }
  return {
    firstSeq: last === undefined ? (walked?.firstSeq ?? null) : (entries[0]?.firstSeq ?? null),
    end: walked?.end ?? pointAfter(last),
    segments: known.length + (walked?.segments ?? 0),
    bytes: walked?.bytes ?? 0,
    damages,
    soundFromSeq: breaks.length > 0 ? Math.max(sound, walked?.firstSeq ?? 0) : sound,
    chains: new Map([...chainsOf(entries, known), ...(walked?.chains ?? [])]),
    audits,
    remembered: known.length,
    rememberedAt: walked === null ? Math.min(...known.map(({ at }) => at)) : null,
  };
}

/** The remembered segments that the log there still begins with; what expired at the front may be gone. */
function beginning(
  log: RememberedLog | null,
  entries: readonly SegmentEntry[],
  seen: ReadonlyMap<string, string | null>,
  backupSeqs: readonly number[],
): RememberedSegment[] {
  const all = log?.segments ?? [];
  const from = all.findIndex(({ name }) => name === entries[0]?.name);
  if (from < 0) return [];
  const known: RememberedSegment[] = [];
  for (const [index, segment] of all.slice(from).entries()) {
    const entry = entries[index];
    if (entry?.name !== segment.name || seen.get(segment.name) !== segment.seen) break;
    // A backup in the middle of a segment: its chain is known only by reading.
    const isWanted = backupSeqs.some((seq) => seq >= entry.firstSeq && seq < segment.lastSeq);
    if (isWanted) break;
    known.push(segment);
  }
  return known;
}

function breakAt(
  { source }: TargetLog,
  last: RememberedSegment | undefined,
  walked: VerifiedLog | null,
): PaminaError[] {
  if (last === undefined || walked === null || walked.firstSeq === null) return [];
  if (walked.chains.get(last.lastSeq) === last.chain) return [];
  const message = `${source.describe()}: record ${walked.firstSeq} does not continue ${last.name}, which ends with record ${last.lastSeq}`;
  return [new PaminaError('LOG_DAMAGED', message, { context: { seq: last.lastSeq } })];
}

/** The closed segments that were just verified, up to the first that cannot be remembered. */
function rememberedIn(
  entries: readonly SegmentEntry[],
  seen: ReadonlyMap<string, string | null>,
  points: readonly ChainPoint[],
  walked: VerifiedLog | null,
  at: number,
): RememberedSegment[] {
  const before = new Map(points.map((point) => [point.seq, point]));
  const found: RememberedSegment[] = [];
  for (const [index, { firstSeq, name }] of entries.entries()) {
    const next = entries[index + 1];
    const start = before.get(firstSeq - 1);
    const end = next === undefined ? walked?.end : before.get(next.firstSeq - 1);
    const look = seen.get(name) ?? null;
    if (!name.endsWith('.seg') || look === null || !start || !end) break;
    const { chain, seq: lastSeq, time } = end;
    found.push({ name, seen: look, at, chainBefore: start.chain, lastSeq, chain, time });
  }
  return found;
}

/** What is known of the chain at both ends of each segment. */
function chainsOf(
  entries: readonly SegmentEntry[],
  known: readonly RememberedSegment[],
): [number, number][] {
  return known.flatMap(({ chain, chainBefore, lastSeq }, index): [number, number][] => [
    [(entries[index] as SegmentEntry).firstSeq - 1, chainBefore],
    [lastSeq, chain],
  ]);
}

function auditsIn(
  log: RememberedLog | null,
  last: RememberedSegment | undefined,
): readonly AuditBody[] {
  return last === undefined ? [] : (log?.audits ?? []).filter(({ seq }) => seq <= last.lastSeq);
}

function dedupe(audits: readonly AuditBody[]): AuditBody[] {
  return [...new Map(audits.map((audit) => [JSON.stringify(audit), audit])).values()];
}

function pointAfter(last: RememberedSegment | undefined): ChainPoint | null {
  if (last === undefined) return null;
  return { seq: last.lastSeq, chain: last.chain, time: last.time };
}
