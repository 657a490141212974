// Verification and rebuilding through the host and over HTTP, online and offline.

import type { VerifyReport } from '@pamina/wire';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { collect, each, env, Workbench } from './workbench.js';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

const entries = Array.from({ length: 300 }, (_, at) => ({
  key: `city-${at}`,
  value: `${Math.sin(at)}`.repeat(8),
}));

async function filled(host: Host): Promise<string> {
  await host.create('cities');
  await host.importEntries('cities', each(entries.slice(0, 200)));
  const { id } = await host.backup('cities', { tag: 'monday' });
  await host.importEntries('cities', each(entries.slice(200)));
  return id;
}

function verdicts({ checks }: VerifyReport): string[] {
  return checks.map(({ check, verdict }) => `${check} ${verdict}`);
}

/** Of the largest table; without one of the log of LevelDB. */
async function flipInStore(): Promise<void> {
  const store = join(bench.data, 'cities', 'store');
  const files = (await env.disk.list(store)).filter(({ name }) => /\.(ldb|log)$/.test(name));
  const [largest] = files.sort((a, b) => b.bytes - a.bytes);
  const path = join(store, largest?.name ?? '');
  const bytes = Buffer.from(await env.disk.readFile(path));
  const at = bytes.indexOf('city-150');
  // In the digits of the value, which are compressed further on.
  bytes.set([bytes.readUInt8(at + 14) ^ 1], at + 14);
  await env.disk.replaceFile(path, bytes);
}

describe.each(['offline', 'online'])('%s', (where) => {
  let host: Host;

  beforeEach(async () => {
    host = where === 'offline' ? await bench.host() : (await bench.server()).host;
  });

  it('P9 a sound database is verified in all its parts, deeper if that is asked for', async () => {
    await filled(host);
    const report = await host.verify('cities');
    expect(report.verdict).toBe('verified');
    expect(verdicts(report)).toEqual([
      'tables verified',
      'log verified',
      'files verified',
      'files verified',
      'chain verified',
      'chain verified',
    ]);
    const steps = new Set<string>();
    const deep = await host.verify('cities', { deep: true }, ({ step }) => steps.add(step));
    expect(deep.verdict).toBe('verified');
    expect(verdicts(deep).at(-1)).toBe('content verified');
    expect(deep.checks[2]?.rememberedAt).not.toBeNull();
    const again = await host.verify('cities', { again: true });
    expect(again.checks[2]?.rememberedAt).toBeNull();
    const events = await collect(host.jobLog('cities'));
    expect(events.filter(({ event }) => event === 'verified').length).toBe(3);
  });

  it('P9 one backup is verified by its id or its tag, to a position', async () => {
    const id = await filled(host);
    for (const backup of [id, 'monday']) {
      const report = await host.verify('cities', { backup, deep: true });
      expect(verdicts(report)).toEqual(['files verified', 'chain verified', 'restore verified']);
    }
    const beyond = await host.verify('cities', { backup: id, until: '1/99999' });
    expect(beyond.verdict).toBe('unverified');
    await expect(host.verify('cities', { backup: 'none' })).rejects.toMatchObject({
      code: 'BACKUP_NOT_FOUND',
    });
    await expect(host.verify('cities', { backup: id, until: '7/3' })).rejects.toMatchObject({
      code: 'POSITION_UNREACHABLE',
    });
  });

  it('P9 silent damage is found, and a rebuild mends it', async () => {
    await filled(host);
    if (where === 'offline') {
      await flipInStore();
      const files = await host.verify('cities');
      expect(files.verdict).toBe('damaged');
      expect(verdicts(files)[0]).toBe('tables damaged');
    } else {
      // Past the log: what LevelDB would do if it lost a key.
      await host.database('cities').store.level.del(Buffer.from('\u0002city-150'));
      expect((await host.verify('cities')).verdict).toBe('verified');
    }
    const deep = await host.verify('cities', { deep: true });
    expect(deep.checks.at(-1)).toMatchObject({ check: 'content', verdict: 'damaged' });
    const planned = await host.rebuild('cities', { dryRun: true });
    expect(planned).toMatchObject({ backup: 'initial', kept: [], entries: null });
    if (where !== 'offline') {
      await expect(host.rebuild('cities')).rejects.toMatchObject({
        code: 'DATABASE_ONLINE',
      });
    }
    const rebuilt = await host.rebuild('cities', { stop: true });
    expect(rebuilt.kept).toHaveLength(1);
    expect((await host.status('cities')).online).toBe(where !== 'offline');
    expect(await collect(host.exportEntries('cities'))).toHaveLength(300);
    const after = await host.verify('cities', { deep: true });
    expect(after.verdict, JSON.stringify(after)).toBe('verified');
    const removed = await host.rebuild('cities', { removeKept: true });
    expect(removed.removed).toEqual(rebuilt.kept);
  });
});

it('P9 a database that does not open is verified from its files, and rebuilt and started', async () => {
  const first = await bench.server();
  await filled(first.host);
  await first.close();
  await env.disk.removeTree(join(bench.data, 'cities', 'store'));
  const { host } = await bench.server();
  expect((await host.status('cities')).state).toBe('failed');
  const report = await host.verify('cities', { deep: true });
  expect(report.verdict).toBe('damaged');
  expect(verdicts(report)).toContain('log verified');
  await host.rebuild('cities');
  expect(await host.status('cities')).toMatchObject({ state: 'open', online: true });
  expect(await collect(host.exportEntries('cities'))).toHaveLength(300);
});

describe('an archive', () => {
  let address: string;

  beforeEach(async () => {
    address = join(bench.folder, 'archive');
    const server = await bench.server();
    await server.host.create('cities');
    await server.host.addArchive('cities', 'main', { address });
    for (const tag of ['monday', 'tuesday']) {
      await server.host.importEntries('cities', each(entries.slice(0, 100)));
      await server.host.put('cities', tag, tag);
      await server.host.backup('cities', { tag });
    }
    await server.host.put('cities', 'last', 'x');
    await server.host.runArchive('cities', undefined);
    await server.close();
  });

  it('P9 is verified alone, when the machine is lost, to the last record', async () => {
    const host = await bench.host({ dataFolder: join(bench.folder, 'another-machine') });
    const report = await host.verify('cities', { from: address, deep: true });
    expect(report.verdict, JSON.stringify(report)).toBe('verified');
    expect(verdicts(report)).toEqual([
      'files verified',
      'files verified',
      'log verified',
      'chain verified',
      'chain verified',
      'restore verified',
    ]);
    const one = await host.verify('cities', { from: address, backup: 'tuesday' });
    expect(verdicts(one)).toEqual(['files verified', 'log verified', 'chain verified']);
    const beyond = await host.verify('cities', { from: address, until: '1/99999' });
    expect(beyond.verdict).toBe('unverified');
    await expect(host.verify('others', { from: address })).rejects.toMatchObject({
      code: 'BACKUP_NOT_FOUND',
    });
    await expect(host.verify('cities', { from: bench.data })).rejects.toMatchObject({
      code: 'BACKUP_NOT_FOUND',
    });
  });

  it('P9 of which an object was changed or lost is not called good', async () => {
    const host = await bench.host();
    const objects = await objectsBelow(address);
    for (const [ending, check] of [
      ['.pbk', 'files'],
      ['.seg', 'log'],
    ] as const) {
      const path = objects.find((object) => object.endsWith(ending)) ?? '';
      const bytes = Buffer.from(await env.disk.readFile(path));
      const at = Math.floor(bytes.length / 2);
      bytes.set([bytes.readUInt8(at) ^ 1], at);
      const whole = await env.disk.readFile(path);
      await env.disk.replaceFile(path, bytes);
      const changed = await host.verify('cities', { from: address });
      expect(changed.verdict, path).toBe('damaged');
      expect(verdicts(changed)).toContain(`${check} damaged`);
      await env.disk.replaceFile(path, whole);
    }
    expect((await host.verify('cities', { from: address })).verdict).toBe('verified');
  });
});

async function objectsBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await env.disk.list(folder)) {
    const path = join(folder, entry.name);
    if (entry.isFolder) found.push(...(await objectsBelow(path)));
    else found.push(path);
  }
  return found;
}
