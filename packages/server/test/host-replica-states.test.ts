// The states of a replica (DESIGN §9) as its status shows them: each with since when it lasts and why.

import type { DatabaseState, DatabaseStatus } from '@pamina/wire';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { eventually, Workbench } from './workbench.js';

const replica = 'cities-replica';
let bench: Workbench;
let server: HostServer;
let master: Host;
let other: Host;
let startedAt: number;

beforeEach(async () => {
  startedAt = Date.now();
  bench = await Workbench.open();
  server = await bench.server();
  master = server.host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
  await other.replicate(replica, { master: 'cities' });
});
afterEach(() => bench.close());

/** Waits for it, and holds it against the clock. */
async function until(...states: DatabaseState[]): Promise<DatabaseStatus> {
  const status = await eventually(
    () => other.status(replica),
    ({ state }) => states.includes(state),
  );
  expect(status.since).toBeGreaterThanOrEqual(startedAt);
  expect(status.since).toBeLessThanOrEqual(Date.now());
  return status;
}

test('P9 streaming and waiting say since when', async () => {
  await until('streaming');
  await master.set('cities', 'replicationDelayMs', '600000');
  await until('waiting');
});

test('P9 read-only, paused and delayed say since when, and what waits', async () => {
  await until('streaming');
  await other.set(replica, 'applyPaused', 'true');
  await master.put('cities', 'b', '1');
  expect((await until('paused')).reason).toMatch(/nothing is applied/);
  await other.set(replica, 'applyDelayMs', '3600000');
  await other.set(replica, 'applyPaused', 'false');
  expect((await until('delayed')).reason).toMatch(/3600 s after their commit/);
  await other.set(replica, 'readOnly', 'true');
  await until('read-only');
});

test('P9 offline says since when, and that it was stopped', async () => {
  await until('streaming');
  const before = Date.now();
  await other.stop(replica);
  const { message, reason, since } = await until('offline');
  expect(since).toBeGreaterThanOrEqual(before);
  expect(reason).toBe('it was stopped');
  expect(message).toBeNull();
  await other.start(replica);
  expect((await until('streaming')).since).toBeGreaterThanOrEqual(since ?? Infinity);
});

test('P9 offline without a server says that nobody serves it, and claims no time', async () => {
  await until('streaming');
  await bench.close();
  bench = await Workbench.open();
  const host = await bench.host();
  await host.create('cities');
  expect(await host.status('cities')).toMatchObject({
    ...{ state: 'offline', since: null, reason: 'no server has its data folder' },
  });
});

test('P9 P16 disconnected says since when and why, over all attempts to come back', async () => {
  await until('streaming');
  await server.close();
  const first = await until('disconnected');
  expect(first.reason).not.toBeNull();
  // Attempts that fail are no other state: since when it is away stays to be seen.
  const later = await eventually(
    () => until('disconnected'),
    ({ reason }) => reason !== first.reason,
  );
  expect(later.since).toBe(first.since);
});

test.each<[DatabaseState, RegExp, () => Promise<unknown>]>([
  ['not-permitted', /pamina allow/, () => master.deny('cities', replica)],
  [
    'pattern-mismatch',
    /Create this replica again/,
    async () => {
      await master.stop('cities');
      await master.delete('cities');
      await master.create('cities');
      await master.allow('cities', replica);
    },
  ],
])('P9 %s says since when, why and what to do', async (state, remedy, cause) => {
  await until('streaming');
  await cause();
  const { message, reason } = await until(state);
  expect(reason).not.toBeNull();
  expect(message).toMatch(remedy);
});
