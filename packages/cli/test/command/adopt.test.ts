import { Level } from 'level';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommand } from '../fake-administration.js';

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pamina-adopt-'));
});

afterEach(async () => {
  await rm(cwd, { recursive: true });
});

async function plainLevel(folder: string): Promise<void> {
  const level = new Level(folder);
  await level.batch([
    { type: 'put', key: 'a', value: '1' },
    { type: 'put', key: 'ключ', value: 'два' },
  ]);
  await level.close();
}

it('turns a plain LevelDB in the data folder into a database that the other verbs work on', async () => {
  await plainLevel(join(cwd, 'pamina-data', 'orders'));
  const refused = await runCommand(['get', 'orders', 'a'], { cwd });
  expect(refused.status).not.toBe(0);
  const ran = await runCommand(['adopt', 'pamina-data/orders', '--json'], { cwd });
  expect(ran).toMatchObject({ status: 0, err: '' });
  expect(ran.objects).toEqual([
    {
      folder: join(cwd, 'pamina-data/orders'),
      name: 'orders',
      entries: 2,
      keptIn: expect.stringContaining('orders') as string,
    },
  ]);
  expect(await runCommand(['get', 'orders', 'ключ'], { cwd })).toMatchObject({ out: 'два\n' });
});

it('says how the other verbs find what is not in the data folder', async () => {
  await plainLevel(join(cwd, 'app', 'orders'));
  const ran = await runCommand(['adopt', 'app/orders'], { cwd });
  expect(ran.status).toBe(0);
  expect(ran.out).toContain('as the database orders: 2 entries');
  expect(ran.err).toContain(`--data ${join(cwd, 'app')}`);
  expect(await runCommand(['get', 'orders', 'a', '--data', 'app'], { cwd })).toMatchObject({
    out: '1\n',
  });
});

it('P9 refuses a folder that is not there', async () => {
  const ran = await runCommand(['adopt', 'no/such'], { cwd });
  expect(ran.status).not.toBe(0);
  expect(ran.err).toMatch(/^[A-Z_]+: .*no\/such/);
});
