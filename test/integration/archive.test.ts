// The lost machine: a database brought back from its archive alone, from a folder, from an encrypted one and
// from object storage, to its last record and to moments before.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeEnv } from '@pamina/env';
import { Host, serve } from '@pamina/server';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import S3rver from 's3rver';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const env = nodeEnv();
const environment = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };

let folder: string;
let storage: S3rver;
let endpoint: string;
let count = 0;

beforeAll(async () => {
  const directory = await env.disk.temporaryFolder('pamina-storage-');
  storage = new S3rver({
    port: 0,
    address: '127.0.0.1',
    silent: true,
    directory,
    configureBuckets: [{ name: 'bucket', configs: [] }],
  });
  endpoint = `http://127.0.0.1:${(await storage.run()).port}`;
});
afterAll(() => storage.close());
beforeEach(async () => {
  folder = await env.disk.temporaryFolder('pamina-archive-');
  count += 1;
});
afterEach(() => env.disk.removeTree(folder));

interface Place {
  readonly address: string;
  readonly recipients?: readonly string[];
  readonly identityFile?: string;
}

const inFolder = (): Promise<Place> => Promise.resolve({ address: join(folder, 'archive') });
const inStorage = (): Promise<Place> =>
  Promise.resolve({ address: `s3://bucket/run-${count}?endpoint=${endpoint}` });
async function encrypted(): Promise<Place> {
  const identity = await generateX25519Identity();
  const identityFile = join(folder, 'key.txt');
  await writeFile(identityFile, identity);
  const recipients = [await identityToRecipient(identity)];
  return { address: join(folder, 'archive'), recipients, identityFile };
}

async function contentOf(host: Host, name: string): Promise<string[]> {
  const entries: string[] = [];
  for await (const { key, value } of host.exportEntries(name)) entries.push(`${key}=${value}`);
  return entries;
}

describe.each([
  ['a folder', inFolder],
  ['an encrypted folder', encrypted],
  ['object storage', inStorage],
])('from %s', (_kind, makePlace) => {
  it('P1 P3 comes back with every record that was archived, and at a position before', async () => {
    const place = await makePlace();
    const server = await serve({
      env,
      environment,
      dataFolder: join(folder, 'data'),
      listen: '127.0.0.1:0',
    });
    const { host } = server;
    await host.create('cities');
    await host.addArchive('cities', 'main', place);
    await host.put('cities', 'a', '1');
    await host.backup('cities');
    const before = await host.put('cities', 'b', '2');
    await host.runArchive('cities', undefined);
    const { position: last } = await host.put('cities', 'c', '3');
    await host.del('cities', 'a');
    const [archive] = await host.runArchive('cities', undefined);
    expect(archive).toMatchObject({ problem: null, behindBytes: 0, backups: 1 });
    const content = await contentOf(host, 'cities');
    const { stateHash } = await host.hash('cities');
    await server.close();
    await rm(join(folder, 'data'), { recursive: true });

    const other = await Host.open({ env, environment, dataFolder: join(folder, 'other') });
    try {
      const from = { from: place.address, identityFile: place.identityFile };
      const plan = await other.restore('cities', { ...from, dryRun: true });
      expect(plan.log.length).toBeGreaterThan(0);
      const report = await other.restore('cities', from);
      expect(report.stateHash).toBe(stateHash);
      expect(await contentOf(other, 'cities')).toEqual(content);
      const untilPosition = before.position;
      await other.restore('cities', { ...from, as: 'cities-before', untilPosition });
      expect(await contentOf(other, 'cities-before')).toEqual(['a=1', 'b=2']);
      await other.restore('cities', { ...from, as: 'cities-last', untilPosition: last });
      expect(await contentOf(other, 'cities-last')).toEqual(['a=1', 'b=2', 'c=3']);
    } finally {
      await other.close();
    }
  });
});

describe('what an archive proves', () => {
  it('P9 a time behind the last record is reached only if the archive says that nothing came', async () => {
    const { address } = await inFolder();
    const server = await serve({ env, dataFolder: join(folder, 'data'), listen: '127.0.0.1:0' });
    const { host } = server;
    await host.create('cities');
    await host.addArchive('cities', 'main', { address });
    await host.put('cities', 'a', '1');
    await host.backup('cities');
    await host.put('cities', 'b', '2');
    const written = env.clock.now();
    await expect.poll(() => env.clock.now() > written + 5).toBe(true);
    await host.runArchive('cities', undefined);
    await expect
      .poll(async () => (await host.archives('cities'))[0]?.state, { timeout: 20_000 })
      .toBe('idle');
    const until = env.clock.now() + 60_000;
    await server.close();
    const other = await Host.open({ env, dataFolder: join(folder, 'other') });
    try {
      const last = (await other.restore('cities', { from: address, dryRun: true })).time;
      const restored = await other.restore('cities', { from: address, untilTime: last + 1 });
      expect(await contentOf(other, 'cities')).toEqual(['a=1', 'b=2']);
      expect(restored.time).toBe(last);
      await expect(
        other.restore('cities', { from: address, as: 'later', untilTime: until }),
      ).rejects.toMatchObject({ code: 'POSITION_UNREACHABLE' });
    } finally {
      await other.close();
    }
  });

  it('says what it has instead of what it was asked for', async () => {
    const { address } = await inFolder();
    const host = await Host.open({ env, dataFolder: join(folder, 'data') });
    await host.create('cities');
    await host.put('cities', 'a', '1');
    await host.addArchive('cities', 'main', { address });
    await host.runArchive('cities', undefined);
    await host.close();
    const other = await Host.open({ env, dataFolder: join(folder, 'other') });
    await expect(other.restore('towns', { from: address })).rejects.toThrow('it has cities');
    await other.close();
  });
});
