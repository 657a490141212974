// The host on a data folder without a server: what an administrator does with offline databases.

import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { collect, each, env, Workbench } from './workbench.js';

let bench: Workbench;
let host: Host;

beforeEach(async () => {
  bench = await Workbench.open();
  host = await bench.host();
});
afterEach(() => bench.close());

const code = (expected: string) => expect.objectContaining({ code: expected });
const matching = (pattern: RegExp) => expect.stringMatching(pattern) as string;

describe('data of an offline database', () => {
  beforeEach(() => host.create('cities'));

  it('is written and read', async () => {
    expect(await host.put('cities', 'a', 'Älteste Stadt')).toMatchObject({
      position: matching(/^1\/\d+$/),
    });
    expect(await host.get('cities', 'a')).toBe('Älteste Stadt');
    await host.batch('cities', [
      { type: 'put', key: 'b', value: '2' },
      { type: 'del', key: 'a' },
    ]);
    await expect(host.get('cities', 'a')).rejects.toThrow(code('KEY_NOT_FOUND'));
    expect(await collect(host.exportEntries('cities'))).toEqual([{ key: 'b', value: '2' }]);
  });

  it('is imported in many commits, in order', async () => {
    const entries = Array.from({ length: 3_500 }, (_, at) => ({
      key: `${at % 3000}`,
      value: `${at}`,
    }));
    const seen: number[] = [];
    const report = await host.importEntries('cities', each(entries), ({ done }) => seen.push(done));
    expect(report).toMatchObject({ entries: 3_500 });
    expect(seen).toEqual([1_000, 2_000, 3_000]);
    expect(await host.get('cities', '499')).toBe('3499');
    expect((await host.status('cities')).position).toBe(report.position);
    expect(await collect(host.exportEntries('cities'))).toHaveLength(3_000);
  });

  it('is refused when it is none', async () => {
    await expect(host.put('cities', '', 'x')).rejects.toThrow(code('REQUEST_INVALID'));
    await expect(host.batch('cities', [{ type: 'put', key: 'a' }])).rejects.toThrow(
      code('REQUEST_INVALID'),
    );
    await expect(host.put('nowhere', 'a', 'x')).rejects.toThrow(code('DATABASE_NOT_FOUND'));
    await expect(host.put('../x', 'a', 'x')).rejects.toThrow(code('NAME_INVALID'));
  });

  it('an import that fails keeps what was committed before, and says what failed', async () => {
    async function* broken() {
      yield* each(Array.from({ length: 2_500 }, (_, at) => ({ key: `${at}`, value: '' })));
      throw new Error('the file ends here');
    }
    await expect(host.importEntries('cities', broken())).rejects.toThrow('the file ends here');
    expect(await collect(host.exportEntries('cities'))).toHaveLength(2_000);
  });
});

describe('the life of a database', () => {
  it('begins once', async () => {
    expect(await host.create('cities')).toMatchObject({
      type: 'normal',
      online: false,
      state: 'offline',
      backups: { count: 0 },
    });
    await expect(host.create('cities')).rejects.toThrow(code('DATABASE_EXISTS'));
    expect(await host.list()).toMatchObject([{ name: 'cities', type: 'normal', online: false }]);
  });

  it('needs a server to be online', async () => {
    await host.create('cities');
    await expect(host.start('cities')).rejects.toThrow(code('SERVER_NOT_RUNNING'));
    await expect(host.stop('cities')).rejects.toThrow(code('SERVER_NOT_RUNNING'));
    await expect(host.start('nowhere')).rejects.toThrow(code('DATABASE_NOT_FOUND'));
  });

  it('goes on under another name', async () => {
    await host.create('cities');
    await host.put('cities', 'a', '1');
    await host.create('taken');
    await expect(host.rename('cities', 'taken')).rejects.toThrow(code('DATABASE_EXISTS'));
    await expect(host.rename('cities', '../x')).rejects.toThrow(code('NAME_INVALID'));
    const before = await host.status('cities');
    const after = await host.rename('cities', 'towns');
    expect(after).toMatchObject({ name: 'towns', instance: before.instance });
    expect(await host.get('towns', 'a')).toBe('1');
    await expect(host.status('cities')).rejects.toThrow(code('DATABASE_NOT_FOUND'));
    expect(await collect(host.jobLog('towns'))).toContainEqual(
      expect.objectContaining({ event: 'renamed', message: 'cities is now called towns.' }),
    );
  });

  it('P9 ends as announced, with its backups kept if asked', async () => {
    await host.create('cities');
    await host.put('cities', 'a', '1');
    const taken = await host.backup('cities', { tag: 'last' });
    const dry = await host.delete('cities', { keepBackups: true, dryRun: true });
    expect(dry.removed).toContain(join('cities', 'control.json'));
    expect(dry.kept).toEqual([join('cities', 'backups')]);
    expect(await host.get('cities', 'a')).toBe('1');
    const { kept, removed } = await host.delete('cities', { keepBackups: true });
    expect(removed).toEqual(dry.removed);
    expect(await host.list()).toEqual([]);
    const path = join(bench.data, ...kept, taken.id);
    const [left] = await host.backups('cities');
    expect(left).toMatchObject({ id: taken.id, tag: 'last', problem: null, folder: path });
    await expect(host.backups('citie')).rejects.toThrow(code('DATABASE_NOT_FOUND'));
    expect(await host.create('again', { fromBackup: path })).toMatchObject({ type: 'unassigned' });
  });
});

describe('expiry', () => {
  it('P10 says what would go and why each other one stays, and then does exactly that', async () => {
    await host.create('cities');
    const full: string[] = [];
    for (const round of ['1', '2', '3']) {
      await host.put('cities', 'a', round);
      full.push((await host.backup('cities')).id);
    }
    await host.backup('cities', { incremental: true, tag: 'pinned' });
    await host.set('cities', 'backupGenerations', '1');
    const before = await host.backups('cities');
    expect(before.map(({ isDue }) => isDue)).toEqual([false, false, true, true, false]);
    const dry = await host.expire('cities', { dryRun: true });
    expect(dry.removed).toEqual([full[1], full[0]]);
    expect(dry.freedBytes).toBeGreaterThan(0);
    expect(await host.backups('cities')).toEqual(before);
    expect(dry.decisions.map(({ reasons }) => reasons)).toEqual(
      before.map(({ reasons }) => reasons),
    );
    const done = await host.expire('cities');
    expect(done).toEqual({ ...dry, dryRun: false, logBytes: expect.any(Number) as number });
    const left = await host.backups('cities');
    expect(left.map(({ kind }) => kind)).toEqual(['incremental', 'full', 'initial']);
  });

  it('with backupNoDelete removes nothing, of the backups and of the log, and says what would go', async () => {
    await host.create('cities');
    await host.set('cities', 'backupNoDelete', 'true');
    await host.set('cities', 'backupGenerations', '1');
    for (const round of ['1', '2', '3']) {
      await host.put('cities', 'a', round);
      await host.backup('cities');
    }
    const report = await host.expire('cities');
    expect(report).toMatchObject({ removed: [], freedBytes: 0 });
    expect(report.decisions.filter(({ isDue }) => isDue)).toHaveLength(2);
    const [first] = await collect(host.log('cities', { limit: 1 }));
    expect(first?.seq).toBe(1);
    await host.set('cities', 'backupNoDelete', 'false');
    expect((await host.expire('cities')).removed).toHaveLength(2);
  });
});

describe('a database from a backup', () => {
  let backupPath: string;

  beforeEach(async () => {
    await host.create('cities');
    await host.put('cities', 'a', '1');
    const { id } = await host.backup('cities');
    backupPath = join(bench.data, 'cities', 'backups', id);
  });

  it('is unassigned: read, not written, until it is told what it is', async () => {
    const status = await host.create('copy', { fromBackup: backupPath });
    expect(status).toMatchObject({
      type: 'unassigned',
      state: 'offline',
      pattern: matching(/^[0-9a-f]{32}$/),
    });
    expect(status.reason).toMatch(/neither normal nor a replica/);
    expect(await host.get('copy', 'a')).toBe('1');
    await expect(host.put('copy', 'b', '2')).rejects.toThrow(code('DATABASE_TYPE'));
    await expect(host.reset('copy')).rejects.toThrow(code('DATABASE_TYPE'));
  });

  it('is refused from what is no backup, and leaves nothing', async () => {
    const sources: [string, string][] = [
      [join(bench.data, 'nowhere'), 'BACKUP_NOT_FOUND'],
      ['ftp://h/x', 'ADDRESS_INVALID'],
      ['http://127.0.0.1:1/else', 'ADDRESS_INVALID'],
      ['http://127.0.0.1:1/v1/databases/a/backups/b', 'CONNECT_FAILED'],
      ['pamina://nobody', 'NAME_NOT_FOUND'],
    ];
    for (const [fromBackup, expected] of sources) {
      await expect(host.create('copy', { fromBackup }), fromBackup).rejects.toThrow(code(expected));
    }
    const names = (await env.disk.list(bench.data)).map(({ name }) => name);
    expect(names.filter((name) => name.includes('copy'))).toEqual([]);
  });

  it('lists its backups newest first, the initial one and what is damaged included', async () => {
    await host.put('cities', 'b', '2');
    const newest = await host.backup('cities', { tag: 'second' });
    await env.disk.remove(join(backupPath, 'manifest'));
    const backups = await host.backups('cities');
    expect(backups[0]).toEqual({
      ...newest,
      reasons: ['its tag second', 'generation 1 of 3'],
      isDue: false,
    });
    expect(backups.map(({ kind, problem }) => [kind, problem === null])).toEqual([
      ['full', true],
      ['initial', true],
      ['full', false],
    ]);
  });
});

describe('properties', () => {
  beforeEach(() => host.create('cities'));

  it('are set and shown', async () => {
    expect(await host.set('cities', 'replicationDelayMs', '0')).toMatchObject({
      replicationDelayMs: 0,
      backupGenerations: 3,
      backupForm: 'logical',
      readOnly: false,
      simultaneousQuery: false,
    });
    expect(await host.set('cities', 'backupGenerations', '7')).toMatchObject({
      replicationDelayMs: 0,
      backupGenerations: 7,
    });
    await host.set('cities', 'readOnly', 'true');
    await expect(host.put('cities', 'a', '1')).rejects.toThrow(code('READ_ONLY'));
    await host.set('cities', 'readOnly', 'false');
    await host.put('cities', 'a', '1');
    expect(await host.status('cities')).toMatchObject({
      readOnly: false,
      settings: { replicationDelayMs: 0, backupGenerations: 7 },
    });
  });

  it('are refused when they are none', async () => {
    const bad = [
      ['replicationDelayMs', '-1'],
      ['replicationDelayMs', '1.5'],
      ['replicationDelayMs', '86400001'],
      ['replicationDelayMs', ''],
      ['backupGenerations', '0'],
      ['backupGenerations', '1e2'],
      ['readOnly', 'yes'],
      ['__proto__', '1'],
      ['toString', '1'],
    ] as const;
    for (const [property, value] of bad) {
      await expect(host.set('cities', property, value), property).rejects.toThrow(
        code('PROPERTY_INVALID'),
      );
    }
    await expect(host.set('cities', 'simultaneousQuery', 'true')).rejects.toThrow(
      code('DATABASE_TYPE'),
    );
  });

  it('P10 keep at least two generations when replicas are permitted', async () => {
    await host.set('cities', 'backupGenerations', '1');
    await host.set('cities', 'backupGenerations', '3');
    await host.allow('cities', 'follower');
    await expect(host.set('cities', 'backupGenerations', '1')).rejects.toThrow(/at least 2/);
  });
});

describe('permitted replicas', () => {
  it('are named ahead, shown, and denied again', async () => {
    await host.create('cities');
    await host.allow('cities', 'b-replica', { simultaneousQuery: true });
    await host.allow('cities', 'a-replica');
    expect(await host.replicas('cities')).toMatchObject([
      { name: 'a-replica', permitted: true, state: 'permitted', connected: false, received: null },
      { name: 'b-replica', simultaneousQuery: true, lag: { applied: { records: null } } },
    ]);
    await host.deny('cities', 'a-replica');
    expect(await host.replicas('cities')).toMatchObject([{ name: 'b-replica' }]);
    await expect(host.deny('cities', 'a-replica')).rejects.toThrow(code('NAME_NOT_FOUND'));
    await expect(host.allow('cities', 'cities')).rejects.toThrow(code('REQUEST_INVALID'));
    await expect(host.allow('cities', 'no name')).rejects.toThrow(code('NAME_INVALID'));
  });
});

describe('faults of one database', () => {
  it('P9 are in its status and its line of the list, and leave the others alone', async () => {
    await host.create('good');
    await host.create('bad');
    await host.put('bad', 'a', '1');
    const control = join(bench.data, 'bad', 'control.json');
    const bytes = await env.disk.readFile(control);
    await env.disk.replaceFile(control, bytes.subarray(0, 30));
    expect(await host.list()).toMatchObject([
      { name: 'bad', state: 'failed' },
      { name: 'good', state: 'offline' },
    ]);
    await expect(host.status('bad')).rejects.toThrow(code('CONTROL_INVALID'));
    await env.disk.replaceFile(control, bytes);
    await env.disk.removeTree(join(bench.data, 'bad', 'store'));
    expect(await host.status('bad')).toMatchObject({
      state: 'failed',
      online: false,
      type: 'normal',
      position: null,
      message: matching(/./),
    });
    await host.put('good', 'a', '1');
  });
});

it('of two who delete or rename one database at once, one hears that it is not there', async () => {
  await host.create('cities');
  const deleted = await Promise.allSettled([host.delete('cities'), host.delete('cities')]);
  const oneOfTwo = [{ status: 'fulfilled' }, { reason: code('DATABASE_NOT_FOUND') }];
  expect(byStatus(deleted)).toMatchObject(oneOfTwo);
  await host.create('cities');
  const renamed = await Promise.allSettled([
    host.rename('cities', 'towns'),
    host.rename('cities', 'places'),
  ]);
  expect(byStatus(renamed)).toMatchObject(oneOfTwo);
});

/** Which of two that run at once comes first is left open. */
function byStatus<T>(results: PromiseSettledResult<T>[]): PromiseSettledResult<T>[] {
  return results.sort((a, b) => a.status.localeCompare(b.status));
}
