// What an archive lists of a database's log, as a replica looks at it: the segments, the histories that
// they tell of, and which of those the replica is on. Listed once a look; what is immutable is remembered.
import { forkPoint, isPaminaError, PaminaError, type Timeline } from '@pamina/format';
import type { Archive } from '@pamina/archive';
import {
  groupSegments,
  leadingPieces,
  placePrefix,
  type ArchivedPiece,
  type ArchivePlace,
} from '../archiver/archive-layout.js';
import { factsOf, readSegment } from '../archiver/archive-log-source.js';
import {
  damagedEntry,
  segmentFacts,
  type LogSource,
  type SegmentEntry,
  type SegmentFacts,
} from '../log-source.js';
import { historyIn } from '../recover/survey.js';

/** One segment as it was listed. */
export interface ListedSegment {
  readonly entry: SegmentEntry;
  /** Of an open one, from its first byte without a gap; null of a closed one. */
  readonly pieces: readonly ArchivedPiece[] | null;
}

/** Facts of closed segments and histories that are remembered at most: they are read again (P13). */
const rememberedMax = 1024;

export class ArchivedLine {
  readonly #archive: Archive;
  readonly #place: ArchivePlace;
  readonly #facts = new Map<string, SegmentFacts>();
  readonly #histories = new Map<string, readonly Timeline[]>();

  constructor(archive: Archive, place: ArchivePlace) {
    this.#archive = archive;
    this.#place = place;
  }

  describe(): string {
    return `${this.#archive.describe()} (${this.#place.database})`;
  }

  /** By first record, ascending. */
  async list(signal: AbortSignal): Promise<ListedSegment[]> {
    const objects = await this.#archive.list(`${placePrefix(this.#place)}log/`, { signal });
    return groupSegments(this.#place, objects).flatMap((segment): ListedSegment[] => {
      const { closed, firstSeq, timeline, timelineId } = segment;
      const where = { firstSeq, timeline, timelineId };
      if (closed !== null) {
        const entry = { ...where, name: closed.name, bytes: closed.bytes };
        return [{ entry, pieces: null }];
      }
      const pieces = leadingPieces(segment.pieces);
      const [first] = pieces;
      if (first === undefined) return [];
      return [{ entry: { ...where, name: first.name, bytes: pieces.at(-1)?.to ?? 0 }, pieces }];
    });
  }

  /** With the bytes that can be read of it: of an encrypted archive a list tells others. */
  async sized({ entry, pieces }: ListedSegment, signal: AbortSignal): Promise<ListedSegment> {
    if (pieces !== null || !this.#archive.isEncrypted) return { entry, pieces };
    const bytes = await this.#archive.size(entry.name, { signal });
    return { entry: { ...entry, bytes: bytes ?? 0 }, pieces };
  }

  /** Header and trailer, held against the name and the identification pattern. LOG_DAMAGED, PATTERN_MISMATCH, LOG_GONE. */
  async facts(listed: ListedSegment, signal: AbortSignal): Promise<SegmentFacts> {
    const { entry, pieces } = listed;
    const known = pieces === null ? this.#facts.get(entry.name) : undefined;
    if (known !== undefined) return known;
    const facts = await segmentFacts(this.source(listed, signal), entry);
    if (facts.header.pattern !== this.#place.pattern) {
      const message = `${entry.name} in ${this.describe()} bears another identification pattern (${facts.header.pattern})`;
      throw new PaminaError('PATTERN_MISMATCH', message, { context: { file: entry.name } });
    }
    if (pieces === null) remember(this.#facts, entry.name, facts);
    return facts;
  }

  /** One segment as a source of log, for what reads those. */
  source({ pieces }: ListedSegment, signal: AbortSignal): LogSource {
    return {
      describe: () => this.describe(),
      segments: () => Promise.resolve([]),
      read: (entry, offset) => readSegment(this.#archive, entry, pieces, offset, signal),
      facts: async (entry) => {
        try {
          return await factsOf(this.#archive, entry, pieces !== null);
        } catch (cause) {
          if (!isPaminaError(cause, 'ARCHIVE_OBJECT_NOT_FOUND')) throw cause;
          const message = `${entry.name} is not in ${this.describe()} any more`;
          throw new PaminaError('LOG_GONE', message, { cause });
        }
      },
    };
  }

  /**
   * The history to go on with: the replica's own, or the one of the newest timeline here, where that goes on
   * from the replica's. DIVERGED where the newest left it before record `seq`, or where two are the newest.
   */
  async historyFor(
    mine: readonly Timeline[],
    seq: number,
    listed: readonly ListedSegment[],
    signal: AbortSignal,
  ): Promise<readonly Timeline[]> {
    const known = new Set(mine.map(({ id }) => id));
    const own = mine.at(-1)?.timeline ?? 0;
    let newest: readonly Timeline[] = mine;
    const others = listed.filter(
      ({ entry }) => entry.timeline >= own && !known.has(entry.timelineId),
    );
    for (const timelineId of new Set(others.map(({ entry }) => entry.timelineId))) {
      const history = await this.#historyOf(timelineId, listed, signal);
      const last = history?.at(-1);
      if (history === null || last === undefined) continue;
      const before = newest.at(-1);
      if (before?.timeline === last.timeline) throw this.#ambiguous(before, last);
      if (last.timeline > (before?.timeline ?? 0)) newest = history;
    }
    const { common, seqMax } = forkPoint(mine, newest);
    if (common === mine.length && seq <= seqMax) return newest;
    const name = `timeline ${newest.at(-1)?.timeline} in ${this.describe()}`;
    const message = `${name} left the history of this replica at record ${seqMax}, and ${seq} is here`;
    throw new PaminaError('DIVERGED', message, { context: { seqMax, seq } });
  }

  #ambiguous(one: Timeline, other: Timeline): PaminaError {
    const message = `${this.describe()} holds two branches that are timeline ${one.timeline} (${one.id}, ${other.id}): which one is the master's cannot be told`;
    return new PaminaError('DIVERGED', message, { context: { branches: [one.id, other.id] } });
  }

  /**
   * As a session record of it tells; null while there is none: a promotion archives the old segment first.
   * LOG_GONE where its sessions' beginnings have expired.
   */
  async #historyOf(
    timelineId: string,
    listed: readonly ListedSegment[],
    signal: AbortSignal,
  ): Promise<readonly Timeline[] | null> {
    const known = this.#histories.get(timelineId);
    if (known !== undefined) return known;
    let hasOwn = false;
    for (const one of listed) {
      if (one.entry.timelineId !== timelineId) continue;
      const segment = await this.sized(one, signal);
      const { header } = await this.facts(segment, signal);
      if (header.timelineId !== timelineId) continue;
      hasOwn = true;
      const { entry } = segment;
      const source = this.source(segment, signal);
      const history = await historyIn({ source, entry, header });
      if (history === null) continue;
      if (history.at(-1)?.id !== timelineId) {
        throw damagedEntry(source, entry, 'its session is of another timeline');
      }
      remember(this.#histories, timelineId, history);
      return history;
    }
    if (!hasOwn) return null;
    const message = `how timeline ${timelineId} began is not in ${this.describe()} any more`;
    throw new PaminaError('LOG_GONE', message, { context: { timelineId } });
  }
}

/** Those that hold something of a history, each with its last record on it: of a timeline that was left not what came behind the fork. */
export function onHistory(
  listed: readonly ListedSegment[],
  history: readonly Timeline[],
): (ListedSegment & { readonly limit: number })[] {
  const limits = new Map(
    history.map(({ id }, index) => [id, history[index + 1]?.atSeq ?? Number.MAX_SAFE_INTEGER]),
  );
  return listed.flatMap((one) => {
    const limit = limits.get(one.entry.timelineId) ?? -1;
    return limit < one.entry.firstSeq - 1 ? [] : [{ ...one, limit }];
  });
}

function remember<Value>(known: Map<string, Value>, key: string, value: Value): void {
  const [oldest] = known.keys();
  if (known.size >= rememberedMax && oldest !== undefined) known.delete(oldest);
  known.set(key, value);
}
