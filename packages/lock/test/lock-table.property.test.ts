// Any sequence of calls, step by step beside a naive model.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LockTable, type Outcome } from '../src/lock-table.js';
import { areCompatible, lockModes, type LockMode } from '../src/modes.js';
import type { LockOwner } from '../src/owner.js';
import { NaiveLocks } from './naive-locks.js';

const limits = { transactionsMax: 1000, locksPerTransactionMax: 1000, locksMax: 1000 };

type Step =
  | { readonly do: 'request'; readonly who: number; readonly what: number; readonly mode: LockMode }
  | { readonly do: 'release'; readonly who: number; readonly what: number }
  | { readonly do: 'stop' | 'end'; readonly who: number };

const who = fc.nat(5);
const what = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('request' as const),
      who,
      what,
      mode: fc.constantFrom(...lockModes, 'shared', 'exclusive', 'exclusive'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), who, what }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('stop' as const, 'end' as const), who }),
  },
);

let deadlocks = 0;

class Bench {
  readonly table = new LockTable(limits);
  readonly naive = new NaiveLocks();
  readonly owners = new Map<number, LockOwner>(
    [0, 1, 2, 3, 4, 5].map((index) => [index, this.table.begin(0)]),
  );

  run(one: Step): void {
    const owner = this.#owner(one.who);
    switch (one.do) {
      case 'request':
        if (owner.wait === null) this.#request(one.who, `${one.what}`, one.mode);
        return;
      case 'release': {
        const name = { level: 'document', name: `${one.what}` } as const;
        if (owner.wait?.resource.name === name.name) return;
        this.table.release(owner, name);
        this.naive.release(owner.id, name.name);
        break;
      }
      case 'stop':
        this.table.stopWaiting(owner);
        this.naive.stopWaiting(owner.id);
        break;
      case 'end':
        this.table.end(owner);
        this.naive.end(owner.id);
        this.owners.set(one.who, this.table.begin(0));
    }
    const outcomes = this.table.takeOutcomes();
    // Who frees something closes no cycle.
    expect(outcomes.every(({ kind }) => kind === 'granted')).toBe(true);
  }

  #owner(index: number): LockOwner {
    const owner = this.owners.get(index);
    if (owner === undefined) throw new Error(`there is no ${index}`);
    return owner;
  }

  #request(index: number, resource: string, mode: LockMode): void {
    const owner = this.#owner(index);
    this.naive.request(owner.id, resource, mode);
    const isGranted = this.table.request(owner, { level: 'document', name: resource }, mode, 0, 1);
    expect(isGranted && owner.wait !== null).toBe(false);
    const ended = this.table.takeOutcomes().filter(({ kind }) => kind === 'ended');
    for (const outcome of ended) this.#checkVictim(outcome);
    expect([...this.naive.deadlocked()]).toEqual([]);
  }

  #checkVictim(outcome: Outcome): void {
    const deadlocked = this.naive.deadlocked();
    const error = (outcome as { error: Error & { code: string; context: object } }).error;
    expect(error.code).toBe('DEADLOCK');
    deadlocks++;
    const { cycle } = error.context as { cycle: { transaction: number }[] };
    const members = cycle.map(({ transaction }) => transaction);
    for (const member of members) expect(deadlocked).toContain(member);
    expect(outcome.owner.id).toBe(Math.max(...members));
    this.naive.end(outcome.owner.id);
    for (const [index, owner] of this.owners) {
      if (owner === outcome.owner) this.owners.set(index, this.table.begin(0));
    }
  }

  check(): void {
    const entries = [...this.table.list(0)];
    const held = entries.filter(({ waitingMs }) => waitingMs === null);
    const waiting = entries.filter(({ waitingMs }) => waitingMs !== null);
    const text = (owner: number, name: string, mode: LockMode): string =>
      `${owner} ${name} ${mode}`;
    expect(held.map((one) => text(one.transaction, one.name, one.mode)).sort()).toEqual(
      this.naive.holds.map((one) => text(one.owner, one.resource, one.mode)).sort(),
    );
    expect(waiting.map((one) => text(one.transaction, one.name, one.mode)).sort()).toEqual(
      this.naive.waits.map((one) => text(one.owner, one.resource, one.mode)).sort(),
    );
    for (const one of held) {
      for (const other of held) {
        if (one.name !== other.name || one.transaction === other.transaction) continue;
        expect(areCompatible(one.mode, other.mode)).toBe(true);
      }
    }
    expect(this.table.locks).toBe(held.length);
  }
}

test('holders are compatible, queues fair, wake-ups complete and cycles broken, as in a naive model', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const bench = new Bench();
      for (const one of steps) {
        bench.run(one);
        bench.check();
      }
      for (const owner of bench.owners.values()) bench.table.end(owner);
      expect([bench.table.size > 0, bench.table.locks]).toEqual([false, 0]);
      expect(bench.table.nextDueMs).toBe(Infinity);
    }),
    { numRuns: 300 },
  );
  // Else it has shown less than it says.
  expect(deadlocks).toBeGreaterThan(100);
});
