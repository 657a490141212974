// Commits that wait for replicas and reads that demand a position or an age, as a client of a server sees them.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { eventually, Workbench } from './workbench.js';

let bench: Workbench;
let server: HostServer;
let master: Host;
let other: Host;
let there: HostServer;

const replica = 'cities-replica';
const code = (expected: string) => expect.objectContaining({ code: expected });
const seqOf = (position: string | null): number => Number(position?.split('/')[1]);

async function post(to: HostServer, path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`${to.address}/v1/databases/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return answer.json();
}

beforeEach(async () => {
  bench = await Workbench.open();
  server = await bench.server();
  there = await bench.server({ data: 'other' });
  master = server.host;
  other = there.host;
  await master.create('cities');
  await master.put('cities', 'a', '1');
  await other.replicate(replica, { master: 'cities', simultaneousQuery: true });
  await eventually(
    () => other.status(replica),
    ({ state }) => state === 'waiting' || state === 'streaming',
  );
});
afterEach(() => bench.close());

describe('synchronous commit of a served database', () => {
  it('P1 a put over HTTP is acknowledged when a replica has it on its disk', async () => {
    for (let count = 0; count < 5; count++) {
      const body = { key: 'a', value: `${count}`, durability: { replicas: 1 } };
      const { position } = (await post(server, 'cities/put', body)) as { position: string };
      expect(seqOf((await other.status(replica)).durable)).toBeGreaterThanOrEqual(seqOf(position));
    }
    const much = { key: 'a', value: '1', durability: { replicas: 17 } };
    expect(await post(server, 'cities/put', much)).toMatchObject({
      error: { code: 'REQUEST_INVALID' },
    });
  });

  it('P1 P9 as a property of the database, with its state in status and what is not possible refused', async () => {
    await expect(master.set('cities', 'synchronousReplicas', '2')).rejects.toThrow(
      code('PROPERTY_INVALID'),
    );
    await expect(master.set('cities', 'synchronousNames', 'somebody')).rejects.toThrow(
      code('PROPERTY_INVALID'),
    );
    await expect(master.set('cities', 'synchronousPolicy', 'hope')).rejects.toThrow(
      code('PROPERTY_INVALID'),
    );
    await expect(other.set(replica, 'synchronousReplicas', '1')).rejects.toThrow(
      code('REPLICA_READ_ONLY'),
    );
    await master.set('cities', 'synchronousNames', replica);
    expect(await master.set('cities', 'synchronousReplicas', '1')).toMatchObject({
      synchronousNames: replica,
      synchronousReplicas: 1,
    });
    const { position } = await master.put('cities', 'a', '2');
    expect(seqOf((await other.status(replica)).durable)).toBeGreaterThanOrEqual(seqOf(position));
    expect((await master.status('cities')).synchronous).toMatchObject({
      replicas: 1,
      names: [replica],
      policy: 'wait',
      state: 'synchronous',
      waiting: 0,
    });
    expect((await other.status(replica)).synchronous).toBeNull();
  });

  it('P9 degrades loudly without its replica and comes back by itself', async () => {
    await master.set('cities', 'synchronousTimeoutMs', '100');
    await master.set('cities', 'synchronousPolicy', 'degrade');
    await master.set('cities', 'synchronousReplicas', '1');
    await other.stop(replica);
    await master.put('cities', 'a', '2');
    expect((await master.status('cities')).synchronous).toMatchObject({
      state: 'degraded',
      unreplicated: 1,
    });
    await other.start(replica);
    await eventually(
      () => master.status('cities'),
      ({ synchronous }) => synchronous?.state === 'synchronous',
    );
  });

  it('P9 a commit that waits while its database goes offline is said to be in the log', async () => {
    await other.stop(replica);
    const durability = { replicas: 1 } as const;
    const done = master.put('cities', 'late', '1', { durability }).catch((error: unknown) => error);
    await eventually(
      () => master.status('cities'),
      ({ synchronous }) => synchronous?.waiting === 1,
    );
    await master.stop('cities');
    expect(await done).toMatchObject({ code: 'REPLICAS_UNCONFIRMED' });
    await master.start('cities');
    expect(await master.get('cities', 'late')).toBe('1');
  });
});

describe('reads on a served replica', () => {
  it('P12 a read with the position of a commit sees it, or says that it timed out', async () => {
    await master.set('cities', 'replicationDelayMs', '0');
    for (let count = 0; count < 5; count++) {
      const { position: after } = await master.put('cities', 'a', `${count}`);
      const body = { key: 'a', after, timeoutMs: 20_000 };
      expect(await post(there, `${replica}/get`, body)).toEqual({ value: `${count}` });
    }
    const never = { key: 'a', after: '1/1000000', timeoutMs: 20 };
    expect(await post(there, `${replica}/get`, never)).toMatchObject({
      error: { code: 'POSITION_TIMEOUT' },
    });
  });

  it('P9 a read that allows no age fails where the replica cannot be so fresh, and one that allows much is answered', async () => {
    await eventually(
      () => other.status(replica),
      (status) => typeof status.master?.behindMs === 'number',
    );
    expect(await other.get(replica, 'a', { maxStalenessMs: 3_600_000 })).toBe('1');
    expect(await master.get('cities', 'a', { maxStalenessMs: 0 })).toBe('1');
    await master.stop('cities');
    await eventually(
      () => other.status(replica),
      (status) => (status.master?.behindMs ?? 0) > 100,
    );
    await expect(other.get(replica, 'a', { maxStalenessMs: 100 })).rejects.toMatchObject({
      code: 'REPLICA_STALE',
    });
  });

  it('P12 through the interface of level: position, waitFor and maxStalenessMs', async () => {
    const writing = server.open('cities');
    const reading = there.open(replica);
    await master.set('cities', 'replicationDelayMs', '0');
    await writing.put('a', 'new');
    await reading.waitFor(writing.position, { timeoutMs: 20_000 });
    expect(await reading.get('a', { maxStalenessMs: 3_600_000 })).toBe('new');
    expect(reading.getSync('a', { maxStalenessMs: 3_600_000 })).toBe('new');
    await master.stop('cities');
    await eventually(
      () => other.status(replica),
      (status) => (status.master?.behindMs ?? 0) > 100,
    );
    await expect(reading.get('a', { maxStalenessMs: 100 })).rejects.toMatchObject({
      code: 'REPLICA_STALE',
    });
    const strict = there.open(replica, { maxStalenessMs: 0 });
    await expect(strict.get('a')).rejects.toMatchObject({ code: 'REPLICA_STALE' });
    expect(await reading.get('a')).toBe('new');
  });
});
