// The faults that a simulated disk has: failing and lying operations, damage, a full disk.

import { expect, test } from 'vitest';
import { createWorld } from '../../src/world/world.js';
import { bytes, seeds, textOf } from './text.js';

test('an armed fault hits the operation that fits, after those that are skipped, as often as told', async () => {
  const world = createWorld({ seed: 'armed' });
  const host = world.host('a');
  const { disk } = host.env;
  host.disk.failNext({ operation: 'write', path: 'second' }, 'EIO', { skip: 1, times: 2 });
  await world.finish(disk.appendFile('/data/first', bytes('1'), { sync: false }));
  await world.finish(disk.appendFile('/data/second', bytes('1'), { sync: false }));
  for (let time = 0; time < 2; time += 1) {
    const appending = disk.appendFile('/data/second', bytes('2'), { sync: false });
    await expect(world.finish(appending)).rejects.toMatchObject({
      code: 'DISK_ERROR',
      context: { operation: 'append to', path: '/data/second' },
    });
  }
  await world.finish(disk.appendFile('/data/second', bytes('3'), { sync: false }));
  host.disk.failNext({ operation: 'rename' }, 'EACCES');
  await expect(world.finish(disk.rename('/data/first', '/data/third'))).rejects.toMatchObject({
    code: 'ACCESS_DENIED',
  });
});

test('a failed write leaves any part of its bytes', async () => {
  const found = new Set<number>();
  for (const seed of seeds(30)) {
    const world = createWorld({ seed });
    const host = world.host('a');
    host.disk.settings.rates.writeError = 1;
    const writing = host.env.disk.appendFile('/data/file', bytes('abc'), { sync: false });
    await expect(world.finish(writing)).rejects.toMatchObject({ code: 'DISK_ERROR' });
    const left = textOf(host.disk.cachedBytes('/data/file')) ?? '';
    expect('abc'.startsWith(left)).toBe(true);
    found.add(left.length);
  }
  expect(found).toEqual(new Set([0, 1, 2, 3]));
});

test('P7 after a failed sync the cache shows bytes as clean that never reach the disk', async () => {
  let lost = 0;
  for (const seed of seeds(20)) {
    const world = createWorld({ seed });
    const host = world.host('a');
    const { disk } = host.env;
    const file = await world.finish(disk.open('/data/file', 'create'));
    await world.finish(disk.syncFolder('/data'));
    await world.finish(file.write(bytes('doubtful'), 0));
    host.disk.failNext({ operation: 'sync' }, 'lost');
    await expect(world.finish(file.datasync())).rejects.toMatchObject({ code: 'DISK_ERROR' });
    expect(textOf(await world.finish(disk.readFile('/data/file')))).toBe('doubtful');
    await world.finish(file.datasync());
    expect(textOf(await world.finish(disk.readFile('/data/file')))).toBe('doubtful');
    if (textOf(host.disk.durableBytes('/data/file')) !== 'doubtful') lost += 1;
    // Written again they count as dirty again.
    await world.finish(file.write(bytes('doubtful'), 0));
    await world.finish(file.datasync());
    host.powerCut();
    expect(textOf(host.disk.durableBytes('/data/file'))).toBe('doubtful');
  }
  expect(lost).toBe(20);
});

test('a lying disk says that it synced, and loses it all the same', async () => {
  const found = new Set<string | null>();
  for (const seed of seeds(30)) {
    const world = createWorld({ seed });
    const host = world.host('a');
    host.disk.settings.isLying = true;
    await world.finish(host.env.disk.createFile('/data/file', bytes('x')));
    host.powerCut();
    found.add(textOf(host.disk.durableBytes('/data/file')));
  }
  expect(found).toContain(null);
  expect(found).toContain('x');
});

test('a full disk takes what fits and says DISK_FULL; overwriting goes on, and relief helps', async () => {
  const world = createWorld({ seed: 'full' });
  const host = world.host('a');
  const { disk } = host.env;
  await world.finish(disk.createFile('/data/large', new Uint8Array(1_000)));
  host.disk.capacityBytes = host.disk.usedBytes + 4;
  expect(await world.finish(disk.freeBytes('/data'))).toBe(4);
  const file = await world.finish(disk.open('/data/file', 'create'));
  await expect(world.finish(file.write(bytes('abcdef'), 0))).rejects.toMatchObject({
    code: 'DISK_FULL',
  });
  expect(textOf(host.disk.cachedBytes('/data/file'))).toBe('abcd');
  await world.finish(file.write(bytes('wxyz'), 0));
  await expect(
    world.finish(disk.replaceFile('/data/large', new Uint8Array(10))),
  ).rejects.toMatchObject({ code: 'DISK_FULL' });
  expect(host.disk.cachedBytes('/data/large')).toHaveLength(1_000);
  expect(await world.finish(disk.freeBytes('/data'))).toBe(0);
  await world.finish(disk.remove('/data/large'));
  expect(await world.finish(disk.freeBytes('/data'))).toBe(1_000);
  await world.finish(file.write(bytes('abcdef'), 0));
  host.powerCut();
  host.start();
  expect(host.disk.usedBytes).toBeLessThanOrEqual(1_006);
});

test('a flipped bit is read, at once or after the cache is gone', async () => {
  const world = createWorld({ seed: 'flip' });
  const host = world.host('a');
  await world.finish(host.env.disk.createFile('/data/file', Uint8Array.of(0, 0)));
  host.disk.flipBit('/data/file', 0, { bit: 3 });
  host.disk.flipBit('/data/file', 1, { onlyMedium: true });
  expect(host.disk.cachedBytes('/data/file')).toEqual(Uint8Array.of(8, 0));
  host.kill();
  const alive = host.start();
  expect(await world.finish(alive.disk.readFile('/data/file'))).toEqual(Uint8Array.of(8, 0));
  host.powerCut();
  const again = host.start();
  expect(await world.finish(again.disk.readFile('/data/file'))).toEqual(Uint8Array.of(8, 1));
});

test('a process that dies lets go of its locks and its watches', async () => {
  const world = createWorld({ seed: 'locks' });
  const host = world.host('a');
  let heard = 0;
  await world.finish(host.env.disk.lockFile('/data/lock', { waitMs: 0 }));
  await world.finish(host.env.disk.watch('/data', () => (heard += 1)));
  host.kill();
  const { disk } = host.start();
  const release = await world.finish(disk.lockFile('/data/lock', { waitMs: 0 }));
  await world.finish(disk.createFile('/data/file', bytes('x')));
  await world.settle(1_000);
  expect(heard).toBe(0);
  await world.finish(release());
});
