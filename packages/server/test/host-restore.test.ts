// Restores through the host: a new database, a copy of one that stays online, in place; offline and served.

import type { Administration, DatabaseStatus } from '@pamina/wire';
import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { collect, env, Workbench } from './workbench.js';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});

afterEach(() => bench.close());

async function content(administration: Administration, name: string) {
  const entries = await collect(administration.exportEntries(name));
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

/** A backup with the tag `start`, then a put, a mistake, and another put. */
async function story(host: Administration) {
  await host.create('cities');
  await host.put('cities', 'vienna', '1');
  await host.put('cities', 'graz', '1');
  await host.backup('cities', { tag: 'start' });
  const good = (await host.put('cities', 'vienna', '2')).position;
  await host.del('cities', 'graz');
  const { position: end } = await host.put('cities', 'linz', '3');
  return { good, end, before: { vienna: '2', graz: '1' }, after: { vienna: '2', linz: '3' } };
}

test('P3 a copy at a past position is made while the original stays online and is written to', async () => {
  const { host } = await bench.server();
  const { before, good, after } = await story(host);
  const report = await host.restore('cities', { as: 'copy', untilPosition: good });
  expect(report).toMatchObject({ name: 'copy', how: 'new', position: good, keepsTimeline: false });
  expect(report.log.length).toBeGreaterThan(0);
  expect(await host.status('copy')).toMatchObject({ type: 'unassigned', online: false });
  // Readable although it is not online, which an unassigned database never is.
  expect(await content(host, 'copy')).toEqual(before);
  await expect(host.put('copy', 'x', 'y')).rejects.toMatchObject({ code: 'DATABASE_OFFLINE' });
  const { position } = await host.put('cities', 'wels', '4');
  expect(await content(host, 'cities')).toEqual({ ...after, wels: '4' });
  expect(await host.status('cities')).toMatchObject({ online: true, position });
  await host.start('copy');
  expect(await host.status('copy')).toMatchObject({ type: 'normal', timeline: { timeline: 2 } });
});

test('P11 in place through the end of the log the timeline goes on, and the old store is kept', async () => {
  const { host } = await bench.server();
  const { after, end } = await story(host);
  await expect(host.restore('cities', {})).rejects.toMatchObject({ code: 'DATABASE_ONLINE' });
  const { instance } = await host.status('cities');
  const report = await host.restore('cities', { stop: true });
  expect(report).toMatchObject({ how: 'recovered', keepsTimeline: true, position: end });
  const status: DatabaseStatus = await host.status('cities');
  expect(status).toMatchObject({ online: true, instance, timeline: { timeline: 1 } });
  expect(await content(host, 'cities')).toEqual(after);
  expect(await readdir(report.kept ?? '')).toContain('CURRENT');
  expect((await host.put('cities', 'x', 'y')).position).toMatch(/^1\//);
});

test('P8 in place to a past position the old database is kept whole, backups and all', async () => {
  const host = await bench.host();
  const { before, good } = await story(host);
  const plan = await host.restore('cities', { untilPosition: good, dryRun: true });
  expect(plan).toMatchObject({ dryRun: true, how: 'replaced', position: good, kept: null });
  expect(await readdir(bench.data)).toEqual(['cities']);
  const report = await host.restore('cities', { untilPosition: good });
  expect(report).toMatchObject({ how: 'replaced', keepsTimeline: false, position: good });
  expect(await content(host, 'cities')).toEqual(before);
  expect(await readdir(report.kept ?? '')).toEqual(
    expect.arrayContaining(['backups', 'control.json', 'log', 'store']),
  );
  const events = (await collect(host.jobLog('cities'))).map(({ event }) => event);
  expect(events).toContain('replaced');
  // From what was kept it can be had back, up to its end.
  const back = await host.restore('cities', { from: report.kept ?? '', discardOld: true });
  expect(back).toMatchObject({ how: 'replaced', kept: null });
  expect(await content(host, 'cities')).toEqual({ vienna: '2', linz: '3' });
});

test('P9 discarding the old database keeps its backups', async () => {
  const host = await bench.host();
  await story(host);
  const report = await host.restore('cities', { untilTag: 'start', discardOld: true });
  expect(await content(host, 'cities')).toEqual({ vienna: '1', graz: '1' });
  expect(await readdir(report.kept ?? '')).toEqual(['backups']);
});

test('P3 a lost machine is restored from a copy of its backups and log', async () => {
  const host = await bench.host();
  const { after, end } = await story(host);
  const safe = join(bench.folder, 'safe');
  for (const part of ['backups', 'log']) {
    await cp(join(bench.data, 'cities', part), join(safe, part), { recursive: true });
  }
  await rm(join(bench.data, 'cities'), { recursive: true });
  const report = await host.restore('cities', { from: safe });
  expect(report).toMatchObject({ how: 'new', position: end });
  expect(await content(host, 'cities')).toEqual(after);
  await expect(host.restore('lost', {})).rejects.toMatchObject({ code: 'BACKUP_NOT_FOUND' });
  await expect(host.restore('lost', { from: join(safe, 'no') })).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
  });
});

test('P3 a damaged database is recovered in place from its backup and its log', async () => {
  const host = await bench.host();
  const { after } = await story(host);
  await rm(join(bench.data, 'cities/store/CURRENT'));
  await expect(host.put('cities', 'x', 'y')).rejects.toThrow();
  expect(await host.restore('cities', {})).toMatchObject({ how: 'recovered' });
  expect(await content(host, 'cities')).toEqual(after);
});

test('P9 what cannot be reached is refused with what can be, and nothing is touched', async () => {
  const host = await bench.host();
  const { end } = await story(host);
  const before = await readdir(bench.data, { recursive: true });
  const seq = Number(end.split('/')[1]);
  for (const options of [
    { untilPosition: `1/${seq + 9}` },
    { untilPosition: '7/3' },
    { untilTime: 1 },
    { untilTag: 'no such tag' },
    { untilPosition: '1/2', backup: 'start' },
  ]) {
    const refused = host.restore('cities', { ...options, as: 'copy' });
    await expect(refused, JSON.stringify(options)).rejects.toMatchObject({
      code: 'POSITION_UNREACHABLE',
    });
    await expect(refused).rejects.toThrow(/reachable is 1\/\d+ /);
  }
  await expect(host.restore('cities', { backup: 'nothing' })).rejects.toMatchObject({
    code: 'BACKUP_NOT_FOUND',
  });
  await expect(host.restore('cities', { as: 'cities' })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
  });
  await host.create('other');
  await expect(host.restore('cities', { as: 'other' })).rejects.toMatchObject({
    code: 'DATABASE_EXISTS',
  });
  await host.delete('other');
  expect(await readdir(bench.data, { recursive: true })).toEqual(before);
});

test('P9 the present of a database is reachable, stopped or running, and no time to come', async () => {
  const { host } = await bench.server();
  const { after } = await story(host);
  for (const as of ['running', 'stopped']) {
    if (as === 'stopped') await host.stop('cities');
    const untilTime = env.clock.now();
    const refused = host.restore('cities', { as, untilTime: untilTime + 3_600_000 });
    await expect(refused).rejects.toMatchObject({ code: 'POSITION_UNREACHABLE' });
    await host.restore('cities', { as, untilTime });
    expect(await content(host, as)).toEqual(after);
  }
});

test('P3 backups and log come from another server, while it goes on writing', async () => {
  const { host } = await bench.server();
  const { after, before, end, good } = await story(host);
  const { host: other } = await bench.server({ data: 'elsewhere' });
  const from = 'pamina://cities';
  expect(await other.restore('none', { from, recover: 'none' })).toMatchObject({ records: 0 });
  expect(await content(other, 'none')).toEqual({ vienna: '1', graz: '1' });
  const all = await other.restore('all', { from });
  expect(all).toMatchObject({ how: 'new', position: end });
  expect(await content(other, 'all')).toEqual(after);
  await host.put('cities', 'wels', '4');
  await other.restore('some', { from, untilPosition: good });
  expect(await content(other, 'some')).toEqual(before);
  const found = await collect(other.log('cities', { source: from, grep: 'wels' }));
  expect(found).toHaveLength(1);
});

test('P10 the log that a restore reads is not deleted under it, and is afterwards', async () => {
  const { host } = await bench.server();
  const { before, good } = await story(host);
  await host.backup('cities');
  await host.backup('cities');
  const { log } = host.database('cities');
  const deletions: Promise<string[]>[] = [];
  const options = { as: 'copy', backup: 'start', untilPosition: good };
  await host.restore('cities', options, () => {
    deletions.push(log.deleteBefore(log.durable.seq));
  });
  expect(deletions.length).toBeGreaterThan(0);
  expect((await Promise.all(deletions)).flat()).toEqual([]);
  expect(await content(host, 'copy')).toEqual(before);
  expect((await log.deleteBefore(log.durable.seq)).length).toBeGreaterThan(0);
  await expect(host.restore('cities', { ...options, as: 'late' })).rejects.toMatchObject({
    code: 'POSITION_UNREACHABLE',
  });
});

test('P14 nothing but segments is read as log', async () => {
  const { address, host } = await bench.server();
  await story(host);
  for (const segment of ['../control.json', '/etc/passwd', '1-0/../../../control.json']) {
    const url = `${address}/v1/databases/cities/log-bytes?from=0&to=9&segment=${encodeURIComponent(segment)}`;
    const answer = await fetch(url);
    expect(answer.ok).toBe(false);
    expect(await answer.text()).toContain('REQUEST_INVALID');
  }
});

test('the log is shown around a time and by key, of a database here and of a copied folder', async () => {
  const { host } = await bench.server();
  await story(host);
  const all = await collect(host.log('cities'));
  const deleted = all.find(({ operations }) => operations[0]?.type === 'del');
  const found = await collect(host.log('cities', { grep: 'gra' }));
  expect(found.map(({ operations }) => operations.map(({ type, key }) => [type, key]))).toEqual([
    [['put', 'graz']],
    [['del', 'graz']],
  ]);
  expect(found[1]).toEqual(deleted);
  const time = deleted?.time ?? 0;
  const around = await collect(host.log('cities', { around: time - 1, limit: 4 }));
  const [before, after] = [
    all.filter((line) => line.time < time),
    all.filter((line) => line.time >= time),
  ];
  expect(around.map(({ seq }) => seq)).toEqual(
    [...before.slice(-2), ...after.slice(0, 2)].map(({ seq }) => seq),
  );
  const safe = join(bench.folder, 'safe');
  await cp(join(bench.data, 'cities'), safe, { recursive: true });
  const copied = await collect(host.log('cities', { source: safe, grep: 'graz' }));
  expect(copied.map(({ position }) => position)).toEqual(found.map(({ position }) => position));
  // What cannot be read is named, not left out.
  const segment = (await readdir(join(safe, 'log'), { recursive: true }))
    .filter((path) => path.endsWith('.seg'))
    .sort()
    .at(-1);
  await writeFile(join(safe, 'log', segment ?? ''), Buffer.alloc(500, 7));
  const shown = collect(host.log('cities', { source: safe, grep: 'a' }));
  await expect(shown).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
});
