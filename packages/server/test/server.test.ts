// A real server on a free port of loopback, asked over real HTTP.

import { FileDirectory } from '@pamina/directory';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostServer } from '../src/server.js';
import { collect, env, eventually, Workbench } from './workbench.js';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const token = 'a-token-for-this-test';
const code = (expected: string) => expect.objectContaining({ code: expected });

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

async function ask(
  server: HostServer,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await env.network.request(`${server.address}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : new TextEncoder().encode(JSON.stringify(body)),
  });
  const text = new TextDecoder().decode(await response.bytes(1_000_000));
  const lines = text.split('\n').filter((line) => line !== '');
  const last = lines.at(-1) ?? 'null';
  return { status: response.status, body: JSON.parse(last), headers: response.headers };
}

const errorOf = (expected: string) => ({
  error: {
    code: expected,
    message: expect.any(String) as string,
    hint: expect.any(String) as string,
  },
});

describe('P14 a server', () => {
  it.each(['0.0.0.0:0', '[::]:0', ':0', 'example.org:0', '[::ffff:0.0.0.0]:0'])(
    'without a token does not listen on %s, and touches nothing',
    async (listen) => {
      await expect(bench.server({ listen })).rejects.toThrow(code('TOKEN_REQUIRED'));
      expect(await env.disk.stat(bench.data)).toBeNull();
    },
  );

  it('with a token and without TLS does not listen for others, unless that is said in words', async () => {
    const listen = '0.0.0.0:0';
    await expect(bench.server({ listen, token })).rejects.toThrow(code('TLS_REQUIRED'));
    await expect(bench.server({ listen, insecure: true })).rejects.toThrow(code('TOKEN_REQUIRED'));
    expect(await env.disk.stat(bench.data)).toBeNull();
    const said: string[] = [];
    const onNotice = ({ message }: { message: string }): unknown => said.push(message);
    await bench.server({ listen, token, insecure: true, onNotice });
    expect(said).toEqual([expect.stringMatching(/^INSECURE: .*0\.0\.0\.0/)]);
  });

  it('listens for others under a name that they can use', async () => {
    const server = await bench.server({ listen: '0.0.0.0:0', token, insecure: true });
    expect(server.address).toMatch(new RegExp(`^http://${hostname()}:[1-9][0-9]*$`));
    const file = await env.disk.readFile(join(bench.data, 'server.json'));
    const { address } = JSON.parse(new TextDecoder().decode(file)) as { address: string };
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]/);
  });

  it('asks for its token on every route but one', async () => {
    const server = await bench.server({ token });
    expect(await ask(server, 'GET', '/v1/server')).toMatchObject({
      status: 200,
      body: { product: 'pamina' },
    });
    for (const [method, path] of [
      ['GET', '/v1/databases'],
      ['POST', '/v1/databases'],
      ['GET', '/v1/databases/x/backups/y/files/manifest'],
      ['DELETE', '/v1/databases/x'],
      ['GET', '/v1/nothing'],
      ['GET', '/v1/server/'],
    ] as const) {
      const refused = await ask(server, method, path, method === 'POST' ? {} : undefined);
      expect(refused, path).toMatchObject({ status: 401, body: errorOf('UNAUTHORIZED') });
      expect(refused.headers['www-authenticate']).toBe('Bearer');
    }
    const headers = { authorization: `Bearer ${token}` };
    expect(await ask(server, 'GET', '/v1/databases', undefined, headers)).toMatchObject({
      status: 200,
      body: [],
    });
  });

  it('asks for its token on the replication channel', async () => {
    const server = await bench.server({ token });
    const url = `${server.address.replace('http', 'ws')}/v1/databases/x/feed`;
    const options = { messageBytesMax: 1000 };
    await expect(env.network.connect(url, options)).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      context: { status: 401 },
    });
    const headers = { authorization: `Bearer ${token}` };
    await expect(env.network.connect(url, { ...options, headers })).rejects.toMatchObject({
      context: { status: 409, body: expect.stringContaining('DATABASE_OFFLINE') as string },
    });
    const elsewhere = url.replace('/feed', '/other');
    await expect(env.network.connect(elsewhere, { ...options, headers })).rejects.toMatchObject({
      context: { status: 400 },
    });
  });

  it('refuses web pages when it has no token', async () => {
    const server = await bench.server();
    const rebound = { host: 'evil.example' };
    const forged = { origin: 'https://evil.example' };
    for (const headers of [rebound, forged]) {
      for (const path of ['/v1/server', '/v1/databases']) {
        expect(await ask(server, 'GET', path, undefined, headers)).toMatchObject({
          status: 403,
          body: errorOf('FORBIDDEN'),
        });
      }
      const url = `${server.address.replace('http', 'ws')}/v1/databases/x/feed`;
      await expect(env.network.connect(url, { messageBytesMax: 1, headers })).rejects.toMatchObject(
        {
          context: { status: 403 },
        },
      );
    }
  });

  it('refuses web pages that know its token', async () => {
    const server = await bench.server({ token });
    const authorization = `Bearer ${token}`;
    const url = `${server.address.replace('http', 'ws')}/v1/databases/x/feed`;
    for (const origin of ['https://evil.example', 'null', server.address.replace('http', 'ftp')]) {
      const headers = { authorization, origin };
      for (const path of ['/v1/server', '/v1/databases']) {
        expect(await ask(server, 'GET', path, undefined, headers), origin).toMatchObject({
          status: 403,
          body: errorOf('FORBIDDEN'),
        });
      }
      await expect(env.network.connect(url, { messageBytesMax: 1, headers })).rejects.toMatchObject(
        { context: { status: 403 } },
      );
    }
    const own = { authorization, origin: server.address };
    expect(await ask(server, 'GET', '/v1/databases', undefined, own)).toMatchObject({
      status: 200,
    });
    await expect(
      env.network.connect(url, { messageBytesMax: 1, headers: own }),
    ).rejects.toMatchObject({ context: { status: 409 } });
  });

  it('refuses what its routes do not describe', async () => {
    const server = await bench.server();
    await server.host.create('cities');
    const bad: [string, string, unknown][] = [
      ['POST', '/v1/databases', {}],
      ['POST', '/v1/databases', { name: 7 }],
      ['POST', '/v1/databases', { name: 'a', extra: 1 }],
      ['POST', '/v1/databases', { name: '../up' }],
      ['POST', '/v1/databases', []],
      ['POST', '/v1/databases/cities/put', { key: 'a' }],
      ['POST', '/v1/databases/cities/batch', { operations: [] }],
      ['POST', '/v1/databases/cities/batch', { operations: [{ type: 'inc', key: 'a' }] }],
      ['GET', '/v1/databases/cities/log?from=-1', undefined],
      ['GET', '/v1/databases/cities/log?from=1e9', undefined],
      ['GET', '/v1/databases/cities/job-log?follow=maybe', undefined],
      ['GET', '/v1/databases/..%2f..%2fetc', undefined],
      ['GET', '/v1/databases/%zz', undefined],
      ['POST', '/v1/databases/cities/import', { key: 'a', value: 'b' }],
    ];
    for (const [method, path, body] of bad) {
      const answer = await ask(server, method, path, body);
      expect(answer.status, `${method} ${path}`).toBe(400);
      expect(answer.body).toMatchObject({
        error: { code: expect.stringMatching(/_INVALID$/) as string },
      });
    }
    expect(await ask(server, 'GET', '/')).toMatchObject({ status: 404 });
    expect(await ask(server, 'POST', '/v1/server', {})).toMatchObject({ status: 404 });
    const text = { 'content-type': 'text/plain' };
    expect(await ask(server, 'POST', '/v1/databases', { name: 'b' }, text)).toMatchObject({
      status: 400,
      body: errorOf('REQUEST_INVALID'),
    });
    expect(await server.host.list()).toHaveLength(1);
  });

  it('P13 takes no more than a request of its kind may have', async () => {
    const server = await bench.server();
    const large = { name: 'a', fromBackup: 'x'.repeat(100_000) };
    expect(await ask(server, 'POST', '/v1/databases', large)).toMatchObject({
      status: 413,
      body: errorOf('REQUEST_TOO_LARGE'),
    });
  });

  it('gives only the files of published backups', async () => {
    const server = await bench.server();
    await server.host.create('cities');
    const base = '/v1/databases/cities/backups';
    for (const path of [
      `${base}/..%2f..%2f/files/control.json`,
      `${base}/initial/files/..%2f..%2fcontrol.json`,
      `${base}/.backups.lock/files/manifest`,
      `${base}/x.partial/files/manifest`,
      `${base}/initial/files/nothing`,
    ]) {
      expect(await ask(server, 'GET', path), path).toMatchObject({
        status: 404,
        body: errorOf('BACKUP_NOT_FOUND'),
      });
    }
    const response = await env.network.request(`${server.address}${base}/initial/files/manifest`);
    expect(response.status).toBe(200);
    const bytes = await response.bytes(10_000);
    expect(response.headers['content-length']).toBe(String(bytes.length));
  });
});

describe('errors', () => {
  it('P9 come with the status of the table, also where an answer would be a stream', async () => {
    const server = await bench.server();
    for (const [method, path, body] of [
      ['GET', '/v1/databases/no', undefined],
      ['POST', '/v1/databases/no/start', {}],
      ['GET', '/v1/databases/no/export', undefined],
      ['GET', '/v1/databases/no/job-log', undefined],
      ['GET', '/v1/databases/no/hash', undefined],
      ['DELETE', '/v1/databases/no', undefined],
    ] as const) {
      expect(await ask(server, method, path, body), path).toMatchObject({
        status: 404,
        body: errorOf('DATABASE_NOT_FOUND'),
      });
    }
  });
});

describe('a data folder', () => {
  it('has one server at a time', async () => {
    const server = await bench.server();
    await expect(bench.server()).rejects.toThrow(code('DATA_IN_USE'));
    expect(await ask(server, 'GET', '/v1/server')).toMatchObject({ status: 200 });
    await server.close();
    await bench.server();
  });

  it('says who serves it, as long as somebody does', async () => {
    const server = await bench.server();
    const path = join(bench.data, 'server.json');
    const file = JSON.parse(new TextDecoder().decode(await env.disk.readFile(path))) as unknown;
    const { body } = await ask(server, 'GET', '/v1/server');
    const { startedAt } = body as { startedAt: number };
    expect(file).toEqual({ address: server.address, pid: process.pid, startedAt });
    await server.close();
    await server.close();
    expect(await env.disk.stat(path)).toBeNull();
  });

  it('P9 is not served on a port that another has, and is free again', async () => {
    const server = await bench.server();
    const listen = server.address.replace('http://', '');
    await expect(bench.server({ data: 'other', listen })).rejects.toThrow(code('LISTEN_FAILED'));
    await bench.server({ data: 'other' });
  });

  it('comes online whole but for what is broken, which says why', async () => {
    const first = await bench.server();
    for (const name of ['a', 'b', 'c']) await first.host.create(name);
    await first.host.put('b', 'k', 'v');
    const backup = await first.host.backup('b');
    await first.host.create('copy', {
      fromBackup: join(bench.data, 'b', 'backups', backup.id),
    });
    await first.close();
    await env.disk.removeTree(join(bench.data, 'b', 'store'));
    const { host } = await bench.server();
    expect(await host.list()).toMatchObject([
      { name: 'a', online: true, state: 'open' },
      { name: 'b', online: false, state: 'failed' },
      { name: 'c', online: true, state: 'open' },
      { name: 'copy', online: false, state: 'offline', type: 'unassigned' },
    ]);
    await expect(host.put('b', 'k', 'v')).rejects.toThrow(code('DATABASE_OFFLINE'));
    await expect(host.start('b')).rejects.toMatchObject({ code: expect.any(String) as string });
    await host.put('a', 'k', 'v');
    expect(Object.keys(await bench.names())).toEqual(['a', 'c']);
  });
});

describe('names', () => {
  it('are entered while their databases are online', async () => {
    const server = await bench.server();
    await server.host.create('cities');
    await server.host.create('other');
    expect(await bench.names()).toEqual({ cities: server.address, other: server.address });
    await server.host.stop('cities');
    expect(await bench.names()).toEqual({ other: server.address });
    await server.host.start('cities');
    await server.host.rename('cities', 'towns');
    expect(Object.keys(await bench.names())).toEqual(['other', 'towns']);
    await server.host.stop('other');
    await server.host.delete('other');
    await server.close();
    expect(await bench.names()).toEqual({});
  });

  it('are taken once over all servers of a directory', async () => {
    const one = await bench.server();
    const two = await bench.server({ data: 'two' });
    await one.host.create('cities');
    await expect(two.host.create('cities')).rejects.toThrow(code('NAME_TAKEN'));
    await two.host.create('towns');
    await expect(two.host.rename('towns', 'cities')).rejects.toThrow(code('NAME_TAKEN'));
    expect(await two.host.status('towns')).toMatchObject({ online: true });
    await one.close();
    await two.host.rename('towns', 'cities');
    expect(await bench.names()).toEqual({ cities: two.address });
  });

  it('P11 keep a database whose name somebody else has now from coming up', async () => {
    const one = await bench.server();
    await one.host.create('cities');
    await one.host.put('cities', 'a', '1');
    await one.close();
    const two = await bench.server({ data: 'two' });
    await two.host.create('cities');
    const back = await bench.server();
    const status = await back.host.status('cities');
    expect(status).toMatchObject({ online: false, state: 'failed' });
    expect(status.reason).toContain('FENCED');
    await expect(back.host.put('cities', 'a', '2')).rejects.toThrow(code('DATABASE_OFFLINE'));
    expect(await bench.names()).toEqual({ cities: two.address });
  });

  it('do not keep a database down when the directory cannot be written, and are entered later', async () => {
    const first = await bench.server();
    await first.host.create('cities');
    await first.close();
    await env.disk.replaceFile(bench.directory, new TextEncoder().encode('{ half a'));
    const { address, host } = await bench.server();
    expect(await host.status('cities')).toMatchObject({ online: true });
    expect(await collect(host.jobLog('cities'))).toContainEqual(
      expect.objectContaining({ event: 'directory', level: 'warning' }),
    );
    await expect(host.create('other')).rejects.toThrow(code('DIRECTORY_INVALID'));
    await env.disk.replaceFile(bench.directory, new TextEncoder().encode('{}'));
    await eventually(
      () => bench.names(),
      (names) => names['cities'] === address,
    );
  });

  describe('P11 of a database that another one has taken over, which is down now', () => {
    const dead = 'http://127.0.0.1:9';

    beforeEach(async () => {
      const server = await bench.server();
      await server.host.create('cities');
      await server.host.put('cities', 'a', '1');
      await server.close();
      const directory = new FileDirectory({ env, path: bench.directory });
      const other = 'f'.repeat(32);
      await directory.register('cities', dead, other, () => Promise.resolve(false));
      await directory.close();
    });

    it('are not taken back by a server that starts, only by a person', async () => {
      const { host } = await bench.server();
      const status = await host.status('cities');
      expect(status).toMatchObject({ online: false, state: 'failed' });
      expect(status.reason).toContain('FENCED');
      expect(await bench.names()).toEqual({ cities: dead });
      expect(await host.start('cities')).toMatchObject({ online: true });
    });

    it('keep it from being written to without a server, and let it be read', async () => {
      const host = await bench.host({ directory: bench.directory });
      await expect(host.put('cities', 'a', '2')).rejects.toThrow(code('FENCED'));
      expect(await host.get('cities', 'a')).toBe('1');
    });

    it('are inherited by one that is made under the name without a server', async () => {
      const data = join(bench.folder, 'other');
      const host = await bench.host({ dataFolder: data, directory: bench.directory });
      await host.create('cities');
      await host.close();
      const { host: served } = await bench.server({ data: 'other' });
      expect(await served.status('cities')).toMatchObject({ online: true });
      const { host: before } = await bench.server();
      expect((await before.status('cities')).reason).toContain('FENCED');
    });
  });

  describe('P11 that are taken over', () => {
    /** What a takeover writes that found the first server dead, as one that hangs is. */
    async function takeOver(): Promise<string> {
      const two = await bench.server({ data: 'two' });
      await two.host.create('towns');
      const { instance } = await two.host.status('towns');
      const directory = new FileDirectory({ env, path: bench.directory });
      await two.host.stop('towns');
      const at = (name: string): string => join(bench.folder, 'two', name);
      await env.disk.rename(at('towns'), at('cities'));
      await directory.register('cities', two.address, instance, () => Promise.resolve(false));
      await directory.close();
      expect(await two.host.start('cities')).toMatchObject({ online: true });
      return two.address;
    }

    const isDown = ({ state }: { state: string }): boolean => state === 'failed';

    it('take the database before offline', async () => {
      const one = await bench.server();
      await one.host.create('cities');
      const address = await takeOver();
      const status = await eventually(() => one.host.status('cities'), isDown);
      expect(status).toMatchObject({ online: false });
      expect(status.reason).toContain('NAME_TAKEN');
      expect(await bench.names()).toEqual({ cities: address });
    });

    it('take it offline also where nobody is told that the file has changed, as on another machine', async () => {
      const watch = (): Promise<() => Promise<void>> =>
        Promise.resolve(() => Promise.resolve(undefined));
      const disk = { ...env.disk, watch };
      const one = await bench.server({ env: { ...env, disk } });
      await one.host.create('cities');
      await takeOver();
      const status = await eventually(() => one.host.status('cities'), isDown);
      expect(status.reason).toContain('NAME_TAKEN');
    });
  });
});

describe('closing', () => {
  it('ends the streams and waits for the commits that are under way', async () => {
    const server = await bench.server();
    await server.host.create('cities');
    const following = ask(server, 'GET', '/v1/databases/cities/job-log?follow=true').catch(
      (error: unknown) => error,
    );
    const commits = Array.from({ length: 20 }, (_, at) => server.host.put('cities', `${at}`, 'x'));
    const done = await Promise.allSettled([...commits, server.close()]);
    expect(done.map(({ status }) => status)).toEqual(done.map(() => 'fulfilled'));
    await following;
    const { host } = await bench.server();
    await eventually(
      () => host.status('cities'),
      ({ online }) => online,
    );
    expect(await collect(host.exportEntries('cities'))).toHaveLength(20);
  });
});

describe('a server that is closed in the middle of work', () => {
  /** Set before the work itself begins. */
  const isAtWork = (server: HostServer, name: string) =>
    eventually(
      () => server.host.status(name),
      ({ online, reason }) => !online && reason === 'it is being worked on at this moment',
    );

  it('leaves no database open that a reset was about to bring up', async () => {
    const server = await bench.server();
    await server.host.create('cities');
    const other = await bench.server({ data: 'other' });
    await other.host.replicate('cities-replica', { master: 'cities' });
    const reset = other.host.reset('cities-replica');
    // On a quick disk it may be over before it is seen at work.
    await Promise.race([isAtWork(other, 'cities-replica'), reset]);
    await Promise.all([other.close(), reset]);
    const again = await bench.server({ data: 'other' });
    expect(await again.host.status('cities-replica')).toMatchObject({
      state: 'open',
      type: 'normal',
    });
  });

  it.each([1, 2, 3, 4])(
    'nor while it makes sure of its name (reading %i of the directory)',
    async (at) => {
      const server = await bench.server();
      await server.host.create('cities');
      let readings = Number.NEGATIVE_INFINITY;
      const closings: Promise<void>[] = [];
      const disk = Object.assign(Object.create(env.disk) as typeof env.disk, {
        readFileIfPresent: (path: string) => {
          if (path === bench.directory && (readings += 1) === at) closings.push(other.close());
          return env.disk.readFileIfPresent(path);
        },
      });
      const other = await bench.server({ data: 'other', env: { ...env, disk } });
      await other.host.replicate('cities-replica', { master: 'cities' });
      await other.host.stop('cities-replica');
      readings = 0;
      await other.host.reset('cities-replica');
      await Promise.all([...closings, other.close()]);
      const again = await bench.server({ data: 'other' });
      expect(await again.host.status('cities-replica')).toMatchObject({
        state: 'open',
        type: 'normal',
      });
    },
  );

  it('ends what works on databases that are not online', async () => {
    const server = await bench.server();
    await server.host.create('cities');
    const value = 'v'.repeat(1_000_000);
    for (let at = 0; at < 20; at += 1) await server.host.put('cities', `${at}`, value);
    await server.host.stop('cities');
    let isOver = false;
    const closings: Promise<void>[] = [];
    const hash = server.host
      .hash('cities', { verify: true }, () => {
        closings.push(server.close());
      })
      .then(
        () => 'done',
        (error: unknown) => (error as { code?: string }).code,
      )
      .finally(() => (isOver = true));
    await eventually(
      () => Promise.resolve(closings.length),
      (count) => count > 0,
    );
    await Promise.all(closings);
    expect(isOver).toBe(true);
    expect(['done', 'DATABASE_OFFLINE']).toContain(await hash);
  });

  it('breaks a restore off, and nothing of it stays', async () => {
    const server = await bench.server();
    await server.host.create('cities');
    const value = 'v'.repeat(1_000_000);
    for (let at = 0; at < 20; at += 1) await server.host.put('cities', `${at}`, value);
    await server.host.backup('cities');
    const other = await bench.server({ data: 'other' });
    const closings: Promise<void>[] = [];
    const created = other.host.create('copy', { fromBackup: 'pamina://cities' }, () => {
      closings.push(other.close());
    });
    await expect(created).rejects.toEqual(code('DATABASE_OFFLINE'));
    await Promise.all(closings);
    const left = await env.disk.list(join(bench.folder, 'other'));
    expect(left.map(({ name }) => name)).toEqual([]);
  });
});
