// What a master holds for replicas that are away, what becomes of one that is away for too long, and that it
// makes itself anew where it was told to.

import { Database, readControl, writeControl } from '@pamina/engine';
import { segmentBytesMin } from '@pamina/format';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { collect, env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let master: Host;
let other: Host;
const replica = 'cities-replica';

const code = (expected: string) => expect.objectContaining({ code: expected });

beforeEach(async () => {
  bench = await Workbench.open();
  master = (await bench.server()).host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
  await other.replicate(replica, { master: 'cities' });
  await caughtUp();
});
afterEach(() => bench.close());

async function caughtUp(): Promise<void> {
  const { position } = await master.status('cities');
  await eventually(
    () => other.status(replica),
    ({ applied }) => applied === position,
  );
  await eventually(
    () => master.status('cities'),
    ({ holds }) => holds?.[0]?.position === position,
  );
}

/** Small segments, and caps below what can be set: so little is written. */
async function writeMuch(replicaHoldBytes: number): Promise<void> {
  await master.stop('cities');
  const database = await Database.open(join(bench.data, 'cities'), {
    env,
    segmentBytes: segmentBytesMin,
  });
  await database.system.setSettings({ replicaHoldBytes });
  await database.updateControl({ keepFromSeq: 1_000_000 });
  for (let index = 0; index < 12; index++) await database.put(`b${index}`, 'x'.repeat(40_000));
  await database.applyRetention();
  await database.close();
  await master.start('cities');
}

async function events(host: Host, name: string): Promise<string[]> {
  return (await collect(host.jobLog(name))).map(({ event }) => event);
}

const untilState = (state: string) =>
  eventually(
    () => other.status(replica),
    (status) => status.state === state,
  );

describe('P10 a replica that is away', () => {
  it('is shown with what is held for it, since when', async () => {
    expect((await master.status('cities')).holds).toMatchObject([
      { replica, state: 'ok', bytes: 0, since: null, cap: null },
    ]);
    await other.stop(replica);
    await writeMuch(0);
    const status = await master.status('cities');
    expect(status.holds).toMatchObject([{ replica, state: 'holding', cap: null }]);
    expect(status.holds?.[0]?.bytes).toBeGreaterThan(400_000);
    expect(status.holds?.[0]?.since).toBeGreaterThan(0);
    expect(await master.replicas('cities')).toMatchObject([
      { name: replica, state: 'disconnected', hold: { state: 'holding' } },
    ]);
    await other.start(replica);
    await caughtUp();
    expect((await master.status('cities')).holds).toMatchObject([{ state: 'ok', bytes: 0 }]);
  });

  it('is lost past the cap, log-gone when it comes back, and follows again when it was made anew', async () => {
    await other.stop(replica);
    await writeMuch(segmentBytesMin);
    expect((await master.status('cities')).holds).toMatchObject([
      { replica, state: 'lost', bytes: 0, cap: 'bytes' },
    ]);
    const [lost] = await master.replicas('cities');
    expect(lost).toMatchObject({ name: replica, state: 'lost', since: lost?.hold?.since });
    expect(lost?.reason).toMatch(/replicaHoldBytes.*--recreate/);
    await master.backup('cities');
    await other.start(replica);
    const status = await untilState('log-gone');
    expect(status.reason).toMatch(/replicaHoldBytes/);
    expect(status.message).toMatch(/--recreate/);
    expect(await other.set(replica, 'onTerminal', 'recreate')).toMatchObject({
      onTerminal: 'recreate',
    });
    await untilState('streaming');
    await caughtUp();
    expect((await master.status('cities')).holds).toMatchObject([{ replica, state: 'ok' }]);
    const hashes = [await master.hash('cities'), await other.hash(replica)];
    expect(hashes[1]?.stateHash).toBe(hashes[0]?.stateHash);
    expect(await events(other, replica)).toContain('recreated');
    // It is on disk that this was the first time.
    const control = await readControl(env.disk, join(bench.folder, 'other', replica));
    expect(control?.onTerminal?.recreatedAt).toHaveLength(1);
  });
});

describe('a replica that is told to make itself anew', () => {
  async function withTimes(ages: readonly number[]): Promise<void> {
    await other.stop(replica);
    const folder = join(bench.folder, 'other', replica);
    const control = (await readControl(env.disk, folder))!;
    const recreatedAt = ages.map((age) => env.clock.now() - age);
    await writeControl(env.disk, folder, { ...control, onTerminal: { recreatedAt } });
    await writeMuch(segmentBytesMin);
    await master.backup('cities');
    await other.start(replica);
  }

  it('does so three times in a day at most, then stays and says so, until a person did it', async () => {
    const hourMs = 60 * 60 * 1000;
    await withTimes([3 * hourMs, 2 * hourMs, hourMs]);
    await untilState('log-gone');
    const status = await eventually(
      () => other.status(replica),
      ({ message }) => message?.includes('onTerminal') === true,
    );
    expect(status.state).toBe('log-gone');
    expect(status.message).toMatch(/3 times within 24 h .*--recreate/);
    expect(await events(other, replica)).toContain('recreate-limit');
    await other.replicate(replica, { master: 'cities', recreate: true });
    await caughtUp();
    expect((await other.status(replica)).message).toBeNull();
    const control = await readControl(env.disk, join(bench.folder, 'other', replica));
    expect(control?.onTerminal).toEqual({ recreatedAt: [] });
  });

  it('counts again after a day', async () => {
    const dayMs = 24 * 60 * 60 * 1000;
    await withTimes([3 * dayMs, 2 * dayMs, dayMs + 1]);
    await untilState('streaming');
    await caughtUp();
    expect(await events(other, replica)).toContain('recreated');
  });

  it('does not count an attempt that its master was not there for', async () => {
    await other.stop(replica);
    await writeMuch(segmentBytesMin);
    await other.start(replica);
    await untilState('log-gone');
    await master.stop('cities');
    await other.set(replica, 'onTerminal', 'recreate');
    await eventually(
      async () => (await events(other, replica)).includes('recreate-failed'),
      (isTold) => isTold,
    );
    const control = await readControl(env.disk, join(bench.folder, 'other', replica));
    expect(control?.onTerminal).toEqual({ recreatedAt: [] });
    expect(await other.status(replica)).toMatchObject({ state: 'log-gone', online: true });
  });

  it('does not where a new copy is no help', async () => {
    await other.set(replica, 'onTerminal', 'recreate');
    await master.deny('cities', replica);
    await untilState('not-permitted');
    await master.allow('cities', replica);
    await other.start(replica);
    await caughtUp();
    expect(await events(other, replica)).not.toContain('recreate-started');
  });
});

describe('the properties', () => {
  it('take sizes with a unit, days, and none only as 0', async () => {
    const setBytes = (value: string) => master.set('cities', 'replicaHoldBytes', value);
    expect(await setBytes('200GiB')).toMatchObject({ replicaHoldBytes: 200 * 2 ** 30 });
    expect(await setBytes('100000000')).toMatchObject({ replicaHoldBytes: 100_000_000 });
    expect(await setBytes('0')).toMatchObject({ replicaHoldBytes: 0 });
    for (const value of ['', '16', '1MiB', '-1', '2PiB', '0GiB', '1e9', '2000000GiB']) {
      await expect(setBytes(value)).rejects.toThrow(code('PROPERTY_INVALID'));
    }
    expect(await master.set('cities', 'logBytesWithoutBackup', '2GiB')).toMatchObject({
      logBytesWithoutBackup: 2 * 2 ** 30,
    });
    expect(await master.set('cities', 'replicaHoldDays', '14')).toMatchObject({
      replicaHoldDays: 14,
    });
    await expect(master.set('cities', 'replicaHoldDays', '3651')).rejects.toThrow(
      code('PROPERTY_INVALID'),
    );
    await expect(other.set(replica, 'replicaHoldDays', '1')).rejects.toThrow(
      code('REPLICA_READ_ONLY'),
    );
    await expect(master.set('cities', 'onTerminal', 'recreate')).rejects.toThrow(
      code('DATABASE_TYPE'),
    );
    await expect(other.set(replica, 'onTerminal', 'explode')).rejects.toThrow(
      code('PROPERTY_INVALID'),
    );
  });
});
