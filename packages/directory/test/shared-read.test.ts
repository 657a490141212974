// Reads that many ask for at the same time.

import { nodeEnv } from '@pamina/env';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileDirectory } from '../src/file-directory.js';
import { SharedRead } from '../src/shared-read.js';

describe('a shared read', () => {
  it('is one for all who ask while another is under way, and begins behind that', async () => {
    const begun: ((value: number) => void)[] = [];
    const shared = new SharedRead(() => new Promise<number>((resolve) => begun.push(resolve)));
    const first = shared.run();
    const others = [shared.run(), shared.run(), shared.run()];
    expect(begun).toHaveLength(1);
    begun[0]?.(1);
    expect(await first).toBe(1);
    await Promise.resolve();
    expect(begun).toHaveLength(2);
    begun[1]?.(2);
    expect(await Promise.all(others)).toEqual([2, 2, 2]);
    expect(shared.isIdle).toBe(true);
  });

  it('fails for those who share it, and not for those behind', async () => {
    let attempts = 0;
    const shared = new SharedRead(() => {
      attempts += 1;
      return attempts === 1 ? Promise.reject(new Error('gone')) : Promise.resolve(attempts);
    });
    const [first, second] = [shared.run(), shared.run()];
    await expect(first).rejects.toThrow('gone');
    expect(await second).toBe(2);
  });
});

it('P13 a thousand connections that resolve at each change read the file a few times', async () => {
  const env = nodeEnv();
  const folder = await env.disk.temporaryFolder('pamina-directory-');
  let reads = 0;
  const disk: typeof env.disk = Object.create(env.disk, {
    readFileIfPresent: {
      value: (path: string) => {
        reads += 1;
        return env.disk.readFileIfPresent(path);
      },
    },
  }) as typeof env.disk;
  const directory = new FileDirectory({
    env: { ...env, disk },
    path: join(folder, 'directory.json'),
  });
  await directory.register('orders', 'http://127.0.0.1:1', 'a', () => Promise.resolve(false));
  const connections = Array.from({ length: 1000 }, () => {
    let tell: () => void;
    const told = new Promise<void>((resolve) => (tell = resolve));
    directory.onChange(() => void directory.resolve('orders').then(() => tell()));
    return told;
  });
  await Promise.all(connections);
  expect(reads).toBeLessThan(20);
  await directory.close();
  await env.disk.removeTree(folder);
});
