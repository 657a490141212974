// The simulated store has the holes of LevelDB, each of which the engine must live with (FACTS, hazards).

import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StoreLevel } from '@pamina/env';
import type { Host } from '../../src/world/host.js';
import { createWorld } from '../../src/world/world.js';
import type { World } from '../../src/world/world.js';
import { seeds } from './text.js';

const folder = '/data/store';

interface Scene {
  readonly world: World;
  readonly host: Host;
  readonly level: StoreLevel;
}

async function scene(seed: string): Promise<Scene> {
  const world = createWorld({ seed });
  const host = world.host('a');
  await world.finish(host.env.disk.makeFolder(folder));
  const level = await world.finish(host.env.stores.open(folder, { create: true }));
  return { world, host, level };
}

/** As a new store has to be made durable before it counts. */
async function synced({ world, host, level }: Scene): Promise<void> {
  await world.finish(level.put(key('first'), key('x'), { sync: true } as object));
  await world.finish(host.env.disk.syncFolder(folder));
}

function key(text: string | number): Buffer {
  return Buffer.from(String(text));
}

function reopened(world: World, host: Host): Promise<StoreLevel> {
  const env = host.isRunning ? host.env : host.start();
  return world.finish(env.stores.open(folder, { create: false }));
}

test('a new store that was not synced may not open after a power cut, a synced one always does', async () => {
  const found = new Set<string>();
  for (const seed of seeds(60)) {
    const a = await scene(seed);
    const isSynced = seed.endsWith('0');
    if (isSynced) await synced(a);
    a.host.powerCut();
    try {
      await reopened(a.world, a.host);
      found.add(isSynced ? 'synced: opens' : 'opens');
    } catch (error) {
      const { cause } = error as { cause: Error };
      found.add(isSynced ? 'synced: fails' : cause.message.replace(/: \/.*|Invalid.*: /, ''));
    }
  }
  expect(found).not.toContain('synced: fails');
  expect(found).toContain('opens');
  expect(found).toContain('Corruption: no meta-nextfile entry in descriptor');
});

test('a log that was not synced may lose its middle and says nothing; what comes later is there', async () => {
  let holes = 0;
  for (const seed of seeds(40)) {
    const a = await scene(seed);
    await synced(a);
    for (let index = 0; index < 150; index += 1) {
      await a.world.finish(a.level.put(key(index), Buffer.alloc(100, index)));
    }
    a.host.powerCut();
    const level = await reopened(a.world, a.host);
    const keys = Array.from({ length: 150 }, (_, index) => key(index));
    const left = await a.world.finish(level.hasMany(keys));
    expect(await a.world.finish(level.has(key('first')))).toBe(true);
    if (left.lastIndexOf(true) > left.indexOf(false)) holes += 1;
  }
  expect(holes).toBeGreaterThan(3);
});

test('a synced write that is the first of its log does not sync the log before', async () => {
  let lost = 0;
  for (const seed of seeds(40)) {
    const a = await scene(seed);
    await synced(a);
    const logs = (): string[] => a.host.disk.files(folder).filter((path) => path.endsWith('.log'));
    const [first = ''] = logs();
    for (let index = 0; (a.host.disk.cachedBytes(first)?.length ?? 0) < 24 * 1024; index += 1) {
      await a.world.finish(a.level.put(key(index), Buffer.alloc(1_000, index)));
    }
    await a.world.finish(a.level.put(key('last'), key('x'), { sync: true } as object));
    // The table of the first log may be there by now.
    if (logs().length === 1) continue;
    a.host.powerCut();
    const level = await reopened(a.world, a.host);
    if (!(await a.world.finish(level.has(key(10))))) lost += 1;
  }
  expect(lost).toBeGreaterThan(3);
});

test('what a reopened store holds is in a table, safe as soon as the folder is synced', async () => {
  for (const seed of seeds(10)) {
    const a = await scene(seed);
    await synced(a);
    for (let index = 0; index < 100; index += 1) {
      await a.world.finish(a.level.put(key(index % 40), Buffer.alloc(1_000, index)));
    }
    await a.world.settle(1_000);
    const logs = a.host.disk.files(folder).filter((path) => path.endsWith('.log'));
    expect(logs).toHaveLength(1);
    const level = a.level;
    await a.world.finish(level.close());
    await reopened(a.world, a.host);
    await a.world.finish(a.host.env.disk.syncFolder(folder));
    a.host.powerCut();
    const last = await reopened(a.world, a.host);
    for (let index = 60; index < 100; index += 1) {
      const value = await a.world.finish(last.get(key(index % 40)));
      expect(value?.equals(Buffer.alloc(1_000, index))).toBe(true);
    }
  }
});

test('a flipped bit in a log loses what its block holds, one in a table gives a wrong value: both in silence', async () => {
  const a = await scene('flip');
  await synced(a);
  for (let index = 0; index < 100; index += 1) {
    await a.world.finish(a.level.put(key(index), Buffer.alloc(100, index)));
  }
  const [log = ''] = a.host.disk.files(folder).filter((path) => path.endsWith('.log'));
  await a.world.finish(a.host.env.disk.open(log, 'read').then((file) => file.datasync()));
  a.host.disk.flipBit(log, 2_000);
  a.host.kill();
  const level = await reopened(a.world, a.host);
  const count = (await a.world.finish(level.keys().all())).length;
  expect(count).toBeLessThan(101);
  expect(count).toBeGreaterThan(40);
  expect(await a.world.finish(level.get(key(99)))).toEqual(Buffer.alloc(100, 99));
  await a.world.finish(level.close());

  const [table = ''] = a.host.disk.files(folder).filter((path) => path.endsWith('.ldb'));
  const bytes = Buffer.from(a.host.disk.cachedBytes(table) ?? '');
  a.host.disk.flipBit(table, bytes.indexOf(Buffer.alloc(100, 99)), { bit: 0 });
  const wrong = await reopened(a.world, a.host);
  expect((await a.world.finish(wrong.get(key(99))))?.[0]).toBe(98);
});

test('an error of the disk sticks until the store is opened again', async () => {
  const a = await scene('sticks');
  await synced(a);
  a.host.disk.failNext({ operation: 'write', path: join(folder, '') }, 'ENOSPC');
  const full = {
    code: 'LEVEL_IO_ERROR',
    message: expect.stringContaining('No space left') as string,
  };
  await expect(a.world.finish(a.level.put(key('a'), key('x')))).rejects.toMatchObject(full);
  await expect(a.world.finish(a.level.put(key('a'), key('x')))).rejects.toMatchObject(full);
  expect(await a.world.finish(a.level.get(key('first')))).toEqual(key('x'));
  await a.world.finish(a.level.close());
  const level = await reopened(a.world, a.host);
  await a.world.finish(level.put(key('a'), key('x')));
  expect(await a.world.finish(level.get(key('a')))).toEqual(key('x'));
});

test('a store is free again when its process is dead', async () => {
  const a = await scene('lock');
  await synced(a);
  await expect(reopened(a.world, a.host)).rejects.toMatchObject({
    cause: { code: 'LEVEL_LOCKED' },
  });
  a.host.kill();
  const level = await reopened(a.world, a.host);
  expect(await a.world.finish(level.get(key('first')))).toEqual(key('x'));
});
