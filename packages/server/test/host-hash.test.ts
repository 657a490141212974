// The state hash through the host: what it is compared with, and the damage that it finds.

import { PaminaError, type Role } from '@pamina/format';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { ask } from './asking.js';
import { each, env, Workbench } from './workbench.js';

let bench: Workbench;
let host: Host;

beforeEach(async () => {
  bench = await Workbench.open();
  host = await bench.host();
  await host.create('cities');
});
afterEach(() => bench.close());

it('P9 claims nothing when there is nothing to compare with', async () => {
  await host.put('cities', 'a', '1');
  expect(await host.hash('cities')).toMatchObject({
    recovered: false,
    comparedWith: [],
    verified: null,
  });
});

it('compares with the newest backup as long as nothing was committed since', async () => {
  await host.put('cities', 'a', '1');
  const { id, stateHash } = await host.backup('cities');
  expect(await host.hash('cities')).toMatchObject({
    stateHash,
    comparedWith: [{ with: 'recorded', backup: id, stateHash, equal: true }],
    verified: true,
  });
  await host.put('cities', 'a', '2');
  expect(await host.hash('cities')).toMatchObject({ comparedWith: [], verified: null });
});

it('P3 is that of a copy recovered to the same position', async () => {
  await host.put('cities', 'a', '1');
  await host.backup('cities');
  const { position } = await host.put('cities', 'a', '2');
  const before = await host.hash('cities', { verify: true });
  expect(before).toMatchObject({ position, comparedWith: [{ with: 'recovered' }], verified: true });
  await host.put('cities', 'a', '3');
  expect(await host.hash('cities', { at: position })).toMatchObject({
    position,
    recovered: true,
    stateHash: before.stateHash,
  });
});

it('P13 recovers one copy at a time, and none for who is gone', async () => {
  const { host: served } = await bench.server({ data: 'served' });
  await served.create('towns');
  await served.put('towns', 'a', '1');
  await served.backup('towns');
  const steps: string[] = [];
  const asking = (who: string, signal?: AbortSignal) =>
    served.hash(
      'towns',
      { verify: true },
      ({ step }) => step !== 'hash' && steps.push(who),
      signal,
    );
  const gone = new AbortController();
  const ends = [asking('first'), asking('second'), asking('gone', gone.signal)];
  gone.abort(new PaminaError('ABORTED', 'the client went away'));
  await expect(ends[2]).rejects.toMatchObject({ code: 'ABORTED' });
  expect(await Promise.all(ends.slice(0, 2))).toMatchObject([
    { verified: true },
    { verified: true },
  ]);
  const order = steps.filter((who, at) => who !== steps[at - 1]);
  expect(order).toHaveLength(2);
  expect(order).not.toContain('gone');
});

it('P14 a copy is recovered for who may make and verify backups, and for no reader', async () => {
  const server = await bench.server({ data: 'served' });
  await server.host.create('towns');
  await server.host.put('towns', 'a', '1');
  await server.host.backup('towns');
  const statusOf = async (role: Role, query: string): Promise<number> => {
    const { token } = await server.host.users.add('towns', `${role}-${query.length}`, {
      roles: [role],
    });
    const headers = { authorization: `Bearer ${token}` };
    return (await ask(server, `/v1/databases/towns/hash${query}`, { headers })).status;
  };
  expect(await statusOf('read', '')).toBe(200);
  expect(await statusOf('read', '?verify=true')).toBe(403);
  expect(await statusOf('read', '?at=1/1')).toBe(403);
  expect(await statusOf('backup', '?verify=true')).toBe(200);
});

it('refuses a position that it cannot reach exactly', async () => {
  await host.put('cities', 'a', '1');
  for (const [at, code] of [
    ['1/99999', 'POSITION_UNREACHABLE'],
    ['7/1', 'POSITION_UNREACHABLE'],
    ['x', 'POSITION_INVALID'],
  ]) {
    await expect(host.hash('cities', { at }), at).rejects.toMatchObject({ code });
  }
});

it('P9 finds a bit that was flipped in the files of LevelDB', async () => {
  const entries = Array.from({ length: 500 }, (_, at) => ({
    key: `city-${at}`,
    value: `${Math.sin(at)}`.repeat(8),
  }));
  await host.importEntries('cities', each(entries));
  await host.backup('cities');
  expect(await host.hash('cities', { verify: true })).toMatchObject({ verified: true });
  await flipInStore(join(bench.data, 'cities', 'store'));
  const report = await host.hash('cities', { verify: true });
  expect(report.verified).toBe(false);
  expect(report.comparedWith.map(({ equal }) => equal)).toEqual([false, false]);
});

it('P9 finds it also when a newer backup holds the damage, and takes none that would', async () => {
  const entries = Array.from({ length: 500 }, (_, at) => ({
    key: `city-${at}`,
    value: `${Math.sin(at)}`.repeat(8),
  }));
  await host.importEntries('cities', each(entries));
  const { id } = await host.backup('cities');
  await flipInStore(join(bench.data, 'cities', 'store'));
  await host.put('cities', 'more', '1');
  // A commit lies between: nothing tells that this backup is bad, but the older one with the log does.
  await host.backup('cities');
  const report = await host.hash('cities', { verify: true });
  expect(report).toMatchObject({ verified: false });
  const recovered = report.comparedWith.find((comparison) => comparison.with === 'recovered');
  expect(recovered?.equal).toBe(false);
  expect(recovered?.backup).not.toBe(id);
  // Known from here on, whatever is committed.
  await host.put('cities', 'more', '2');
  await expect(host.backup('cities')).rejects.toMatchObject({ code: 'STORE_REFUTED' });
});

/** In the largest table, early in its first block: LevelDB reads on without an error. */
async function flipInStore(store: string): Promise<void> {
  const tables = (await env.disk.list(store)).filter(({ name }) => name.endsWith('.ldb'));
  const [largest] = tables.sort((a, b) => b.bytes - a.bytes);
  if (largest === undefined) throw new Error('the store has no table');
  const path = join(store, largest.name);
  const bytes = Buffer.from(await env.disk.readFile(path));
  const at = bytes.indexOf('city-');
  bytes.set([bytes.readUInt8(at + 60) ^ 1], at + 60);
  await env.disk.replaceFile(path, bytes);
}
