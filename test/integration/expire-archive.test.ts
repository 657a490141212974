// An archive in object storage expires while the storage misbehaves: what stays is recovered elsewhere.
import { join } from 'node:path';
import { nodeEnv } from '@pamina/env';
import { Host } from '@pamina/server';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeS3, fakeKeys, type Fault } from '../../packages/archive/test/fake-s3.js';

const env = nodeEnv();
const environment = {
  AWS_ACCESS_KEY_ID: fakeKeys.accessKeyId,
  AWS_SECRET_ACCESS_KEY: fakeKeys.secretAccessKey,
};
const unavailable: Fault = { kind: 'status', status: 503, code: 'SlowDown' };

let folder: string;
let storage: FakeS3;
let address: string;

beforeEach(async () => {
  folder = await env.disk.temporaryFolder('pamina-expire-');
  storage = new FakeS3();
  address = `s3://bucket/pamina?endpoint=${await storage.listen()}`;
});
afterEach(async () => {
  await storage.close();
  await env.disk.removeTree(folder);
});

async function contentOf(host: Host, name: string): Promise<string[]> {
  const entries: string[] = [];
  for await (const { key, value } of host.exportEntries(name)) entries.push(`${key}=${value}`);
  return entries;
}

/** Five backups, the newest one kept; each of them archived. */
async function archived(host: Host): Promise<string[]> {
  const ids: string[] = [];
  await host.create('cities');
  await host.addArchive('cities', 'cloud', { address });
  await host.set('cities', 'backupGenerations', '5');
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    await host.put('cities', key, 'x'.repeat(1000));
    ids.push((await host.backup('cities')).id);
  }
  await host.put('cities', 'f', '1');
  await host.runArchive('cities', undefined);
  await host.set('cities', 'backupGenerations', '1');
  await host.expire('cities');
  await host.runArchive('cities', undefined);
  return ids;
}

const keysOf = (id: string): string[] =>
  [...storage.objects.keys()].filter((key) => key.includes(`/backups/${id}/`));

it.each([
  ['heeds conditions', 'heeded'],
  ['ignores conditions', 'ignored'],
] as const)(
  'P8 P10 storage that %s and answers late, or not at all, loses nothing that stays',
  async (_what, conditions) => {
    storage.conditions = conditions;
    const host = await Host.open({ env, environment, dataFolder: join(folder, 'data') });
    try {
      const ids = await archived(host);
      const newest = String(ids.at(-1));
      const told = await host.expire('cities', { from: 'cloud' });
      expect(told.removed).toEqual([]);
      expect(told.decisions.filter(({ isDue }) => isDue)).toHaveLength(4);
      await host.set('cities', 'archiveKeepHours', '0');
      // The first answer to each removal is lost after, or refused before, it was carried out.
      const asked = new Set<string>();
      storage.fault = (method, key) => {
        if (method !== 'DELETE' || asked.has(key)) return null;
        asked.add(key);
        return asked.size % 2 === 0 ? unavailable : { kind: 'no-answer' };
      };
      const log = [...storage.objects.keys()].filter((key) => key.includes('/log/')).length;
      const done = await host.expire('cities', { from: address });
      expect([...done.removed].sort()).toEqual(ids.slice(0, -1));
      expect(asked.size).toBeGreaterThan(8);
      for (const id of ids.slice(0, -1)) expect(keysOf(id)).toEqual([]);
      expect(keysOf(newest).length).toBeGreaterThan(1);
      const left = [...storage.objects.keys()].filter((key) => key.includes('/log/'));
      expect(left.length).toBeLessThan(log);
      const request = { from: address, deep: true };
      expect((await host.verify('cities', request)).verdict).toBe('verified');
      await host.runArchive('cities', undefined);
      expect([...storage.objects.keys()].filter((key) => key.includes('/log/')).length).toBe(
        left.length + 1,
      );
      const content = await contentOf(host, 'cities');
      const other = await Host.open({ env, environment, dataFolder: join(folder, 'other') });
      try {
        await other.restore('cities', { from: address });
        expect(await contentOf(other, 'cities')).toEqual(content);
      } finally {
        await other.close();
      }
    } finally {
      await host.close();
    }
  },
);
