// The administration is one interface: what a host does in this process, a server does over HTTP, word
// for word, number for number, error for error.

import { RemoteAdministration } from '@pamina/client';
import { nodeEnv } from '@pamina/env';
import { isolationLevels } from '@pamina/format';
import { Host, type PaminaServer, serve } from '@pamina/server';
import type { Administration, Entry, QueryOptions } from '@pamina/wire';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const env = nodeEnv();
const token = 'a-token-for-this-test';
const code = (expected: string) => expect.objectContaining({ code: expected });

let folder: string;
let server: PaminaServer | null;
let administration: Administration;

async function openHost(): Promise<Administration> {
  server = null;
  return Host.open({ env, dataFolder: join(folder, 'data') });
}

async function openRemote(): Promise<Administration> {
  const dataFolder = join(folder, 'data');
  server = await serve({ env, dataFolder, listen: '127.0.0.1:0', token });
  return new RemoteAdministration({ env, address: server.address, token });
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* entries(count: number, valueLength = 10): AsyncIterable<Entry> {
  for (let at = 0; at < count; at += 1) {
    if (at % 100 === 0) await Promise.resolve();
    yield { key: `key-${String(at).padStart(6, '0')}`, value: 'v'.repeat(valueLength) };
  }
}

describe.each([
  ['a host', openHost],
  ['a server over HTTP', openRemote],
])('%s', (_name, open) => {
  beforeEach(async () => {
    folder = await env.disk.temporaryFolder('pamina-administration-');
    administration = await open();
    await administration.create('cities');
  });
  afterEach(async () => {
    await administration.close();
    await server?.close();
    await env.disk.removeTree(folder);
  });

  it('writes and reads any text', async () => {
    const key = 'K\u0000ey "€𝄞" \n';
    const value = `{"a": "\u2028 \\ ü"}${'x'.repeat(200_000)}`;
    const { position } = await administration.put('cities', key, value);
    expect(await administration.get('cities', key)).toBe(value);
    expect((await administration.status('cities')).position).toBe(position);
    await administration.batch('cities', [
      { type: 'del', key },
      { type: 'put', key: 'b', value: '' },
    ]);
    expect(await collect(administration.exportEntries('cities'))).toEqual([
      { key: 'b', value: '' },
    ]);
    await administration.del('cities', 'b');
    await expect(administration.get('cities', 'b')).rejects.toThrow(code('KEY_NOT_FOUND'));
  });

  it('P9 verifies a database and one of its backups, says what it cannot reach, and rebuilds', async () => {
    await administration.put('cities', 'a', '1');
    const { id } = await administration.backup('cities', { tag: 'monday' });
    const steps = new Set<string>();
    const whole = await administration.verify('cities', { deep: true, maxAgeMs: 0 }, ({ step }) =>
      steps.add(step),
    );
    expect(whole.verdict, JSON.stringify(whole)).toBe('verified');
    expect([...steps]).toEqual(expect.arrayContaining(['tables', 'compare']));
    const one = await administration.verify('cities', { backup: 'monday', until: '1/9999' });
    expect(one).toMatchObject({
      verdict: 'unverified',
      checks: [{ subject: id, verdict: 'verified' }, { code: 'POSITION_UNREACHABLE' }],
    });
    await expect(administration.verify('cities', { backup: 'none' })).rejects.toThrow(
      code('BACKUP_NOT_FOUND'),
    );
    const rebuilt = await administration.rebuild('cities', { stop: true });
    expect(rebuilt).toMatchObject({ backup: 'initial', entries: 1 });
    expect(await administration.get('cities', 'a')).toBe('1');
    expect(await administration.rebuild('cities', { removeKept: true })).toMatchObject({
      removed: rebuilt.kept,
    });
  });

  it('P12 reads a range in one transaction, within all the bounds that are given', async () => {
    const keys = ['a', 'b/1', 'b/2', 'b/3', 'c'];
    const puts = keys.map((key) => ({ type: 'put', key, value: key }) as const);
    await administration.batch('cities', puts);
    const cases: [QueryOptions, string[]][] = [
      [{}, keys],
      [{ prefix: 'b/' }, ['b/1', 'b/2', 'b/3']],
      [{ prefix: 'b/', gt: 'b/1', lte: 'c' }, ['b/2', 'b/3']],
      [{ gte: 'b/1', gt: 'b/1', lt: 'b/3', lte: 'b/3' }, ['b/2']],
      [{ gte: 'b/2', reverse: true, limit: 2 }, ['c', 'b/3']],
      [{ prefix: 'b/', gt: 'c' }, []],
    ];
    for (const isolation of isolationLevels) {
      for (const [range, found] of cases) {
        const entries = await collect(administration.query('cities', { ...range, isolation }));
        expect(entries, JSON.stringify(range)).toEqual(found.map((key) => ({ key, value: key })));
      }
    }
  });

  it('P13 imports and exports more than would fit between the two at once', async () => {
    const steps: number[] = [];
    const report = await administration.importEntries('cities', entries(20_000, 500), ({ done }) =>
      steps.push(done),
    );
    expect(report.entries).toBe(20_000);
    expect(steps).toEqual(steps.toSorted((a, b) => a - b));
    let count = 0;
    for await (const { key, value } of administration.exportEntries('cities')) {
      expect(value.length).toBe(500);
      expect(key).toBe(`key-${String(count).padStart(6, '0')}`);
      count += 1;
      // A reader that is slower than the other side now and then.
      if (count % 5_000 === 0) await env.clock.sleep(20);
    }
    expect(count).toBe(20_000);
  });

  it('refuses to apply, to pause and to reset what is no replica', async () => {
    const until = { untilPosition: '1/1' };
    for (const refused of [
      () => administration.apply('cities', until),
      () => administration.apply('cities', { untilTime: 0 }),
      () => administration.reset('cities', until),
      () => administration.set('cities', 'applyDelayMs', '1000'),
      () => administration.set('cities', 'applyPaused', 'true'),
    ]) {
      await expect(refused()).rejects.toThrow(code('DATABASE_TYPE'));
    }
    await expect(administration.apply('cities', {})).rejects.toThrow(code('REQUEST_INVALID'));
    expect((await administration.status('cities')).applying).toBeNull();
  });

  it('adds, runs, shows and removes an archive', async () => {
    const address = join(folder, 'archive');
    expect(await administration.archives('cities')).toEqual([]);
    const added = await administration.addArchive('cities', 'main', { address });
    expect(added).toMatchObject({ name: 'main', address, encrypted: false });
    await expect(administration.addArchive('cities', 'main', { address })).rejects.toThrow(
      code('ARCHIVE_EXISTS'),
    );
    await administration.put('cities', 'a', '1');
    const [ran] = await administration.runArchive('cities', undefined);
    expect(ran).toMatchObject({ name: 'main', problem: null, behindBytes: 0 });
    const { archives, durable } = await administration.status('cities');
    expect(archives).toMatchObject([{ name: 'main', archived: durable }]);
    await administration.removeArchive('cities', 'main');
    expect(await administration.archives('cities')).toEqual([]);
    await expect(administration.runArchive('cities', 'main')).rejects.toThrow(
      code('ARCHIVE_NOT_FOUND'),
    );
  });

  it('ends an export when its reader has enough', async () => {
    await administration.importEntries('cities', entries(5_000, 1_000));
    for await (const { key } of administration.exportEntries('cities')) {
      if (key === 'key-000010') break;
    }
    await administration.put('cities', 'after', '1');
  });

  it('P9 gives a failing source’s own error', async () => {
    async function* failing(): AsyncIterable<Entry> {
      yield* entries(30_000, 100);
      throw new RangeError('line 30001 of the file');
    }
    await expect(administration.importEntries('cities', failing())).rejects.toThrow(
      'line 30001 of the file',
    );
    await administration.put('cities', 'after', '1');
  });

  it('takes backups with progress, lists them, compares with them', async () => {
    await administration.importEntries('cities', entries(2_000, 1_000));
    const steps: string[] = [];
    const taken = await administration.backup('cities', { tag: 'one' }, ({ step }) =>
      steps.push(step),
    );
    expect(steps).toContain('backup');
    expect((await administration.backups('cities'))[0]).toEqual({
      ...taken,
      reasons: ['its tag one', 'generation 1 of 3'],
      isDue: false,
    });
    await expect(administration.backup('cities', { tag: 'one' })).rejects.toThrow(
      code('TAG_TAKEN'),
    );
    const report = await administration.hash('cities', { verify: true });
    expect(report).toMatchObject({
      stateHash: taken.stateHash,
      recovered: false,
      comparedWith: [{ with: 'recorded' }, { with: 'recovered' }],
      verified: true,
    });
    const at = taken.position as string;
    expect(await administration.hash('cities', { at })).toMatchObject({
      stateHash: taken.stateHash,
      recovered: true,
    });
    const ending = new AbortController();
    ending.abort(new Error('not wanted any more'));
    await expect(administration.backup('cities', {}, undefined, ending.signal)).rejects.toThrow(
      'not wanted any more',
    );
  });

  it('shows log and job log', async () => {
    await administration.put('cities', 'a', '1');
    await administration.allow('cities', 'follower', { simultaneousQuery: true });
    const lines = await collect(administration.log('cities', { from: 2, limit: 1 }));
    expect(lines).toMatchObject([
      { seq: 2, kind: 'commit', operations: [{ type: 'put', space: 'user', key: 'a' }] },
    ]);
    await expect(collect(administration.log('cities', { from: 9_999 }))).resolves.toEqual([]);
    const events = await collect(administration.jobLog('cities', { lines: 1_000 }));
    expect(events.map(({ event }) => event)).toContain('replica-permitted');
    const ending = new AbortController();
    const seen: string[] = [];
    for await (const { event } of administration.jobLog('cities', {
      lines: 1,
      follow: true,
      signal: ending.signal,
    })) {
      seen.push(event);
      if (seen.length === 1) await administration.deny('cities', 'follower');
      if (event === 'replica-denied') ending.abort();
    }
    expect(seen).toContain('replica-denied');
  });

  it('changes properties, names and existence', async () => {
    expect(await administration.set('cities', 'backupGenerations', '5')).toMatchObject({
      backupGenerations: 5,
    });
    await administration.allow('cities', 'follower');
    expect(await administration.replicas('cities')).toMatchObject([
      {
        name: 'follower',
        state: 'permitted',
        since: expect.any(Number) as number,
        reason: expect.stringMatching(/^(it has not connected yet|cities is offline)$/) as string,
      },
    ]);
    expect(await administration.rename('cities', 'towns')).toMatchObject({ name: 'towns' });
    expect(await administration.list()).toMatchObject([{ name: 'towns', type: 'normal' }]);
    if (server !== null) await administration.stop('towns');
    const dry = await administration.delete('towns', { dryRun: true });
    expect(await administration.delete('towns')).toEqual(dry);
    expect(await administration.list()).toEqual([]);
  });

  it('P9 refuses alike', async () => {
    const refusals: [() => Promise<unknown>, string][] = [
      [() => administration.create('cities'), 'DATABASE_EXISTS'],
      [() => administration.create('copy', { fromBackup: '/nowhere' }), 'BACKUP_NOT_FOUND'],
      [() => administration.create('copy', { fromBackup: 'pamina://nobody' }), 'NAME_NOT_FOUND'],
      [() => administration.status('nobody'), 'DATABASE_NOT_FOUND'],
      [() => administration.start('nobody'), 'DATABASE_NOT_FOUND'],
      [() => administration.reset('cities'), 'DATABASE_TYPE'],
      [() => administration.replicate('cities', { master: 'x' }), 'DATABASE_TYPE'],
      [() => administration.replicate('x', { master: 'x' }), 'REQUEST_INVALID'],
      [() => administration.rename('cities', 'no name'), 'NAME_INVALID'],
      [() => administration.deny('cities', 'stranger'), 'NAME_NOT_FOUND'],
      [() => administration.set('cities', 'colour', 'red'), 'PROPERTY_INVALID'],
      [() => administration.put('cities', '', 'x'), 'REQUEST_INVALID'],
      [() => administration.hash('cities', { at: 'x' }), 'POSITION_INVALID'],
      [() => administration.backup('cities', { tag: '/' }), 'TAG_INVALID'],
      [() => collect(administration.exportEntries('nobody')), 'DATABASE_NOT_FOUND'],
      [() => collect(administration.query('nobody')), 'DATABASE_NOT_FOUND'],
      [() => administration.transactions.begin('nobody'), 'DATABASE_NOT_FOUND'],
      [() => collect(administration.jobLog('nobody')), 'DATABASE_NOT_FOUND'],
    ];
    for (const [refusal, expected] of refusals) {
      await expect(refusal(), expected).rejects.toThrow(code(expected));
    }
  });
});

describe('over HTTP only', () => {
  beforeEach(async () => {
    folder = await env.disk.temporaryFolder('pamina-administration-');
    administration = await openRemote();
  });
  afterEach(async () => {
    await administration.close();
    await server?.close();
    await env.disk.removeTree(folder);
  });

  it('P9 an unreachable server, a wrong token and another program are told apart', async () => {
    const { address } = server as PaminaServer;
    const open = (options: { address: string; token?: string }) =>
      new RemoteAdministration({ env, ...options });
    await expect(open({ address, token: 'x'.repeat(20) }).list()).rejects.toThrow(
      code('UNAUTHORIZED'),
    );
    expect(await open({ address }).server()).toMatchObject({ product: 'pamina' });
    const listener = env.network.createHttpServer();
    listener.server.on('request', (_request, response) => response.end('<html>'));
    await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
    const { port } = listener.server.address() as { port: number };
    const stranger = open({ address: `http://127.0.0.1:${port}` });
    await expect(stranger.list()).rejects.toThrow(code('MESSAGE_INVALID'));
    await listener.close();
    await expect(stranger.list()).rejects.toThrow(code('CONNECT_FAILED'));
  });

  it('closing ends what is under way here and leaves the server alone', async () => {
    await administration.create('cities');
    const following = collect(administration.jobLog('cities', { follow: true }));
    const ended = expect(following).rejects.toThrow(code('ABORTED'));
    await administration.close();
    await ended;
    expect(await server?.host.status('cities')).toMatchObject({ online: true });
  });
});
