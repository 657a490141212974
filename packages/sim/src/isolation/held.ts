// What locks and the first of two writers promise: what was read is not changed, and what was written is not
// written by another one, before the transaction ends.
import type { Anomaly } from './anomaly.js';
import { isWrite, type History, type Operation, type Transaction } from './history.js';
import type { Observed } from './observed.js';
import { named } from './words.js';
import type { Version, Versions } from './versions.js';

export function checkHeld(
  history: History,
  versions: Versions,
  observed: readonly Observed[],
): Anomaly[] {
  const committed = observed.filter(({ transaction }) => versions.isCommitted(transaction));
  return [
    ...committed.flatMap((one) => [...lostUpdate(versions, one), ...changed(versions, one)]),
    ...dirtyWrites(history),
  ];
}

/** It wrote what it had read, and somebody else had written it in between. */
function lostUpdate(versions: Versions, read: Observed): Anomaly[] {
  const { transaction, version, hold, at } = read;
  const { index, key } = version;
  if (index === null || hold === 'none') return [];
  const written = versions.writtenBy(transaction, key);
  if (written === undefined || written.index === null) return [];
  if (written.index === index + 1) return [];
  const { operations } = transaction;
  if (hold === 'cursor' && !isWriteOf(operations, at, key)) return [];
  const between = versions.order(key).slice(index + 1, written.index);
  const lost = between.map(({ by }) => by).filter((by) => by !== null);
  const ids = lost.map(({ id }) => id);
  const what =
    lost.length === 0
      ? `wrote ${key} = ${written.id}, and read ${version.id}, which comes behind it`
      : `read ${key} = ${version.id || 'nothing'} and wrote ${written.id}, over what ${lost.map(named).join(', ')} wrote between`;
  return [
    {
      name: hold === 'cursor' ? 'cursor lost update' : 'lost update',
      transactions: [transaction.id, ...ids],
      keys: [key],
      text: `${named(transaction)} ${what}`,
    },
  ];
}

/** Whether the first thing behind the read that moves the cursor or writes is a write of what it stands on. */
function isWriteOf(operations: readonly Operation[], at: number, key: string): boolean {
  for (const operation of operations.slice(at + 1)) {
    if (!isWrite(operation)) return false;
    if (operation.key === key) return true;
  }
  return false;
}

/** What it held was written by another one that committed before its own commit was asked for. */
function changed(versions: Versions, read: Observed): Anomaly[] {
  const { transaction, version, hold } = read;
  if (hold !== 'end' || transaction.outcome !== 'ok') return [];
  const next = nextOfOthers(versions, version, transaction);
  const by = next?.by ?? null;
  if (next === undefined || by === null) return [];
  const isBeforeInLog =
    by.position !== null &&
    transaction.position !== null &&
    by.position.seq < transaction.position.seq;
  // A replica that is behind reads what was so.
  const isHere = by.place === transaction.place && by.outcome === 'ok';
  const isBeforeInTime = isHere && by.endedAt < (transaction.commitInvokedAt ?? 0);
  if (!isBeforeInLog && !isBeforeInTime) return [];
  const { key } = version;
  const what = `read ${key} = ${version.id || 'nothing'} until its end, and ${named(by)} wrote ${next.id} before that`;
  return [
    {
      name: 'changed while held',
      transactions: [transaction.id, by.id],
      keys: [key],
      text: `${named(transaction)} ${what}`,
    },
  ];
}

function nextOfOthers(
  versions: Versions,
  version: Version,
  transaction: Transaction,
): Version | undefined {
  const next = versions.next(version);
  // Its own write is behind all that came between: that is a lost update.
  return next?.by === transaction ? undefined : next;
}

interface WriteLock {
  readonly transaction: Transaction;
  readonly from: number;
  readonly until: number;
}

/** Both committed, and both surely held the document at one time. Of those that fail nobody knows until when. */
function dirtyWrites({ transactions }: History): Anomaly[] {
  const locks = new Map<string, WriteLock[]>();
  for (const transaction of transactions) {
    const { commitInvokedAt: until, isolation, outcome, operations } = transaction;
    // A snapshot locks at its commit.
    if (outcome !== 'ok' || until === null || isolation === 'snapshot') continue;
    const first = new Map<string, number>();
    for (const operation of operations.filter(isWrite)) {
      if (!first.has(operation.key)) first.set(operation.key, operation.answeredAt);
    }
    for (const [key, from] of first) {
      // A batch alone locks in its one call too, and is free again before that is answered.
      if (from >= until) continue;
      const ofKey = locks.get(key) ?? [];
      locks.set(key, ofKey);
      ofKey.push({ transaction, from, until });
    }
  }
  return [...locks].flatMap(([key, ofKey]) => overlapping(key, ofKey));
}

function overlapping(key: string, locks: WriteLock[]): Anomaly[] {
  locks.sort((a, b) => a.from - b.from);
  const anomalies: Anomaly[] = [];
  for (const [at, lock] of locks.entries()) {
    const next = locks[at + 1];
    if (next === undefined || next.from >= lock.until) continue;
    const [one, other] = [lock.transaction, next.transaction];
    anomalies.push({
      name: 'dirty write',
      transactions: [one.id, other.id],
      keys: [key],
      text: `${named(other)} wrote ${key}, which ${named(one)} had written and not yet asked to commit`,
    });
  }
  return anomalies;
}
