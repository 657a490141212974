// What one database suffers is its own: the others of the same server go on, are served, and are told of as sound.

import type { Disk, DiskFile } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ask, askJson } from './asking.js';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** Where one cannot say who its users are, what is of the whole server asks for the token of the server. */
const token = 'a-token-of-the-server';
const headers = { authorization: `Bearer ${token}` };

async function segmentsOf(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true });
  return all.filter((path) => path.endsWith('.seg')).map((path) => join(folder, path));
}

it('P6 a database whose log is damaged fails alone, and says why', async () => {
  const first = await bench.server();
  for (const name of ['bad', 'good', 'zone']) {
    await first.host.create(name);
    await first.host.put(name, 'paris', 'FR');
  }
  await first.close();
  for (const path of await segmentsOf(join(bench.data, 'bad', 'log'))) {
    const bytes = new Uint8Array(8192).fill(0x5a);
    await writeFile(path, bytes);
  }
  const server = await bench.server({ token });
  const { host } = server;
  expect(await host.status('bad')).toMatchObject({ online: false, state: 'failed' });
  for (const name of ['good', 'zone']) {
    expect(await host.get(name, 'paris')).toBe('FR');
    await host.put(name, 'linz', 'AT');
  }
  expect((await host.list()).map(({ name, state }) => [name, state])).toEqual([
    ['bad', 'failed'],
    ['good', 'open'],
    ['zone', 'open'],
  ]);
  const health = (name: string) => ask(server, `/health?database=${name}`);
  expect((await health('bad')).status).toBe(503);
  expect((await health('good')).status).toBe(200);
  expect((await ask(server, '/health')).status).toBe(200);
  const { text } = await ask(server, '/metrics', { headers });
  expect(text).toContain('pamina_database_online{database="bad"} 0');
  expect(text).toContain('pamina_database_online{database="good"} 1');
  expect(text).toContain('pamina_database_info{database="bad",type="",state="failed"} 1');
});

it('a control file that cannot be read keeps nobody else from being listed and served', async () => {
  const first = await bench.server();
  await first.host.create('bad');
  await first.host.create('good');
  await first.close();
  await writeFile(join(bench.data, 'bad', 'control.json'), '{"format":');
  const server = await bench.server({ token });
  await server.host.put('good', 'linz', 'AT');
  const { body } = await askJson<{ name: string }[]>(server, '/v1/databases', { headers });
  expect(body.map(({ name }) => name)).toEqual(['bad', 'good']);
  expect((await ask(server, '/metrics', { headers })).status).toBe(200);
});

/** Fails what is written and synced below a folder, from the moment on at which it is told to. */
class FailingDisk {
  isFailing = false;
  readonly disk: Disk;

  constructor(real: Disk, folder: string) {
    const open = async (path: string, mode: Parameters<Disk['open']>[1]): Promise<DiskFile> => {
      const file = await real.open(path, mode);
      return path.startsWith(`${folder}/`) ? this.#failing(file) : file;
    };
    this.disk = new Proxy(real, {
      get: (target, name) => {
        if (name === 'open') return open;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  #failing(file: DiskFile): DiskFile {
    const failing = new Set<string | symbol>(['write', 'datasync', 'sync', 'truncate']);
    return new Proxy(file, {
      get: (target, name) => {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        return (...words: unknown[]): unknown => {
          if (this.isFailing && failing.has(name)) {
            return Promise.reject(new PaminaError('DISK_ERROR', 'EIO: made for this test'));
          }
          return (value as (...all: unknown[]) => unknown).apply(target, words);
        };
      },
    });
  }
}

it('P7 a database whose disk fails fails alone, and opens again when the disk is back', async () => {
  const broken = new FailingDisk(env.disk, join(bench.data, 'bad'));
  const server = await bench.server({ env: { ...env, disk: broken.disk } });
  const { host } = server;
  for (const name of ['bad', 'good']) {
    await host.create(name);
    await host.put(name, 'paris', 'FR');
  }
  broken.isFailing = true;
  await expect(host.put('bad', 'linz', 'AT')).rejects.toBeInstanceOf(PaminaError);
  for (let at = 0; at < 20; at += 1) await host.put('good', `city-${at}`, 'AT');
  await eventually(
    () => host.status('bad'),
    ({ state }) => state === 'failed',
  );
  expect((await ask(server, '/health?database=bad')).status).toBe(503);
  expect((await ask(server, '/health?database=good&type=master')).status).toBe(200);
  expect(await host.backup('good')).toMatchObject({ kind: 'full' });
  broken.isFailing = false;
  await host.start('bad');
  expect(await host.get('bad', 'paris')).toBe('FR');
  await host.put('bad', 'graz', 'AT');
});
