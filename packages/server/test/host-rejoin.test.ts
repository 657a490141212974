// An old master that rejoins when the log of what only it has is not whole any more.

import { Database } from '@pamina/engine';
import { segmentBytesMin } from '@pamina/format';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { collect, env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let server: HostServer;
let old: Host;
let second: Host;
/** The last record that both have. */
let forkSeq: number;

beforeEach(async () => {
  bench = await Workbench.open();
  const first = await bench.server();
  second = (await bench.server({ data: 'second' })).host;
  await first.host.create('cities');
  await first.host.set('cities', 'replicationDelayMs', '0');
  await first.host.put('cities', 'a', '1');
  await second.replicate('cities-2', { master: 'cities' });
  const { position } = await first.host.status('cities');
  await eventually(
    () => second.status('cities-2'),
    ({ applied }) => applied === position,
  );
  await second.set('cities-2', 'readOnly', 'true');
  await first.close();
  await writeMuch();
  await second.set('cities-2', 'readOnly', 'false');
  const report = await second.failover('cities', { to: 'cities-2', acceptLoss: true });
  forkSeq = Number(report.position?.split('/')[1]);
  await second.put('cities', 'new', 'y');
  server = await bench.server();
  old = server.host;
});
afterEach(() => bench.close());

/** What the replica lacks passes the cap, and the oldest of it is deleted. */
async function writeMuch(): Promise<void> {
  const database = await Database.open(join(bench.data, 'cities'), {
    env,
    segmentBytes: segmentBytesMin,
  });
  await database.system.setSettings({ replicaHoldBytes: segmentBytesMin });
  await database.updateControl({ keepFromSeq: database.durable().seq + 10 });
  for (let index = 0; index < 16; index++) await database.put(`b${index}`, 'x'.repeat(40_000));
  await database.applyRetention();
  await database.close();
}

describe('P9 an old master whose unshipped log was given up', () => {
  it('is refused with what is missing and what to do, and stays as it was', async () => {
    const control = () => readFile(join(bench.data, 'cities', 'control.json'), 'utf8');
    const before = await control();
    const error = await old.rejoin('cities').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'LOG_GONE',
      message: expect.stringMatching(/^the records \d+ to \d+, which only cities had/) as string,
      hint: expect.stringMatching(
        /stop its server.*pamina export cities.*pamina rejoin cities --accept-loss/,
      ) as string,
      context: { fromSeq: forkSeq + 1, toSeq: expect.any(Number) as number },
    });
    expect(await control()).toBe(before);
    expect((await old.list()).map(({ name }) => name)).toEqual(['cities']);
    expect(existsSync(join(bench.data, '.rescue'))).toBe(false);
  });

  it('can be read without its server, as the advice says', async () => {
    await server.close();
    const host = await bench.host();
    const entries = await collect(host.exportEntries('cities'));
    expect(entries.map(({ key }) => key)).toContain('b0');
  });

  it('says so in a dry run, which changes nothing', async () => {
    const plan = await old.rejoin('cities', { dryRun: true });
    expect(plan).toMatchObject({ forkSeq, way: 'recreated', dryRun: true });
    expect(plan.missing).toMatchObject({ fromSeq: forkSeq + 1 });
    expect(plan.unshipped).toBeGreaterThan(0);
    expect((await old.status('cities')).type).toBe('normal');
  });

  it('rejoins when that is accepted: what is left is in the file, all of it in the copy that is kept', async () => {
    const report = await old.rejoin('cities', { acceptLoss: true });
    expect(report).toMatchObject({ name: 'cities-old', forkSeq, way: 'recreated' });
    const { fromSeq, toSeq } = report.missing ?? { fromSeq: 0, toSeq: 0 };
    expect(fromSeq).toBe(forkSeq + 1);
    const lines = (await readFile(report.rescue ?? '', 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(report.unshipped);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ position: `1/${toSeq + 1}` });
    const position = (await second.status('cities')).position;
    await eventually(
      () => old.status('cities-old'),
      ({ applied, state }) => applied === position && state === 'streaming',
    );
    const kept = await Database.open(report.kept ?? '', { env, access: 'read' });
    expect(await kept.get('b0')).toBeDefined();
    await kept.close();
    const events = await collect(old.jobLog('cities-old'));
    const told = events.find(({ event }) => event === 'rescue-incomplete');
    expect(told).toMatchObject({ level: 'warning', fields: { fromSeq, toSeq } });
  });
});
