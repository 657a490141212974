// What a read must at least have seen: what was acknowledged on the master, what anybody had seen at the same
// place, and what its token names, all before it was asked for.
import type { Anomaly } from './anomaly.js';
import { master, type History } from './history.js';
import type { Observed } from './observed.js';
import { named } from './words.js';
import type { Version, Versions } from './versions.js';

/** From `at` on nobody may read anything older than `version`. */
interface Bound {
  readonly at: number;
  readonly version: Version;
  readonly why: string;
  readonly process: string | null;
}

/** Bounds of one key at one place, in the order of time, each higher than those before. */
type Rising = readonly Bound[];

export function checkStale(
  history: History,
  versions: Versions,
  observed: readonly Observed[],
): Anomaly[] {
  const bounds = risingBounds(boundsOf(history, versions, observed));
  return observed.flatMap((read) => {
    const { transaction, version, hold, invokedAt } = read;
    if (version.index === null) return [];
    const { place, beginInvokedAt, isolation } = transaction;
    const isOfBeginning = hold === 'snapshot' || isolation === 'snapshot';
    const since = isOfBeginning ? beginInvokedAt : invokedAt;
    const { key } = version;
    const bound = last(bounds.get(`${place} ${key}`) ?? [], since) ?? null;
    const token = boundOfToken(versions, read);
    const broken = [bound, token].find((one) => one !== null && isAbove(one, version));
    if (!broken) return [];
    const name = broken.process === transaction.process ? 'session goes back' : 'stale read';
    const text = `${named(transaction)} read ${key} = ${version.id || 'nothing'} although ${broken.why}`;
    const { by } = broken.version;
    const transactions = [transaction.id, ...(by === null ? [] : [by.id])];
    return [{ name, transactions, keys: [key], text } as const];
  });
}

function isAbove({ version }: Bound, { index }: Version): boolean {
  return (version.index ?? 0) > (index ?? 0);
}

function boundsOf(
  history: History,
  versions: Versions,
  observed: readonly Observed[],
): Map<string, Bound[]> {
  const bounds = new Map<string, Bound[]>();
  const add = (place: string, key: string, bound: Bound): void => {
    const ofKey = bounds.get(`${place} ${key}`) ?? [];
    bounds.set(`${place} ${key}`, ofKey);
    ofKey.push(bound);
  };
  for (const key of versions.keys) {
    for (const version of versions.order(key)) {
      const { by } = version;
      if (by === null || by.outcome !== 'ok') continue;
      const why = `${named(by)} had written ${version.id} and was acknowledged before`;
      add(by.place, key, { at: by.endedAt, version, why, process: by.process });
    }
  }
  for (const { transaction, version, answeredAt } of observed) {
    if (version.index === null || version.index === 0) continue;
    const { key, id } = version;
    const why = `${named(transaction)} had read ${id} before`;
    const bound = { at: answeredAt, version, why, process: transaction.process };
    add(transaction.place, key, bound);
    // A replica has nothing that its master has not.
    if (transaction.place !== master) add(master, key, bound);
  }
  return bounds;
}

function risingBounds(bounds: Map<string, Bound[]>): Map<string, Rising> {
  const rising = new Map<string, Rising>();
  for (const [key, all] of bounds) {
    all.sort((a, b) => a.at - b.at);
    const kept: Bound[] = [];
    for (const bound of all) {
      const before = kept.at(-1);
      if (before === undefined || isAbove(bound, before.version)) kept.push(bound);
    }
    rising.set(key, kept);
  }
  return rising;
}

/** The last one before that time. */
function last(bounds: Rising, before: number): Bound | undefined {
  let [low, high] = [0, bounds.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((bounds[middle] as Bound).at < before) low = middle + 1;
    else high = middle;
  }
  return bounds[low - 1];
}

function boundOfToken(versions: Versions, { transaction, version }: Observed): Bound | null {
  const { after, process } = transaction;
  if (after === null) return null;
  const newest = versions
    .order(version.key)
    .findLast(({ by }) => by?.position && by.position.seq <= after.seq);
  if (newest === undefined) return null;
  const why = `its token ${after.timeline}/${after.seq} stands behind ${newest.id}`;
  return { at: 0, version: newest, why, process };
}
