// Which backups stay and which go, as a pure rule: a list, a policy and the time in, a decision with
// all its reasons in words out. Nothing here touches a disk.
import { timeMsMax } from '@pamina/format';

export interface RetentionPolicy {
  /** Newest full backups that are kept. */
  readonly generations: number;
  /** So many of the newest stay however old they are. At most `generations`. */
  readonly generationsMin: number;
  /** Of so many of the newest days (weeks, months) that have a full backup the newest one is kept; 0 = none. */
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  /** Generations and tiers keep nothing that was taken longer ago; 0 = no limit. */
  readonly ageDaysMax: number;
  /** Nothing is removed; what would go is told all the same. */
  readonly noDelete: boolean;
  /** Why; by default the setting. */
  readonly noDeleteWhy?: string | undefined;
}

export interface RuledBackup {
  readonly id: string;
  readonly kind: 'full' | 'initial' | 'incremental';
  readonly tag: string | null;
  /** When it was taken, ms since 1970. */
  readonly startedAt: number;
  /** Of an incremental one: the backup that it continues. */
  readonly after: string | null;
  /** Somebody reads or restores it. */
  readonly isHeld: boolean;
  /** It is not whole, or its chain is broken: it counts for nothing and a person decides. */
  readonly isDamaged: boolean;
  /** Nobody knows a hash of its state, and the store was found to be damaged: it counts for nothing too. */
  readonly isDoubted?: boolean | undefined;
  /** Of such a one in an archive: nothing is known to be wrong with it, and it is encrypted for others. */
  readonly isSealed?: boolean | undefined;
  /** Of another database: not ours to remove. */
  readonly isForeign: boolean;
  /** Of one in an archive: the database itself has it too, and would send it again. */
  readonly isHereToo?: boolean | undefined;
}

export interface Decision {
  readonly id: string;
  readonly keeps: boolean;
  /** The rules let it go; it stays all the same only if the policy says `noDelete`. */
  readonly isDue: boolean;
  /** It is one of the newest generations, or the initial one while they are few: the log behind it is kept too. */
  readonly isGeneration: boolean;
  /** Never empty. Why it stays, all of it, or why it goes. */
  readonly reasons: readonly string[];
}

const dayMs = 86_400_000;
const noDeleteWhyDefault = 'nothing is removed here (backupNoDelete)';

/** One decision each, in the order given: newest first. */
export function decideBackups(
  backups: readonly RuledBackup[],
  policy: RetentionPolicy,
  now: number,
): Decision[] {
  const reasons = new Map(backups.map(({ id }): [string, string[]] => [id, []]));
  const keep = (id: string, why: string): void => void reasons.get(id)?.push(why);
  const counted = backups.filter(
    ({ isDamaged, isDoubted, isForeign }) => !isDamaged && isDoubted !== true && !isForeign,
  );
  const fulls = counted.filter(({ kind }) => kind === 'full');
  for (const backup of backups) {
    for (const why of ownReasons(backup)) keep(backup.id, why);
  }
  const generations = keepGenerations(fulls, policy, now, keep);
  const initial = standingInitial(counted, generations, policy, now);
  keepTiers(fulls, policy, now, keep);
  keepIncrementals(counted, generations, keep);
  keepBases(counted, reasons, keep);
  return backups.map((backup) => {
    const kept = reasons.get(backup.id) ?? [];
    const isGeneration = generations.has(backup.id) || backup === initial;
    const { id } = backup;
    if (kept.length > 0) return { id, keeps: true, isDue: false, isGeneration, reasons: kept };
    const unless = policy.noDelete ? [policy.noDeleteWhy ?? noDeleteWhyDefault] : [];
    const why = [...unless, ...dueReasons(backup, policy, now)];
    return { id, keeps: policy.noDelete, isDue: true, isGeneration, reasons: why };
  });
}

type Keep = (id: string, why: string) => void;

function ownReasons(backup: RuledBackup): string[] {
  const why: string[] = [];
  if (backup.isSealed === true) {
    why.push('encrypted for others: it counts for nothing until the identity file opens it');
  } else if (backup.isDamaged) why.push('damaged: it counts for nothing, and a person decides');
  else if (backup.isDoubted === true) {
    why.push('not proved, and the store was found to be damaged: verify it with --deep');
  }
  if (backup.isForeign) why.push('of another database');
  if (backup.kind === 'initial') why.push('the initial backup');
  if (backup.tag !== null) why.push(`its tag ${backup.tag}`);
  if (backup.isHeld) why.push('it is being read');
  if (backup.isHereToo === true) why.push('the database itself has it too');
  return why;
}

function keepGenerations(
  fulls: readonly RuledBackup[],
  policy: RetentionPolicy,
  now: number,
  keep: Keep,
): ReadonlySet<string> {
  const kept = new Set<string>();
  for (const [index, { id, startedAt }] of fulls.slice(0, policy.generations).entries()) {
    const tooOld = isTooOld(startedAt, policy, now);
    if (tooOld && index >= policy.generationsMin) continue;
    kept.add(id);
    const least = tooOld
      ? `, older than ${days(policy.ageDaysMax)}, but ${policy.generationsMin} always stay`
      : '';
    keep(id, `generation ${index + 1} of ${policy.generations}${least}`);
  }
  return kept;
}

/** Until there are enough full backups the initial one is a generation too, if its log is still here. */
function standingInitial(
  counted: readonly RuledBackup[],
  generations: ReadonlySet<string>,
  policy: RetentionPolicy,
  now: number,
): RuledBackup | null {
  if (generations.size === 0 || generations.size >= policy.generations) return null;
  const initial = counted.find(({ kind }) => kind === 'initial');
  return initial === undefined || isTooOld(initial.startedAt, policy, now) ? null : initial;
}

interface Tier {
  readonly name: string;
  readonly count: number;
  readonly bucketOf: (time: number) => string;
}

function tiersOf({ daily, weekly, monthly }: RetentionPolicy): readonly Tier[] {
  return [
    { name: 'daily', count: daily, bucketOf: (time) => isoDay(time) },
    { name: 'weekly', count: weekly, bucketOf: isoWeek },
    { name: 'monthly', count: monthly, bucketOf: (time) => isoDay(time).slice(0, -3) },
  ];
}

/** Days are counted where they have a backup: a week without one costs none of the others. */
function keepTiers(
  fulls: readonly RuledBackup[],
  policy: RetentionPolicy,
  now: number,
  keep: Keep,
): void {
  const byTime = fulls.toSorted((a, b) => b.startedAt - a.startedAt);
  for (const { name, count, bucketOf } of tiersOf(policy)) {
    const seen = new Set<string>();
    for (const { id, startedAt } of byTime) {
      if (seen.size >= count) break;
      if (isTooOld(startedAt, policy, now)) continue;
      const bucket = bucketOf(startedAt);
      if (seen.has(bucket)) continue;
      seen.add(bucket);
      keep(id, `${name}: the newest of ${bucket}`);
    }
  }
}

/** Those that continue a generation stay with it; a tier or a tag keeps its full backup alone. */
function keepIncrementals(
  counted: readonly RuledBackup[],
  generations: ReadonlySet<string>,
  keep: Keep,
): void {
  const byId = new Map(counted.map((backup) => [backup.id, backup]));
  for (const backup of counted) {
    if (backup.kind !== 'incremental') continue;
    const base = chainOf(backup, byId).at(-1);
    if (base !== undefined && generations.has(base.id)) {
      keep(backup.id, `it continues the kept generation ${base.id}`);
    }
  }
}

/** Whatever keeps an incremental backup keeps all that it builds on. */
function keepBases(
  counted: readonly RuledBackup[],
  reasons: ReadonlyMap<string, readonly string[]>,
  keep: Keep,
): void {
  const byId = new Map(counted.map((backup) => [backup.id, backup]));
  const kept = counted.filter(({ id }) => (reasons.get(id)?.length ?? 0) > 0);
  for (const backup of kept) {
    for (const base of chainOf(backup, byId)) keep(base.id, `${backup.id} builds on it`);
  }
}

/** What an incremental backup builds on, the nearest first; a ring, which no honest writer makes, ends. */
function chainOf(backup: RuledBackup, byId: ReadonlyMap<string, RuledBackup>): RuledBackup[] {
  const chain: RuledBackup[] = [];
  let at = byId.get(backup.after ?? '');
  while (at !== undefined && at !== backup && !chain.includes(at)) {
    chain.push(at);
    at = byId.get(at.after ?? '');
  }
  return chain;
}

function dueReasons(backup: RuledBackup, policy: RetentionPolicy, now: number): string[] {
  if (backup.kind === 'incremental') return ['the full backup that it continues is no generation'];
  const why: string[] = [];
  if (isTooOld(backup.startedAt, policy, now)) why.push(`older than ${days(policy.ageDaysMax)}`);
  else why.push(`beyond the ${policy.generations} newest`);
  if (tiersOf(policy).some(({ count }) => count > 0)) why.push('no tier needs it');
  return why;
}

function isTooOld(time: number, { ageDaysMax }: RetentionPolicy, now: number): boolean {
  return ageDaysMax > 0 && now - time > ageDaysMax * dayMs;
}

const days = (count: number): string => `${count} ${count === 1 ? 'day' : 'days'}`;

/** `2026-07-29`; all days are UTC's, so that every machine decides alike. */
function isoDay(time: number): string {
  return new Date(Math.min(time, timeMsMax)).toISOString().split('T', 1)[0] as string;
}

/** `2026-W31` by ISO 8601: weeks begin on Monday, and belong to the year that their Thursday is in. */
function isoWeek(time: number): string {
  const day = Math.floor(Math.min(time, timeMsMax) / dayMs);
  // 1970-01-01 was a Thursday.
  const thursday = day - ((day + 3) % 7) + 3;
  const year = new Date(thursday * dayMs).getUTCFullYear();
  const first = Math.floor(Date.UTC(year, 0, 1) / dayMs);
  const week = Math.floor((thursday - first) / 7) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}
