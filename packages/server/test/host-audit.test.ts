// Every backup of a master proves its replicas: equal, different, or said to be skipped.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { collect, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let master: Host;
let other: Host;

beforeEach(async () => {
  bench = await Workbench.open();
  master = (await bench.server()).host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  for (let at = 0; at < 50; at++) await master.put('cities', `city-${at}`, `${at}`);
  await other.replicate('copy', { master: 'cities' });
});
afterEach(() => bench.close());

function audited(backup: string) {
  return eventually(
    async () => (await other.status('copy')).audit,
    (audit) => audit?.backup === backup,
  );
}

it('P3 a replica that holds what its master holds is found to be equal at each backup', async () => {
  for (const key of ['a', 'b']) {
    await master.put('cities', key, 'x');
    const { id, position, stateHash } = await master.backup('cities');
    expect(await audited(id)).toMatchObject({
      result: 'equal',
      position,
      stateHash,
      expected: stateHash,
      reason: null,
    });
  }
  const events = await collect(other.jobLog('copy'));
  expect(events.filter(({ event }) => event === 'audit-equal')).toHaveLength(2);
  // What was found stays known.
  await other.stop('copy');
  expect((await other.status('copy')).audit).toMatchObject({ result: 'equal' });
});

it('P3 P9 a replica that lost a key in silence is found to be different, until it is made anew', async () => {
  await other.database('copy').store.level.del(Buffer.from('\u0002city-7'));
  const { id, stateHash } = await master.backup('cities');
  const found = await audited(id);
  expect(found).toMatchObject({ result: 'different', expected: stateHash });
  expect(found?.stateHash).not.toBe(stateHash);
  const events = await collect(other.jobLog('copy'));
  expect(events.find(({ event }) => event === 'audit-different')).toMatchObject({ level: 'error' });
  // Which of the two is damaged nobody knows yet: this one takes no backup that others would count on.
  const { damage } = await eventually(
    () => other.status('copy'),
    (status) => status.damage !== null,
  );
  expect(damage).toMatchObject({ found: 'audit' });
  expect(damage?.hint).toContain('pamina replicate copy --master cities --recreate');
  await expect(other.backup('copy')).rejects.toMatchObject({ code: 'STORE_REFUTED' });
  expect((await master.status('cities')).damage).toBeNull();
  await other.replicate('copy', { master: 'cities', recreate: true });
  const again = await master.backup('cities');
  expect(await audited(again.id)).toMatchObject({ result: 'equal' });
  expect((await other.status('copy')).damage).toBeNull();
  await other.backup('copy');
});

it('P3 P9 a master that lost a key in silence differs from its replicas', async () => {
  await master.database('cities').store.level.del(Buffer.from('\u0002city-7'));
  // A commit lies between: else the backup itself would find it.
  await master.put('cities', 'more', 'x');
  const { id } = await master.backup('cities');
  expect(await audited(id)).toMatchObject({ result: 'different' });
});

it('P9 a replica that was stopped meanwhile compares when it catches up', async () => {
  await other.stop('copy');
  await master.put('cities', 'more', 'x');
  const { id } = await master.backup('cities');
  await master.put('cities', 'later', 'x');
  await other.start('copy');
  expect(await audited(id)).toMatchObject({ result: 'equal' });
});

it('P3 P9 a key lost on a replica in silence is found through the audit of a physical backup', async () => {
  const sound = await master.backup('cities', { form: 'physical' });
  expect(await audited(sound.id)).toMatchObject({ result: 'equal', position: sound.position });
  await other.database('copy').store.level.del(Buffer.from('\u0002city-7'));
  const { id } = await master.backup('cities', { form: 'physical' });
  const found = await audited(id);
  expect(found).toMatchObject({ result: 'different' });
  // The master's hash is in the list by now, and is what the replica was told.
  const backups = await master.backups('cities');
  expect(backups.find((backup) => backup.id === id)).toMatchObject({ stateHash: found?.expected });
  // That it was the replica, and not the master, a restore says.
  const { checks } = await master.verify('cities', { backup: id, deep: true });
  expect(checks.map(({ check, verdict }) => `${check} ${verdict}`)).toContain('restore verified');
});

it('a mark that no audit follows, of an incremental backup or with backupAudit off, ends no comparison', async () => {
  // The replica was made from a backup, whose audit comes behind the state that it began with.
  const skipped = async (): Promise<number> => {
    const events = await collect(other.jobLog('copy'));
    return events.filter(({ event }) => event === 'audit-skipped').length;
  };
  await audited((await master.backup('cities')).id);
  const before = await skipped();
  await master.set('cities', 'backupAudit', 'false');
  await master.backup('cities', { form: 'physical' });
  await master.put('cities', 'more', 'x');
  await master.backup('cities', { incremental: true });
  await master.set('cities', 'backupAudit', 'true');
  const { id } = await master.backup('cities', { form: 'physical' });
  await master.put('cities', 'even more', 'x');
  await master.backup('cities', { incremental: true });
  expect(await audited(id)).toMatchObject({ result: 'equal' });
  expect(await skipped()).toBe(before);
});
