// Timelines: the branches of a database's history, and how two histories relate.
import { FieldReader } from './fields.js';
import { timelinesMax, whyLengthMax } from './limits.js';
import { PaminaError } from './pamina-error.js';

export interface Timeline {
  /** Number, 1 or more. Two branches can bear one number: compare ids. */
  readonly timeline: number;
  /** 64 random bits as 16 lowercase hex digits. */
  readonly id: string;
  /** Id of the parent; null for the first. */
  readonly forkedFrom: string | null;
  /** Last seq shared with the parent; 0 for the first. */
  readonly atSeq: number;
  /** Why it was started, e.g. `created` or `takeover of orders by orders-2`. */
  readonly why: string;
}

const timelineIdLength = 16;

/** The last entry. A history is never empty; an empty one throws TIMELINES_INVALID. */
export function currentTimeline(history: readonly Timeline[]): Timeline {
  const last = history.at(-1);
  if (last === undefined) throw new PaminaError('TIMELINES_INVALID', 'the history is empty');
  return last;
}

/**
 * Checks a history from outside and gives back a clean copy: oldest first, each forked from the one
 * before at a seq that does not go back, numbers rising, ids unique. Throws TIMELINES_INVALID.
 */
export function validateTimelines(value: unknown): Timeline[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > timelinesMax) {
    throw new PaminaError(
      'TIMELINES_INVALID',
      `a history must be a list of 1 to ${timelinesMax} timelines`,
    );
  }
  const history: Timeline[] = [];
  const ids = new Set<string>();
  for (const item of value as unknown[]) {
    const entry = readTimeline(item, history.length);
    const before = history.at(-1);
    const follows =
      before === undefined
        ? entry.forkedFrom === null && entry.atSeq === 0
        : entry.forkedFrom === before.id &&
          entry.timeline > before.timeline &&
          entry.atSeq >= before.atSeq;
    if (!follows || ids.has(entry.id)) {
      throw new PaminaError(
        'TIMELINES_INVALID',
        `timeline ${entry.timeline} (${entry.id}) does not continue the history before it`,
      );
    }
    ids.add(entry.id);
    history.push(entry);
  }
  return history;
}

function readTimeline(item: unknown, index: number): Timeline {
  const fields = new FieldReader(item, 'TIMELINES_INVALID', `entry ${index} of the history`);
  return {
    timeline: fields.uint32('timeline', 1),
    id: fields.hex('id', timelineIdLength),
    forkedFrom: fields.isNull('forkedFrom') ? null : fields.hex('forkedFrom', timelineIdLength),
    atSeq: fields.count('atSeq'),
    why: fields.text('why', whyLengthMax),
  };
}

/**
 * How far two histories are one. `common` counts the leading entries that are equal; 0 means that
 * the two have nothing in common. `seqMax` is the last seq that belongs to both: where the earlier
 * of the two leaves the last common timeline; Infinity if neither leaves it (equal histories);
 * 0 if nothing is common.
 */
export function forkPoint(
  mine: readonly Timeline[],
  theirs: readonly Timeline[],
): { readonly common: number; readonly seqMax: number } {
  let common = 0;
  while (isSame(mine[common], theirs[common])) common++;
  if (common === 0) return { common, seqMax: 0 };
  const mineLeaves = mine[common]?.atSeq ?? Number.POSITIVE_INFINITY;
  const theirsLeaves = theirs[common]?.atSeq ?? Number.POSITIVE_INFINITY;
  return { common, seqMax: Math.min(mineLeaves, theirsLeaves) };
}

function isSame(one: Timeline | undefined, other: Timeline | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return (
    one.id === other.id &&
    one.timeline === other.timeline &&
    one.atSeq === other.atSeq &&
    one.forkedFrom === other.forkedFrom
  );
}

/**
 * Why a timeline was started that takes the place of another database; fences the holder of that name. `by` is
 * what it was called before: who followed it under that name learns from it whom to follow.
 */
export function takeoverReason(of: string, by: string | null = null): string {
  return by === null ? `takeover of ${of}` : `takeover of ${of} by ${by}`;
}

/** Null where a timeline was started for another reason; `by` where its reason does not say it. */
export function takeoverIn({ why }: Pick<Timeline, 'why'>): {
  readonly of: string;
  readonly by: string | null;
} | null {
  const [, of, by = null] = /^takeover of (\S+)(?: by (\S+))?$/.exec(why) ?? [];
  return of === undefined ? null : { of, by };
}

/**
 * The timeline by which `other` took over the name of a database that is still on `own`; null if it did
 * not, and if the database has begun a timeline of its own since: that is not the one that was left (P11).
 */
export function takeoverOf(
  name: string,
  own: readonly Timeline[],
  other: readonly Timeline[],
): Timeline | null {
  const { common } = forkPoint(own, other);
  if (common === 0 || common < own.length) return null;
  return other.slice(common).find((timeline) => takeoverIn(timeline)?.of === name) ?? null;
}

/** The timeline on which record `seq` was written; the first for seq 0, which is no record. */
export function timelineAt(history: readonly Timeline[], seq: number): Timeline {
  for (let i = history.length - 1; i > 0; i--) {
    const entry = history[i] as Timeline;
    if (seq > entry.atSeq) return entry;
  }
  return history[0] ?? currentTimeline(history);
}
