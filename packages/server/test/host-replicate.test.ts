// Replicas through hosts on two servers with one directory: made, refused, promoted, made anew.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { collect, env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let masterServer: HostServer;
let master: Host;
let other: Host;

const code = (expected: string) => expect.objectContaining({ code: expected });

beforeEach(async () => {
  bench = await Workbench.open();
  masterServer = await bench.server();
  master = masterServer.host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
});
afterEach(() => bench.close());

/** Waits until the replica has applied everything that the master has. */
async function caughtUp(host: Host = other, name = 'cities-replica'): Promise<void> {
  const { position } = await master.status('cities');
  await eventually(
    () => host.status(name),
    ({ applied }) => applied === position,
  );
}

describe('a replica in one step', () => {
  it('P3 is created from a backup that is taken for it, permitted, and follows', async () => {
    const steps: string[] = [];
    await other.replicate('cities-replica', { master: 'cities' }, ({ step }) => steps.push(step));
    expect(steps).toContain('restore');
    await master.put('cities', 'b', '2');
    await caughtUp();
    const status = await other.status('cities-replica');
    expect(status).toMatchObject({
      type: 'replica',
      online: true,
      state: 'streaming',
      pattern: (await master.status('cities')).pattern,
      master: {
        name: 'cities',
        address: (await bench.names())['cities'],
        lag: { applied: { records: 0 } },
      },
    });
    expect(status.master?.lastReplicatedModificationTime).toBeGreaterThan(0);
    const hashes = await Promise.all([master.hash('cities'), other.hash('cities-replica')]);
    expect(hashes[1]).toMatchObject({
      position: hashes[0].position,
      stateHash: hashes[0].stateHash,
    });
    const replicas = await eventually(
      () => master.replicas('cities'),
      ([replica]) => replica?.lag.applied.records === 0,
    );
    expect(replicas).toMatchObject([
      { name: 'cities-replica', permitted: true, connected: true, state: 'connected' },
    ]);
    expect(await master.backups('cities')).toMatchObject([{ kind: 'full' }, { kind: 'initial' }]);
  });

  it('is the same when its master is on the same server, and follows again after a restart', async () => {
    await master.replicate('cities-replica', { master: 'cities', simultaneousQuery: true });
    await caughtUp(master);
    expect(await master.get('cities-replica', 'a')).toBe('1');
    await master.stop('cities-replica');
    await master.put('cities', 'b', '2');
    await master.start('cities-replica');
    await caughtUp(master);
    expect(await master.get('cities-replica', 'b')).toBe('2');
  });

  it('leaves nothing when the master cannot be reached', async () => {
    await expect(other.replicate('x', { master: 'nobody' })).rejects.toThrow(
      code('NAME_NOT_FOUND'),
    );
    await expect(other.replicate('x', { master: 'x' })).rejects.toThrow(code('REQUEST_INVALID'));
    await master.stop('cities');
    await expect(other.replicate('x', { master: 'cities' })).rejects.toThrow(
      code('NAME_NOT_FOUND'),
    );
    expect(await other.list()).toEqual([]);
  });
});

describe('P5 a replica in three steps', () => {
  const fromMaster = { fromBackup: 'pamina://cities' };

  it('needs each of them', async () => {
    await expect(other.create('copy', fromMaster)).rejects.toThrow(code('BACKUP_NOT_FOUND'));
    await master.backup('cities', { tag: 'for replicas' });
    expect(await other.create('copy', fromMaster)).toMatchObject({
      type: 'unassigned',
      online: false,
    });
    await expect(other.replicate('copy', { master: 'cities' })).rejects.toThrow(
      code('NOT_PERMITTED'),
    );
    expect(await other.status('copy')).toMatchObject({ type: 'unassigned' });
    await master.allow('cities', 'copy');
    await other.replicate('copy', { master: 'cities' });
    await caughtUp(other, 'copy');
  });

  it('is refused from an initial backup', async () => {
    const fromBackup = `${(await bench.names())['cities']}/v1/databases/cities/backups/initial`;
    await other.create('copy', { fromBackup });
    await master.allow('cities', 'copy');
    await expect(other.replicate('copy', { master: 'cities' })).rejects.toThrow(
      code('BACKUP_INITIAL'),
    );
  });

  it('is refused from another database’s backup', async () => {
    await master.create('towns');
    await master.backup('towns');
    await other.create('copy', { fromBackup: 'pamina://towns' });
    await master.allow('cities', 'copy');
    await expect(other.replicate('copy', { master: 'cities' })).rejects.toThrow(
      code('PATTERN_MISMATCH'),
    );
  });

  it('is refused for databases that have a history of their own', async () => {
    await other.create('normal');
    await expect(other.replicate('normal', { master: 'cities' })).rejects.toThrow(
      code('DATABASE_TYPE'),
    );
    await master.backup('cities');
    await other.create('copy', fromMaster);
    expect(await other.start('copy')).toMatchObject({
      type: 'normal',
      online: true,
      timeline: { timeline: 2 },
    });
    for (const recreate of [false, true]) {
      await expect(other.replicate('copy', { master: 'cities', recreate })).rejects.toThrow(
        code('REPLICA_IRREVERSIBLE'),
      );
    }
  });
});

describe('a replica', () => {
  beforeEach(async () => {
    await other.replicate('cities-replica', { master: 'cities' });
    await caughtUp();
  });

  it('takes no writes and, while it only replays, no queries', async () => {
    await expect(other.put('cities-replica', 'b', '2')).rejects.toThrow(code('REPLICA_READ_ONLY'));
    await expect(other.get('cities-replica', 'a')).rejects.toThrow(code('NOT_QUERYABLE'));
    await expect(other.set('cities-replica', 'replicationDelayMs', '1')).rejects.toThrow(
      code('REPLICA_READ_ONLY'),
    );
    await other.set('cities-replica', 'readOnly', 'true');
    expect(await other.get('cities-replica', 'a')).toBe('1');
    expect(await other.status('cities-replica')).toMatchObject({ state: 'read-only' });
    await master.put('cities', 'b', '2');
    await other.set('cities-replica', 'readOnly', 'false');
    await caughtUp();
    await other.set('cities-replica', 'simultaneousQuery', 'true');
    expect(await other.get('cities-replica', 'b')).toBe('2');
  });

  it('P11 becomes a master under its master’s name, whose old holder stays away', async () => {
    const first = await master.status('cities');
    await masterServer.close();
    expect(await other.reset('cities-replica')).toMatchObject({
      type: 'normal',
      online: true,
      state: 'open',
      timeline: { timeline: 2, forkedFrom: first.timeline?.id },
    });
    await other.put('cities-replica', 'c', '3');
    const renamed = await other.rename('cities-replica', 'cities');
    expect(renamed).toMatchObject({
      online: true,
      timeline: { why: 'takeover of cities by cities-replica' },
    });
    expect(await other.get('cities', 'a')).toBe('1');
    await expect(other.replicate('cities', { master: 'elsewhere' })).rejects.toThrow(
      code('REPLICA_IRREVERSIBLE'),
    );
    await expect(other.reset('cities')).rejects.toThrow(code('DATABASE_TYPE'));
    const { host: back } = await bench.server();
    expect(await back.status('cities')).toMatchObject({
      online: false,
      reason: expect.stringContaining('FENCED') as string,
    });
  });

  it('that is no longer permitted stops and says what to do, until it is permitted again', async () => {
    await master.deny('cities', 'cities-replica');
    const status = await eventually(
      () => other.status('cities-replica'),
      ({ state }) => state === 'not-permitted',
    );
    expect(status.message).toMatch(/pamina allow/);
    await expect(other.replicate('cities-replica', { master: 'cities' })).rejects.toThrow(
      code('NOT_PERMITTED'),
    );
    await master.allow('cities', 'cities-replica');
    await master.put('cities', 'b', '2');
    await other.replicate('cities-replica', { master: 'cities' });
    await caughtUp();
  });

  it('P8 is made anew beside the old copy, which is kept', async () => {
    await master.put('cities', 'b', '2');
    const before = await other.status('cities-replica');
    await other.replicate('cities-replica', { master: 'cities', recreate: true });
    await caughtUp();
    const after = await other.status('cities-replica');
    expect(after.instance).not.toBe(before.instance);
    const events = await collect(other.jobLog('cities-replica'));
    const kept = events.find(({ event }) => event === 'recreated')?.fields?.['kept'] as string;
    expect(await env.disk.stat(join(kept, 'control.json'))).not.toBeNull();
    expect(await other.list()).toMatchObject([{ name: 'cities-replica' }]);
    // Its master has all that it had.
    expect(await env.disk.stat(join(bench.folder, 'other', '.rescue'))).toBeNull();
  });

  it('P9 is made anew after its master lost commits, and has them in a file', async () => {
    const { position } = await master.put('cities', 'b', '2');
    await master.backup('cities');
    await master.put('cities', 'precious', 'only here');
    await master.del('cities', 'a');
    await caughtUp();
    await master.restore('cities', { untilPosition: position, stop: true });
    await master.start('cities');
    await master.put('cities', 'new', '3');
    await eventually(
      () => other.status('cities-replica'),
      ({ state }) => state === 'diverged',
    );
    await other.replicate('cities-replica', { master: 'cities', recreate: true });
    await caughtUp();
    const events = await collect(other.jobLog('cities-replica'));
    const { fields, message } = events.find(({ event }) => event === 'recreated') ?? {};
    const rescue = fields?.['rescue'] as string;
    expect(message).toContain(rescue);
    const lines = (await readFile(rescue, 'utf8')).trim().split('\n');
    const lost = lines.map((line) => JSON.parse(line) as { operations: unknown });
    expect(lost).toMatchObject([
      { operations: [{ type: 'put', key: 'precious', value: 'only here' }] },
      { operations: [{ type: 'del', key: 'a' }] },
    ]);
  });
});

describe('P14 servers with tokens', () => {
  it('replicate with the one that they share, and with no other', async () => {
    const token = 'the-token-they-share';
    const one = await bench.server({ data: 'one', token });
    const two = await bench.server({ data: 'two', token });
    const three = await bench.server({ data: 'three', token: 'some-other-token-here' });
    await one.host.create('towns');
    await one.host.put('towns', 'a', '1');
    await two.host.replicate('towns-replica', { master: 'towns' });
    const { position } = await one.host.status('towns');
    await eventually(
      () => two.host.status('towns-replica'),
      ({ applied }) => applied === position,
    );
    for (const host of [three.host, other]) {
      await expect(host.replicate('x', { master: 'towns' })).rejects.toThrow(code('UNAUTHORIZED'));
      await expect(host.create('towns')).rejects.toThrow(code('NAME_TAKEN'));
    }
  });
});

describe('a replica that its master refuses', () => {
  beforeEach(async () => {
    await other.replicate('cities-replica', { master: 'cities' });
    await caughtUp();
  });

  it('P16 follows again when it is permitted and started, without being stopped before', async () => {
    await master.deny('cities', 'cities-replica');
    const { message } = await eventually(
      () => other.status('cities-replica'),
      ({ state }) => state === 'not-permitted',
    );
    expect(message).toContain('then start it again');
    await master.allow('cities', 'cities-replica');
    await other.start('cities-replica');
    await master.put('cities', 'b', '2');
    await caughtUp();
  });

  it('P10 holds no log any more, whatever it reported while it was denied', async () => {
    const writing = { isOver: false };
    const load = (async () => {
      for (let at = 0; !writing.isOver; at += 1) await master.put('cities', `key ${at}`, 'v');
    })();
    await eventually(
      () => master.replicas('cities'),
      ([replica]) => replica !== undefined && replica.connected && replica.durable !== '1/5',
    );
    await master.deny('cities', 'cities-replica');
    await eventually(
      () => other.status('cities-replica'),
      ({ state }) => state === 'not-permitted',
    );
    writing.isOver = true;
    await load;
    expect(await master.replicas('cities')).toEqual([]);
  });
});

it('P10 a segment is kept for the replica that lacks nothing of it but its end', async () => {
  await other.replicate('cities-replica', { master: 'cities' });
  await caughtUp();
  await other.stop('cities-replica');
  // Closes the segment whose records the replica has, and begins another.
  await master.stop('cities');
  await master.start('cities');
  for (let taken = 0; taken < 5; taken += 1) {
    await master.put('cities', `key ${taken}`, 'v');
    await master.backup('cities');
  }
  await other.start('cities-replica');
  await caughtUp();
});

it('P9 a replica of a replica is refused in one step with what to do, which works', async () => {
  await other.replicate('middle', { master: 'cities' });
  await master.put('cities', 'b', '2');
  await caughtUp(other, 'middle');
  const third = (await bench.server({ data: 'third' })).host;
  await expect(third.replicate('last', { master: 'middle' })).rejects.toEqual(
    expect.objectContaining({
      code: 'DATABASE_TYPE',
      hint: expect.stringContaining('pamina create last --from-backup pamina://cities') as unknown,
    }),
  );
  expect(await third.list()).toEqual([]);
  await third.create('last', { fromBackup: 'pamina://cities' });
  await master.allow('cities', 'last');
  await caughtUp(other, 'middle');
  await third.replicate('last', { master: 'middle' });
  await master.put('cities', 'c', '3');
  await caughtUp(third, 'last');
});
