// Transactions of clients elsewhere where a process is gone in the middle of one, and queries on a replica.
import { isolationLevels } from '@pamina/format';
import { expect, it } from 'vitest';
import { createMaster, createReplica, untilLevel } from '../support/following.js';
import { helperProgram } from '../support/helper-program.js';
import type { RunningProcess } from '../support/running-process.js';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';

const leaseMs = 3000;
const code = (expected: string) => expect.objectContaining({ code: expected });

interface Holder {
  readonly process: RunningProcess;
  readonly id: string;
}

/** A process that has written `mozart` in a transaction, and keeps that open. */
async function heldBy(scene: Scene, { address }: ServedFolder): Promise<Holder> {
  const words = [address, 'cities', 'salzburg', 'mozart', String(leaseMs)];
  const process = scene.start('client', [helperProgram('hold-transaction'), ...words]);
  const id = await process.line('its id', (line) => (/^[0-9a-f]{32}$/.test(line) ? line : null));
  return { process, id };
}

it(
  'P13 a client that is killed in a transaction frees its locks when its lease has run out',
  inScene(async (scene) => {
    const served = await ServedFolder.started(scene, 'main');
    const { administration } = served;
    const { transactions } = administration;
    await createMaster(served, 'cities');
    const client = await heldBy(scene, served);
    // For longer than its lease, since it is renewed.
    const refused = await transactions.begin('cities', { lockTimeoutMs: leaseMs + 1000 });
    const locked = transactions.get('cities', refused.id, 'salzburg');
    await expect(locked).rejects.toThrow(code('LOCK_TIMEOUT'));
    await transactions.rollback('cities', refused.id);
    const next = await transactions.begin('cities', { lockTimeoutMs: 20_000 });
    const waiting = transactions.put('cities', next.id, 'salzburg', 'papageno');
    await client.process.kill('SIGKILL');
    await waiting;
    await transactions.commit('cities', next.id);
    expect(await administration.get('cities', 'salzburg')).toBe('papageno');
  }),
);

it(
  'P2 a server that is killed leaves nothing of transactions that were open, and knows them no more',
  inScene(async (scene) => {
    const served = await ServedFolder.started(scene, 'main');
    const { transactions } = served.administration;
    await createMaster(served, 'cities');
    const { process, id } = await heldBy(scene, served);
    const { id: committed } = await transactions.begin('cities');
    await transactions.put('cities', committed, 'vienna', 'tamino');
    const { position } = await transactions.commit('cities', committed);
    await served.kill();
    await process.kill('SIGKILL');
    await served.start();
    const forgotten = { code: 'TRANSACTION_NOT_FOUND', hint: expect.stringContaining('Read') };
    await expect(transactions.commit('cities', id)).rejects.toThrow(
      expect.objectContaining(forgotten),
    );
    const found = await served.pamina('query', 'cities', '--after', position, '--json');
    expect(found).toMatchObject({ status: 0, stdout: '{"key":"vienna","value":"tamino"}\n' });
  }),
);

it(
  'P12 a replica answers a query at every level, also in a transaction of several calls, and writes nothing',
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    await createReplica(there, 'cities-replica', master, { simultaneousQuery: true });
    const { position } = await here.administration.put('cities', 'vienna', 'tamino');
    for (const isolation of isolationLevels) {
      const words = ['--isolation', isolation, '--after', position, '--json'];
      const found = await there.pamina('query', 'cities-replica', ...words);
      const stdout = '{"key":"vienna","value":"tamino"}\n';
      expect(found, isolation).toMatchObject({ status: 0, stdout });
    }
    const { transactions } = there.administration;
    const { id } = await transactions.begin('cities-replica');
    expect(await transactions.get('cities-replica', id, 'vienna')).toBe('tamino');
    await expect(transactions.put('cities-replica', id, 'vienna', 'mine')).rejects.toThrow(
      code('REPLICA_READ_ONLY'),
    );
    await transactions.rollback('cities-replica', id);
    await there.administration.set('cities-replica', 'simultaneousQuery', 'false');
    expect(await there.pamina('query', 'cities-replica')).toMatchObject({
      status: 4,
      stderr: expect.stringContaining('NOT_QUERYABLE') as string,
    });
    await until('lock data ended', async () => !(await lockDataOf(here, 'cities')).inLog);
  }),
);

it(
  'P12 what a master that was killed left locked is waited for on its replica, seen, and freed by hand or by its next session',
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master, {
      simultaneousQuery: true,
    });
    await here.administration.put('cities', 'vienna', 'tamino');
    const { id } = await here.administration.transactions.begin('cities');
    await here.administration.transactions.put('cities', id, 'vienna', 'pamina');
    await here.administration.put('cities', 'linz', 'papageno');
    await untilLevel(replica, master);
    const held = await there.administration.locks('cities-replica');
    const [lock] = held.filter(({ mode }) => mode === 'exclusive');
    expect(lock).toMatchObject({ origin: 'master', level: 'document', name: 'vienna' });
    await here.kill();
    const { transactions } = there.administration;
    const reader = await transactions.begin('cities-replica', { lockTimeoutMs: 50 });
    await expect(transactions.get('cities-replica', reader.id, 'vienna')).rejects.toThrow(
      code('DOCUMENT_LOCKED'),
    );
    expect(await transactions.get('cities-replica', reader.id, 'linz')).toBe('papageno');
    const number = String(lock?.transaction);
    const listed = await there.pamina('locks', 'cities-replica');
    expect(listed.stdout).toMatch(/^1 +the master +document +vienna +exclusive +holds it$/m);
    const dry = await there.pamina('locks', 'cities-replica', '--release', number, '--dry-run');
    expect(dry.stdout).toContain('vienna');
    const freed = await there.pamina('locks', 'cities-replica', '--release', number);
    expect(freed).toMatchObject({ status: 0 });
    expect(await transactions.get('cities-replica', reader.id, 'vienna')).toBe('tamino');
    await transactions.rollback('cities-replica', reader.id);
    const again = await there.pamina('locks', 'cities-replica', '--release', number);
    expect(again).toMatchObject({ status: 3 });
    await here.start();
    await here.administration.put('cities', 'vienna', 'sarastro');
    await untilLevel(replica, master);
    expect(await there.administration.locks('cities-replica')).toEqual([]);
  }),
);

it(
  'P12 a replica that is made while documents are locked knows of them, and so does a replica of it',
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    await here.administration.put('cities', 'vienna', 'tamino');
    await here.administration.allow('cities', 'first', { simultaneousQuery: true });
    const { transactions } = here.administration;
    const { id } = await transactions.begin('cities', { leaseMs: 300_000 });
    await transactions.put('cities', id, 'vienna', 'pamina');
    await here.administration.backup('cities');
    const first = await createReplica(there, 'first', master, { simultaneousQuery: true });
    await here.administration.allow('cities', 'second');
    // A replica permits nobody: its replica is made of a backup of the master.
    await there.administration.create('second', { fromBackup: 'pamina://cities' });
    const second = await createReplica(there, 'second', first, { simultaneousQuery: true });
    await here.administration.put('cities', 'linz', 'papageno');
    for (const replica of [first, second]) {
      await untilLevel(replica, master);
      const held = await there.administration.locks(replica.name);
      expect(held.filter(({ mode }) => mode === 'exclusive')).toMatchObject([{ name: 'vienna' }]);
    }
    // A restart in the middle of the segment looks it up again.
    await there.restart();
    for (const { name } of [first, second]) {
      const lockTimeoutMs = 50;
      const reader = await there.administration.transactions.begin(name, { lockTimeoutMs });
      const read = there.administration.transactions.get(name, reader.id, 'vienna');
      await expect(read).rejects.toThrow(code('DOCUMENT_LOCKED'));
      await there.administration.transactions.rollback(name, reader.id);
    }
    const { position } = await transactions.commit('cities', id);
    for (const { name } of [first, second]) {
      const words = ['--isolation', 'serializable', '--after', position, '--prefix', 'v', '--json'];
      const found = await there.pamina('query', name, ...words);
      expect(found).toMatchObject({ stdout: '{"key":"vienna","value":"pamina"}\n' });
      await until(
        'nothing is held',
        async () => (await there.administration.locks(name)).length === 0,
      );
    }
    await until('what the replica of the replica wants is known above', async () => {
      const found = await here.administration.replicas('cities');
      return found.every(({ name, simultaneousQuery }) => name !== 'second' || simultaneousQuery);
    });
  }),
);

async function lockDataOf(folder: ServedFolder, name: string): Promise<{ inLog: boolean }> {
  const { lockData } = await folder.administration.status(name);
  if (lockData === null || lockData === undefined) throw new Error('it says nothing of lock data');
  return lockData;
}
