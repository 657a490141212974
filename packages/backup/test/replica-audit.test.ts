// When a comparison of replica and master does not come to its end, and what is remembered of it.
import type { AuditWatcher, StoreSnapshot } from '@pamina/engine';
import type { Env } from '@pamina/env';
import { join } from 'node:path';
import { PaminaError } from '@pamina/format';
import { beforeEach, expect, test } from 'vitest';
import type { StateEntry } from '../src/index.js';
import {
  ReplicaAudit,
  hashState,
  noteStoreDamage,
  readAudit,
  readStoreDamage,
} from '../src/index.js';
import { env, gate, temporaryFolder } from './support.js';

/** A replica whose time the test moves on. */
class FakeReplica {
  readonly env: Env;
  readonly events: string[] = [];
  readonly jobLog = {
    write: (level: string, event: string, message: string): void => {
      this.events.push(`${level} ${event}: ${message}`);
    },
  };
  timers: (() => void)[] = [];
  watcher: AuditWatcher | null = null;
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
    const after = (_ms: number, run: () => void): (() => void) => {
      this.timers.push(run);
      return () => {
        this.timers = this.timers.filter((timer) => timer !== run);
      };
    };
    this.env = { ...env, clock: { ...env.clock, now: () => env.clock.now(), after } };
  }

  durable(): { seq: number } {
    return { seq: 0 };
  }

  watchAudits(watcher: AuditWatcher): () => void {
    this.watcher = watcher;
    return () => {
      this.watcher = null;
    };
  }
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

function snapshotOf(
  entries: readonly StateEntry[],
  before: Promise<void> = Promise.resolve(),
): StoreSnapshot & { closed: number } {
  return {
    closed: 0,
    async *entries() {
      await before;
      yield entries.map(([key, value]): [Uint8Array, Uint8Array] => [key, value]);
    },
    close() {
      this.closed++;
      return Promise.resolve();
    },
  };
}

const state: StateEntry[] = [[text('\u0002a'), text('1')]];
let replica: FakeReplica;
let audit: ReplicaAudit;
let expected: string;

beforeEach(async () => {
  replica = new FakeReplica(await temporaryFolder());
  audit = ReplicaAudit.attach(replica);
  expected = (await hashState(snapshotOf(state))).stateHash;
});

const mark = (
  backup: string,
  seq: number,
  snapshot: StoreSnapshot | PaminaError | undefined,
): void => {
  if (snapshot !== undefined) replica.watcher?.mark({ backup, tag: null }, seq, snapshot);
};
const record = (backup: string, seq: number, stateHash = expected): void =>
  replica.watcher?.audit({ backup, seq, stateHash });
const found = async () => {
  await audit.settle();
  return readAudit(env, replica.folder);
};

test('P3 equal and different are told apart and noted, and the snapshot is let go of', async () => {
  const one = snapshotOf(state);
  mark('1-1', 1, one);
  record('1-1', 1);
  expect(await found()).toMatchObject({ result: 'equal', backup: '1-1', seq: 1 });
  const two = snapshotOf([]);
  mark('2-1', 2, two);
  record('2-1', 2);
  expect(await found()).toMatchObject({ result: 'different', backup: '2-1', expected });
  expect([one.closed, two.closed]).toEqual([1, 1]);
  expect(replica.timers).toEqual([]);
  await audit.close();
});

test('P9 the next mark, ten minutes, a close and a full disk end a comparison, and say so', async () => {
  const snapshots = Array.from({ length: 3 }, () => snapshotOf(state));
  mark('1-1', 1, snapshots[0]);
  mark('2-1', 2, snapshots[1]);
  expect(await found()).toMatchObject({ result: 'skipped', backup: '1-1' });
  replica.timers[0]?.();
  expect(await found()).toMatchObject({
    result: 'skipped',
    backup: '2-1',
    reason: 'it took longer than 10 minutes',
  });
  record('2-1', 2);
  expect(await found()).toMatchObject({ result: 'skipped', backup: '2-1', expected });
  mark('3-1', 3, new PaminaError('DISK_FULL', 'no space'));
  expect(await found()).toMatchObject({ result: 'skipped', backup: '3-1' });
  mark('4-1', 4, snapshots[2]);
  await audit.close();
  expect(await found()).toMatchObject({ result: 'skipped', backup: '4-1' });
  expect(snapshots.map(({ closed }) => closed)).toEqual([1, 1, 1]);
  expect(replica.watcher).toBeNull();
});

test('P9 a comparison that is broken off under way is skipped, not equal', async () => {
  const { opened, open } = gate();
  const slow = snapshotOf(state, opened);
  mark('1-1', 1, slow);
  record('1-1', 1);
  mark('2-1', 2, snapshotOf(state));
  open();
  expect(await found()).toMatchObject({ result: 'skipped', backup: '1-1' });
  expect(slow.closed).toBe(1);
  await audit.close();
});

test('P9 the record of a mark that was applied before the start is skipped', async () => {
  record('1-1', 1);
  expect(await found()).toMatchObject({ result: 'skipped', backup: '1-1', stateHash: null });
  await audit.close();
});

test('P9 a difference is remembered until the two are found to be equal again', async () => {
  mark('1-1', 1, snapshotOf([]));
  record('1-1', 1);
  expect(await found()).toMatchObject({ result: 'different' });
  record('2-1', 2);
  expect(await found()).toMatchObject({ result: 'different', backup: '1-1' });
  mark('3-1', 3, snapshotOf(state));
  record('3-1', 3);
  expect(await found()).toMatchObject({ result: 'equal', backup: '3-1' });
  await audit.close();
});

test('P9 a difference makes the store known to be damaged, until it is equal; what its own files say stays', async () => {
  const store = join(replica.folder, 'store');
  await env.disk.makeFolder(store);
  const damage = async () => {
    await audit.settle();
    return readStoreDamage(env, replica.folder);
  };
  mark('1-1', 1, snapshotOf([]));
  record('1-1', 1);
  expect(await damage()).toMatchObject({ found: 'audit' });
  record('2-1', 2);
  expect(await damage()).toMatchObject({ found: 'audit' });
  mark('3-1', 3, snapshotOf(state));
  record('3-1', 3);
  expect(await damage()).toBeNull();
  await noteStoreDamage(replica, { found: 'tables', message: 'a block is damaged' });
  mark('4-1', 4, snapshotOf(state));
  record('4-1', 4);
  expect(await damage()).toMatchObject({ found: 'tables' });
  await audit.close();
});
