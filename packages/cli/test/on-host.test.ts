// The verbs against the real thing: a data folder without a server, then the same one served.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Interrupted } from '../src/io.js';
import { run } from '../src/run.js';
import { each, type Ran, runCommand, Sink } from './fake-administration.js';

let cwd: string;

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'pamina-cli-'));
});

afterEach(async () => {
  await rm(cwd, { recursive: true });
});

async function pamina(...argv: string[]): Promise<Ran> {
  const ran = await runCommand(argv, { cwd });
  expect(ran, argv.join(' ')).toMatchObject({ status: 0, err: '' });
  return ran;
}

async function refused(...argv: string[]): Promise<string> {
  const ran = await runCommand(argv, { cwd });
  expect(ran.status, argv.join(' ')).not.toBe(0);
  return /^[A-Z_]+/.exec(ran.err)?.[0] ?? ran.err;
}

/** Serves the data folder in this process while `task` runs. */
async function whileServed(task: () => Promise<void>): Promise<void> {
  const ending = new AbortController();
  const stdout = new Sink();
  const stderr = new Sink();
  const io = { stdout, stderr, env: {}, cwd, signal: ending.signal };
  const served = run(['serve', '--listen', '127.0.0.1:0'], io);
  try {
    await Promise.race([
      expect
        .poll(() => stdout.text, { timeout: 20_000 })
        .toContain('listening on http://127.0.0.1:'),
      served.then((status) => Promise.reject(new Error(`serve: ${status} ${stderr.text}`))),
    ]);
    await task();
  } finally {
    ending.abort(new Interrupted('SIGTERM'));
    expect(await served).toBe(0);
  }
}

async function lifeOfADatabase(): Promise<void> {
  await writeFile(join(cwd, 'c.ndjson'), '{"id":1,"name":"London"}\n{"id":2,"name":"Rome"}\n');
  await pamina('create', 'cities');
  expect(await refused('create', 'cities')).toBe('DATABASE_EXISTS');
  expect((await pamina('put', 'cities', '007', '"x"')).out).toMatch(/^1\/\d+\n$/);
  expect((await pamina('get', 'cities', '007')).out).toBe('"x"\n');
  expect(await refused('get', 'cities', '7')).toBe('KEY_NOT_FOUND');
  const imported = await pamina('import', 'cities', 'c.ndjson', '--key', 'id', '--json');
  expect(imported.objects).toMatchObject([{ entries: 2 }]);
  await pamina('del', 'cities', '007');
  expect((await pamina('export', 'cities')).objects).toEqual([
    { key: '1', value: '{"id":1,"name":"London"}' },
    { key: '2', value: '{"id":2,"name":"Rome"}' },
  ]);
  const backup = await pamina('backup', 'cities', '--tag', 'demo', '--json');
  expect(backup.objects).toMatchObject([{ tag: 'demo', kind: 'full' }]);
  expect((await pamina('backups', 'cities')).out).toMatch(/^\S+ +full +logical +demo /m);
  expect((await pamina('log', 'cities')).out).toMatch(/commit .*put /);
  expect((await pamina('job-log', 'cities', '--json')).objects.length).toBeGreaterThan(0);
  expect((await pamina('hash', 'cities', '--json')).objects).toMatchObject([
    { position: expect.any(String) as string },
  ]);
  expect((await pamina('set', 'cities', 'replicationDelayMs=0')).out).toMatch(
    /^replicationDelayMs +0$/m,
  );
  await pamina('allow', 'cities', 'cities-replica');
  expect((await pamina('replicas', 'cities')).out).toContain('cities-replica');
  await pamina('deny', 'cities', 'cities-replica');
  expect((await pamina('status', 'cities')).out).toMatch(/^type +normal$/m);
  expect((await pamina('list', '--json')).objects).toMatchObject([
    { databases: [{ name: 'cities' }] },
  ]);
  expect(await refused('reset', 'cities')).toBe('DATABASE_TYPE');
}

describe('the verbs', () => {
  it('work on a data folder without a server', async () => {
    await lifeOfADatabase();
    await pamina('rename', 'cities', 'towns');
    expect((await pamina('get', 'towns', '1')).out).toContain('London');
    expect((await pamina('delete', 'towns', '--dry-run')).out).toContain('would remove');
    await pamina('get', 'towns', '1');
    await pamina('delete', 'towns');
    expect(await refused('status', 'towns')).toBe('DATABASE_NOT_FOUND');
  });

  it('work in the same way on one that is served', async () => {
    await whileServed(async () => {
      await lifeOfADatabase();
      await pamina('stop', 'cities');
      expect(await refused('get', 'cities', '1')).toBe('DATABASE_OFFLINE');
      await pamina('start', 'cities');
      expect((await pamina('get', 'cities', '1')).out).toContain('London');
    });
    expect((await pamina('get', 'cities', '1')).out).toContain('London');
    expect(await readdir(join(cwd, 'pamina-data'))).not.toContain('server.json');
  });

  it('P9 name the wrong line of an import also through a server', async () => {
    await whileServed(async () => {
      await pamina('create', 'cities');
      const text = `${'{"k":1}\n'.repeat(3)}oops\n`;
      const stdin = each([new TextEncoder().encode(text)]);
      const ran = await runCommand(['import', 'cities', '-', '--key', 'k'], { cwd, stdin });
      expect(ran.status).toBe(2);
      expect(ran.err).toMatch(/^IMPORT_INVALID: stdin, line 4: not JSON/);
    });
  });

  it('make a replica in one step, and a master of it', async () => {
    await whileServed(async () => {
      await pamina('create', 'cities');
      await pamina('put', 'cities', 'a', '1');
      await pamina('set', 'cities', 'replicationDelayMs=0');
      await pamina('replicate', 'cities-replica', '--master', 'cities');
      await pamina('put', 'cities', 'b', '2');
      const [master] = (await pamina('status', 'cities', '--json')).objects;
      await expect
        .poll(
          async () => (await pamina('status', 'cities-replica', '--json')).objects[0]?.['applied'],
          {
            timeout: 30_000,
          },
        )
        .toBe(master?.['position']);
      expect((await pamina('status', 'cities-replica')).out).toMatch(/^applied +1\/\d+ +none$/m);
      expect(await refused('put', 'cities-replica', 'c', '3')).toBe('REPLICA_READ_ONLY');
      expect((await pamina('reset', 'cities-replica', '--dry-run')).out).toContain(
        'Nothing was changed',
      );
      await pamina('reset', 'cities-replica');
      expect((await pamina('get', 'cities-replica', 'b')).out).toBe('2\n');
      await pamina('put', 'cities-replica', 'c', '3');
    });
  });
});
