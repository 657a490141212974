// The lock table by example: fairness, upgrades, the words of a deadlock, time, limits, and many at once.
import { PaminaError } from '@pamina/format';
import { expect, test } from 'vitest';
import { LockTable, type LockTableLimits } from '../src/lock-table.js';
import type { LockMode } from '../src/modes.js';
import type { LockOwner } from '../src/owner.js';
import type { LockName } from '../src/resource.js';

const roomy: LockTableLimits = {
  transactionsMax: 100_000,
  locksPerTransactionMax: 100_000,
  locksMax: 1_000_000,
};

function newTable(limits: Partial<LockTableLimits> = {}): LockTable {
  return new LockTable({ ...roomy, ...limits });
}

function document(name: string): LockName {
  return { level: 'document', name };
}

function ask(table: LockTable, owner: LockOwner, name: string, mode: LockMode): boolean {
  return table.request(owner, document(name), mode, 0, 1000);
}

/** What came out, as `1 granted`. */
function outcomes(table: LockTable): string[] {
  return table.takeOutcomes().map((outcome) => {
    const code = 'error' in outcome ? ` ${outcome.error.code}` : '';
    return `${outcome.owner.id} ${outcome.kind}${code}`;
  });
}

function codeOf(task: () => unknown): string {
  try {
    task();
  } catch (error) {
    return error instanceof PaminaError ? error.code : String(error);
  }
  return 'no error';
}

test('requests are granted in their order, readers together', () => {
  const table = newTable();
  const [a, b, c, d] = [0, 0, 0, 0].map(() => table.begin(0)) as [
    LockOwner,
    LockOwner,
    LockOwner,
    LockOwner,
  ];
  expect(ask(table, a, 'k', 'exclusive')).toBe(true);
  expect(ask(table, b, 'k', 'shared')).toBe(false);
  expect(ask(table, c, 'k', 'shared')).toBe(false);
  expect(ask(table, d, 'k', 'exclusive')).toBe(false);
  table.end(a);
  expect(outcomes(table)).toEqual(['2 granted', '3 granted']);
  const late = table.begin(0);
  expect(ask(table, late, 'k', 'shared')).toBe(false);
  table.end(b);
  table.end(c);
  expect(outcomes(table)).toEqual(['4 granted']);
  table.end(d);
  expect(outcomes(table)).toEqual(['5 granted']);
});

test('an upgrade goes before new requests', () => {
  const table = newTable();
  const [reader, other, writer] = [table.begin(0), table.begin(0), table.begin(0)];
  ask(table, reader, 'k', 'shared');
  ask(table, other, 'k', 'shared');
  expect(ask(table, writer, 'k', 'exclusive')).toBe(false);
  expect(ask(table, reader, 'k', 'exclusive')).toBe(false);
  table.end(other);
  expect(outcomes(table)).toEqual(['1 granted']);
  table.end(reader);
  expect(outcomes(table)).toEqual(['3 granted']);
});

test('a deadlock ends the youngest, and its error names the cycle', () => {
  const table = newTable();
  const [a, b] = [table.begin(0), table.begin(0)];
  ask(table, a, 'x', 'exclusive');
  ask(table, b, 'y', 'exclusive');
  expect(ask(table, b, 'x', 'shared')).toBe(false);
  expect(ask(table, a, 'y', 'shared')).toBe(false);
  const [ended, granted] = table.takeOutcomes();
  expect(granted).toMatchObject({ kind: 'granted', owner: { id: 1 } });
  expect(ended).toMatchObject({ kind: 'ended', owner: { id: 2 } });
  const { error } = ended as { error: PaminaError };
  expect(error.message).toBe(
    'transactions wait for each other: 1 (for document y, shared) → 2 (for document x, shared) → 1; 2, the youngest, was rolled back',
  );
  expect(error.retryable).toBe(true);
  expect(error.context['cycle']).toHaveLength(2);
});

test('two who read one document and both want to write it are a deadlock', () => {
  const table = newTable();
  const [a, b] = [table.begin(0), table.begin(0)];
  ask(table, a, 'x', 'shared');
  ask(table, b, 'x', 'shared');
  ask(table, a, 'x', 'exclusive');
  expect(ask(table, b, 'x', 'exclusive')).toBe(false);
  expect(outcomes(table)).toEqual(['2 ended DEADLOCK', '1 granted']);
});

test('time ends waits, transactions that last too long, and those whose owner does nothing', () => {
  const table = newTable();
  const holder = table.begin(0);
  const waiting = table.begin(0, { timeoutMs: 5000 });
  const idle = table.begin(0, { idleTimeoutMs: 2000 });
  ask(table, holder, 'k', 'exclusive');
  table.request(waiting, document('k'), 'shared', 0, 1000);
  expect(table.nextDueMs).toBeLessThanOrEqual(1000);
  table.advance(999);
  expect(outcomes(table)).toEqual([]);
  table.advance(1000);
  expect(outcomes(table)).toEqual(['2 refused LOCK_TIMEOUT']);
  table.setBusy(idle, true, 1500);
  table.advance(4000);
  expect(outcomes(table)).toEqual([]);
  table.setBusy(idle, false, 4000);
  table.advance(5000);
  expect(outcomes(table)).toEqual(['2 ended TRANSACTION_TIMEOUT']);
  table.advance(5999);
  expect(outcomes(table)).toEqual([]);
  table.advance(6000);
  expect(outcomes(table)).toEqual(['3 ended TRANSACTION_TIMEOUT']);
  expect([table.size, table.nextDueMs]).toEqual([1, Infinity]);
});

test('a wait that ends lets those behind it pass', () => {
  const table = newTable();
  const [a, b, c] = [table.begin(0), table.begin(0), table.begin(0)];
  ask(table, a, 'k', 'shared');
  ask(table, b, 'k', 'exclusive');
  ask(table, c, 'k', 'shared');
  table.stopWaiting(b);
  expect(outcomes(table)).toEqual(['3 granted']);
});

test('P13 transactions and locks are limited, and what is refused leaves nothing behind', () => {
  const table = newTable({ transactionsMax: 2, locksPerTransactionMax: 2, locksMax: 3 });
  const [a, b] = [table.begin(0), table.begin(0)];
  expect(codeOf(() => table.begin(0))).toBe('TRANSACTIONS_FULL');
  ask(table, a, '1', 'shared');
  ask(table, a, '2', 'shared');
  expect(codeOf(() => ask(table, a, '3', 'shared'))).toBe('LOCKS_FULL');
  // Another mode of what is held is no other lock.
  expect(ask(table, a, '2', 'exclusive')).toBe(true);
  ask(table, b, '4', 'shared');
  expect(codeOf(() => ask(table, b, '5', 'shared'))).toBe('LOCKS_FULL');
  expect([...table.list(0)]).toHaveLength(3);
  table.end(a);
  expect(ask(table, b, '5', 'shared')).toBe(true);
});

test('a lock above covers what is below it', () => {
  const table = newTable();
  const owner = table.begin(0);
  const collection: LockName = { level: 'collection', name: 'c' };
  table.request(owner, collection, 'shared', 0, 1);
  expect(table.covers(owner, [collection], document('k'), 'shared')).toBe(true);
  expect(table.covers(owner, [collection], document('k'), 'exclusive')).toBe(false);
});

test('P13 10,000 open transactions on one document are granted one after the other', () => {
  const table = newTable();
  const owners = Array.from({ length: 10_000 }, () => table.begin(0, { timeoutMs: 1e6 }));
  for (const owner of owners) {
    table.request(owner, { level: 'database', name: '' }, 'intention-exclusive', 0, 1e6);
    ask(table, owner, 'hot', 'exclusive');
  }
  const inTurn = owners.filter((owner) => {
    const isNext = owner.wait === null;
    table.end(owner);
    table.takeOutcomes();
    return isNext;
  });
  expect(inTurn).toHaveLength(10_000);
  expect([table.size, table.locks, table.nextDueMs]).toEqual([0, 0, Infinity]);
});

test('a storm of deadlocks ends: whoever is not the victim gets on, and nobody waits for ever', () => {
  interface Worker {
    readonly owner: LockOwner;
    readonly documents: readonly string[];
  }
  const table = newTable();
  const open = new Map<number, Worker>();
  let seed = 1;
  const counts = { begun: 0, commits: 0, victims: 0 };
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const begin = (): void => {
    const owner = table.begin(0);
    const documents = [0, 1, 2, 3].map(() => `${random(20)}`);
    open.set(owner.id, { owner, documents });
    counts.begun++;
  };
  const steps = new Map<number, number>();
  while (counts.begun < 5000 || open.size > 0) {
    while (counts.begun < 5000 && open.size < 50) begin();
    const runnable = [...open.values()].filter(({ owner }) => owner.wait === null);
    const chosen = runnable[random(runnable.length)];
    if (chosen === undefined) break;
    const { owner, documents } = chosen;
    const step = steps.get(owner.id) ?? 0;
    steps.set(owner.id, step + 1);
    const name = documents[step];
    if (name === undefined) {
      counts.commits++;
      open.delete(owner.id);
      table.end(owner);
    } else {
      ask(table, owner, name, random(2) === 0 ? 'shared' : 'exclusive');
    }
    for (const outcome of table.takeOutcomes()) {
      if (outcome.kind === 'ended' && open.delete(outcome.owner.id)) counts.victims++;
    }
  }
  expect(open.size).toBe(0);
  expect(counts.commits + counts.victims).toBe(5000);
  expect(counts.victims).toBeGreaterThan(500);
  expect([table.size, table.locks]).toEqual([0, 0]);
});

const paths = (...names: string[]): LockName[][] =>
  names.map((name) => [{ level: 'database', name: '' }, document(name)]);

test('P12 replay waits for who has read what it changes, and all others wait for replay', () => {
  const table = newTable();
  const [a, b, c] = [0, 0, 0].map(() => table.begin(0)) as [LockOwner, LockOwner, LockOwner];
  expect(ask(table, a, 'k', 'shared')).toBe(true);
  expect(ask(table, b, 'other', 'shared')).toBe(true);
  expect(table.enterReplay(paths('k', 'l'), 0)).toBe(false);
  // Whoever it waits for goes on as if nothing was to come.
  expect(ask(table, a, 'l', 'shared')).toBe(true);
  expect(ask(table, b, 'l', 'shared')).toBe(false);
  expect(ask(table, c, 'k', 'shared')).toBe(false);
  table.release(a, document('k'));
  expect(outcomes(table)).toEqual([]);
  table.release(a, document('l'));
  expect(outcomes(table)).toEqual(['1 replay']);
  expect(ask(table, a, 'k', 'shared')).toBe(false);
  table.leaveReplay();
  expect(outcomes(table)).toEqual(['3 granted', '1 granted', '2 granted']);
});

test('P16 who stands before replay for too long is ended, and nobody else', () => {
  const table = newTable();
  const [a, b] = [0, 0].map(() => table.begin(0)) as [LockOwner, LockOwner];
  ask(table, a, 'k', 'shared');
  ask(table, b, 'other', 'shared');
  expect(table.enterReplay(paths('k'), 0)).toBe(false);
  table.cancelBlockers(30);
  expect(outcomes(table)).toEqual(['1 ended QUERY_CANCELLED', '1 replay']);
  expect(b.isOver).toBe(false);
});

test('P12 what a transaction of the master holds keeps others off, whoever holds it by then', () => {
  const table = newTable();
  const [a, b] = [0, 0].map(() => table.begin(0)) as [LockOwner, LockOwner];
  expect(ask(table, a, 'k', 'shared')).toBe(true);
  table.noteMaster(7, paths('k'), 0);
  expect(ask(table, a, 'k', 'shared')).toBe(true);
  expect(ask(table, b, 'k', 'shared')).toBe(false);
  expect([...table.list(0)].filter(({ origin }) => origin === 'master')).toMatchObject([
    { transaction: 7, level: 'database', mode: 'intention-exclusive' },
    { transaction: 7, level: 'document', name: 'k', mode: 'exclusive' },
  ]);
  table.advance(1000);
  expect(outcomes(table)).toEqual(['2 refused DOCUMENT_LOCKED']);
  expect(ask(table, b, 'k', 'shared')).toBe(false);
  expect(table.endMaster(7)).toBe(true);
  expect(table.endMaster(7)).toBe(false);
  expect(outcomes(table)).toEqual(['2 granted']);
});

test('P16 who stands before replay and waits for what comes with it is ended at once', () => {
  const table = newTable();
  const [a, b] = [0, 0].map(() => table.begin(0)) as [LockOwner, LockOwner];
  table.noteMaster(7, paths('m'), 0);
  ask(table, a, 'k', 'shared');
  expect(ask(table, a, 'm', 'shared')).toBe(false);
  expect(table.enterReplay(paths('k'), 0)).toBe(false);
  expect(outcomes(table)).toEqual(['1 ended QUERY_CANCELLED', '1 replay']);
  table.leaveReplay();
  ask(table, b, 'k', 'shared');
  expect(table.enterReplay(paths('k'), 0)).toBe(false);
  expect(ask(table, b, 'm', 'shared')).toBe(false);
  expect(outcomes(table)).toEqual(['2 ended QUERY_CANCELLED', '2 replay']);
});

test('P13 what the master and replay hold is not counted among the locks of those here', () => {
  const table = newTable({ locksMax: 2 });
  table.noteMaster(7, paths('a', 'b', 'c'), 0);
  table.enterReplay(paths('d', 'e'), 0);
  expect(table.locks).toBe(0);
  const owner = table.begin(0);
  expect(ask(table, owner, 'x', 'shared')).toBe(true);
  table.leaveReplay();
  table.endMaster(7);
  expect(table.locks).toBe(1);
});

test('the end of a transaction of the master leaves one from here with its number where it is', () => {
  const table = newTable();
  const reader = table.begin(0);
  ask(table, reader, 'k', 'shared');
  table.noteMaster(reader.id, [[document('m')]], 0);
  expect(table.endMaster(reader.id)).toBe(true);
  expect(table.size).toBe(1);
  expect([...table.list(0)]).toMatchObject([{ transaction: reader.id, origin: 'here', name: 'k' }]);
});
