// What an archive holds, listed and expired: of a database here, and of one that is gone or was detached.
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collect, env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let address: string;

beforeEach(async () => {
  bench = await Workbench.open();
  address = join(bench.folder, 'archive');
});
afterEach(() => bench.close());

type AnyHost = Awaited<ReturnType<Workbench['host']>>;

/** Four full backups, all of them archived; three generations are kept. */
async function fourBackups(host: AnyHost): Promise<string[]> {
  await host.create('orders');
  await host.addArchive('orders', 'main', { address });
  const ids: string[] = [];
  for (const key of ['a', 'b', 'c', 'd']) {
    await host.put('orders', key, '1');
    ids.push((await host.backup('orders')).id);
    await host.runArchive('orders', undefined);
  }
  return ids;
}

describe('what an archive holds', () => {
  it('is listed by name and address, online and offline, with what expired and when it goes', async () => {
    const server = await bench.server();
    const { host } = server;
    const ids = await fourBackups(host);
    const [first] = ids;
    const [status] = await host.archives('orders');
    expect(status).toMatchObject({ backups: 3, retired: [{ id: first }], missing: null });
    const [retired] = status?.retired ?? [];
    expect((retired?.goesAt ?? 0) - (retired?.since ?? 0)).toBe(24 * 3_600_000);
    for (const from of ['main', address]) {
      const listed = await host.backups('orders', { from });
      expect(listed.map(({ id }) => id)).toEqual([...ids].reverse());
      const there = listed.at(-1)?.retired;
      expect((there?.goesAt ?? 0) - (there?.since ?? 0)).toBe(24 * 3_600_000);
      expect(listed.filter((backup) => backup.retired !== undefined)).toHaveLength(1);
    }
    await host.stop('orders');
    expect(await host.backups('orders', { from: 'main' })).toHaveLength(4);
    await expect(host.backups('orders', { from: 'other' })).rejects.toMatchObject({
      code: 'ARCHIVE_NOT_FOUND',
    });
  });

  it('of a database that is gone is listed and expired, by the rule that is given', async () => {
    const host = await bench.host();
    const ids = await fourBackups(host);
    await host.delete('orders');
    const listed = await host.backups('orders', { from: address });
    expect(listed.map(({ id }) => id)).toEqual([...ids].reverse());
    await expect(host.expire('orders', { from: address })).rejects.toMatchObject({
      code: 'ARCHIVE_NOT_FOUND',
      hint: expect.stringContaining('--keep-generations'),
    });
    const keep = { generations: 1, keepHours: 0 };
    const told = await host.expire('orders', { from: address, keep, dryRun: true });
    expect(told).toMatchObject({ dryRun: true, removed: ids.slice(0, 3).reverse() });
    const done = await host.expire('orders', { from: address, keep });
    expect(done.removed).toEqual(told.removed);
    const left = await host.backups('orders', { from: address });
    expect(left.map(({ id }) => id)).toEqual([ids.at(-1)]);
    const report = await host.restore('orders', { from: address });
    expect(report.backup).toBe(ids.at(-1));
  });

  it('of a database that was lost is expired where a person says that nobody has it', async () => {
    const host = await bench.host();
    const ids = await fourBackups(host);
    await env.disk.removeTree(join(bench.data, 'orders'));
    const keep = { generations: 1, keepHours: 0 };
    // Nobody can know that it is not archived from elsewhere.
    await expect(host.expire('orders', { from: address, keep })).rejects.toMatchObject({
      code: 'ARCHIVE_IN_USE',
    });
    const done = await host.expire('orders', { from: address, keep, abandoned: true });
    expect(done.removed).toEqual(ids.slice(0, 3).reverse());
  });

  it('of a database that was detached from it is left alone without a rule', async () => {
    const host = await bench.host();
    const ids = await fourBackups(host);
    const rule = { from: address, keep: { generations: 1 } };
    await expect(host.expire('orders', rule)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await host.removeArchive('orders', 'main');
    const code = 'ARCHIVE_NOT_FOUND';
    await expect(host.expire('orders', { from: address })).rejects.toMatchObject({ code });
    await host.expire('orders', rule);
    const listed = await host.backups('orders', { from: address });
    const retired = listed.filter((backup) => backup.retired !== undefined);
    expect(retired.map(({ id }) => id)).toEqual(ids.slice(0, 3).reverse());
  });
});

it('P5 P10 on another machine a replica is made from the archive alone, under a name of its own, and follows its master', async () => {
  const server = await bench.server();
  await fourBackups(server.host);
  const { host } = await bench.server({ data: 'elsewhere' });
  await host.restore('orders', { from: address, as: 'standby' });
  await server.host.allow('orders', 'standby');
  await host.replicate('standby', { master: 'orders', simultaneousQuery: true });
  await host.start('standby');
  await server.host.put('orders', 'later', '1');
  const keys = await eventually(
    async () => (await collect(host.exportEntries('standby'))).map(({ key }) => key),
    (found) => found.includes('later'),
  );
  expect(keys).toEqual(['a', 'b', 'c', 'd', 'later']);
  await expect(host.restore('orders', { as: 'other' })).rejects.toMatchObject({
    code: 'DATABASE_NOT_FOUND',
  });
});

it('every verb takes an archive by the name that the database gave it, and by its address', async () => {
  const { host } = await bench.server();
  const ids = await fourBackups(host);
  // Its objects stand under the name that it had then.
  await host.stop('orders');
  await host.rename('orders', 'sales');
  for (const [at, from] of ['main', address].entries()) {
    expect((await host.backups('sales', { from })).map(({ id }) => id)).toContain(ids[3]);
    expect((await host.verify('sales', { from })).verdict).toBe('verified');
    expect((await host.expire('sales', { from, dryRun: true })).dryRun).toBe(true);
    expect((await collect(host.log('sales', { source: from, limit: 1 }))).length).toBe(1);
    const restored = await host.restore('sales', { from, as: `copy${at}`, backup: ids[3] });
    expect(restored.name).toBe(`copy${at}`);
  }
  const asked = [
    host.backups('sales', { from: 'other' }),
    host.verify('sales', { from: 'other' }),
    host.restore('sales', { from: 'other', as: 'copy' }),
    collect(host.log('sales', { source: 'other' })),
  ];
  for (const answer of await Promise.allSettled(asked)) {
    expect(answer).toMatchObject({
      status: 'rejected',
      reason: { code: 'ARCHIVE_NOT_FOUND', hint: expect.stringContaining('./other') },
    });
  }
});

it('P10 an archive that a live server uses is not expired from elsewhere, and is after it was removed there', async () => {
  const { host } = await bench.server();
  const ids = await fourBackups(host);
  const elsewhere = await bench.host({ dataFolder: join(bench.folder, 'elsewhere') });
  const rule = { from: address, keep: { generations: 1, keepHours: 0 } };
  const { instance } = await host.status('orders');
  await expect(elsewhere.expire('orders', rule)).rejects.toMatchObject({
    code: 'ARCHIVE_IN_USE',
    context: { writers: [{ instance }] },
    hint: expect.stringContaining('--abandoned'),
  });
  expect(await elsewhere.backups('orders', { from: address })).toHaveLength(4);
  expect((await elsewhere.expire('orders', { ...rule, dryRun: true })).removed).toHaveLength(3);
  await host.removeArchive('orders', 'main');
  const { removed } = await elsewhere.expire('orders', rule);
  expect(removed).toEqual(ids.slice(0, 3).reverse());
});

it('an archive that is away when it is removed is removed all the same, and the job log says what is left of it there', async () => {
  const { host } = await bench.server();
  await fourBackups(host);
  await rename(address, `${address}.away`);
  await host.removeArchive('orders', 'main');
  expect(await host.archives('orders')).toEqual([]);
  const events = await collect(host.jobLog('orders'));
  expect(events.map(({ event }) => event)).toContain('archive-not-left');
});

it('P10 log that was deleted before it was archived is shown in status, online and offline, until a backup closes the gap', async () => {
  const { host } = await bench.server();
  await host.create('orders');
  await host.addArchive('orders', 'main', { address });
  await host.put('orders', 'a', '1');
  await host.runArchive('orders', undefined);
  await rename(address, `${address}.away`);
  const before = host.database('orders').log.durable.seq;
  for (const key of ['b', 'c']) {
    await host.put('orders', key, '2');
    await host.backup('orders');
  }
  const { log } = host.database('orders');
  await log.deleteBefore(log.durable.seq);
  const missing = { fromSeq: before + 1, toSeq: log.firstSeq - 1 };
  expect(log.firstSeq).toBeGreaterThan(before + 1);
  expect(await host.archives('orders')).toMatchObject([{ missing }]);
  await host.stop('orders');
  expect(await host.archives('orders')).toMatchObject([{ missing }]);
  await host.start('orders');
  await rename(`${address}.away`, address);
  await host.put('orders', 'd', '3');
  await host.backup('orders');
  const [mended] = await host.runArchive('orders', undefined);
  expect(mended).toMatchObject({ missing: null, problem: null });
});
