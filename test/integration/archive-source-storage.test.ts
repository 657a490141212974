// A replica that follows object storage which spoils and cuts what it delivers; and what it asks of it while
// nothing comes.
import { join } from 'node:path';
import { nodeEnv } from '@pamina/env';
import { serve, type PaminaServer } from '@pamina/server';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeS3, fakeKeys, type Fault } from '../../packages/archive/test/fake-s3.js';

const env = nodeEnv();
const environment = {
  AWS_ACCESS_KEY_ID: fakeKeys.accessKeyId,
  AWS_SECRET_ACCESS_KEY: fakeKeys.secretAccessKey,
};
const deadline = { timeout: 60_000, interval: 50 };

let folder: string;
let storage: FakeS3;
let address: string;
let master: PaminaServer;
let copy: PaminaServer;

beforeEach(async () => {
  folder = await env.disk.temporaryFolder('pamina-storage-');
  storage = new FakeS3();
  address = `s3://bucket/pamina?endpoint=${await storage.listen()}`;
  master = await serverOf('main');
  await master.host.create('cities');
  await master.host.addArchive('cities', 'cloud', { address });
  await put('first');
  await master.host.backup('cities');
  await master.host.runArchive('cities', undefined);
});
afterEach(async () => {
  storage.fault = () => null;
  await copy.close();
  await master.close();
  await storage.close();
  await env.disk.removeTree(folder);
});

/** Each with a directory of its own: they do not know each other. */
function serverOf(name: string): Promise<PaminaServer> {
  return serve({
    env,
    environment,
    dataFolder: join(folder, name),
    directory: join(folder, `${name}.json`),
    listen: '127.0.0.1:0',
  });
}

async function put(key: string): Promise<string> {
  return (await master.host.put('cities', key, 'x'.repeat(20_000))).position;
}

async function followed(): Promise<void> {
  copy = await serverOf('copy');
  await copy.host.replicate('copy', { master: 'cities', fromArchive: address });
  await copy.host.set('copy', 'sourceArchiveAfterMs', '0');
  await copy.host.set('copy', 'sourceArchivePollMs', '100');
  await level();
}

async function level(): Promise<void> {
  const { position } = await master.host.status('cities');
  await expect.poll(async () => (await copy.host.status('copy')).applied, deadline).toBe(position);
}

it('P5 P16 spoiled and cut answers of the storage cost time, and nothing else', async () => {
  await followed();
  for (let at = 0; at < 40; at += 1) await put(`city-${at}`);
  await master.host.runArchive('cities', undefined);
  const spoiled: Fault['kind'][] = [];
  for (let round = 1; round <= 3; round += 1) {
    let left = 5;
    storage.fault = (method, key) => {
      if (method !== 'GET' || !key.includes('/log/') || left === 0) return null;
      left -= 1;
      const fault: Fault = left % 2 === 0 ? { kind: 'flip' } : { kind: 'cut', bytes: 700 };
      spoiled.push(fault.kind);
      return fault;
    };
    for (let at = 0; at < 10; at += 1) await put(`more-${round}-${at}`);
    await master.host.runArchive('cities', undefined);
    await level();
    expect(spoiled.length).toBe(5 * round);
  }
  expect(new Set(spoiled)).toEqual(new Set(['flip', 'cut']));
  const [here, there] = [await master.host.hash('cities'), await copy.host.hash('copy')];
  expect(there.stateHash).toBe(here.stateHash);
});

it('P13 an idle look at object storage is one small read', async () => {
  await followed();
  await expect.poll(async () => (await copy.host.status('copy')).state, deadline).toBe('waiting');
  const from = storage.requests.length;
  await expect.poll(() => storage.requests.length - from, deadline).toBeGreaterThan(20);
  const asked = storage.requests.slice(from);
  const others = asked.filter((request) => !/^GET .*announced$/.test(request));
  // A look that began before, and the heartbeat of the master that has become idle.
  expect(others.length, others.join()).toBeLessThanOrEqual(4);
  expect(others.every((request) => !/\.(?:seg|part)$/.test(request))).toBe(true);
});

it('P9 credentials that are refused are said, without them, and the replica goes on when they are right', async () => {
  await followed();
  storage.fault = (method) =>
    method === 'GET' ? { kind: 'status', status: 403, code: 'AccessDenied' } : null;
  await expect
    .poll(async () => (await copy.host.status('copy')).reason, deadline)
    .toMatch(/bucket|storage/);
  const status = await copy.host.status('copy');
  expect(status.state).toBe('disconnected');
  expect(JSON.stringify(status)).not.toContain(fakeKeys.secretAccessKey);
  storage.fault = () => null;
  await put('later');
  await master.host.runArchive('cities', undefined);
  await level();
});
