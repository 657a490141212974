// The simulated clock passes the contract, and what a host's clock does wrong is seen where it should be.

import { expect, test } from 'vitest';
import { clockContract } from '../../../env/test/clock-contract.js';
import { createWorld } from '../../src/world/world.js';
import { pump } from './pump.js';

const world = createWorld({ seed: 'clock' });
const { env } = world.host('a');
pump(world);
clockContract('simulated', () => env.clock);

test('a jump of the wall clock moves now and neither the monotonic clock nor a timer', async () => {
  const world = createWorld({ seed: 'jump' });
  const host = world.host('a');
  const { clock } = host.env;
  const [wall, monotonic] = [clock.now(), clock.monotonic()];
  let ran = 0;
  clock.after(100, () => (ran += 1));
  host.clock.jump(-3_600_000);
  await world.settle(99);
  expect(ran).toBe(0);
  expect(clock.now()).toBe(wall - 3_600_000 + 99);
  await world.settle(1);
  expect(ran).toBe(1);
  expect(clock.monotonic()).toBe(monotonic + 100);
});

test('a drifting clock gains, from then on', async () => {
  const world = createWorld({ seed: 'drift' });
  const host = world.host('a');
  const wall = host.env.clock.now();
  await world.settle(1_000);
  host.clock.drift(1.01);
  await world.settle(1_000);
  expect(host.env.clock.now()).toBe(wall + 2_010);
});

test('timers of equal time run in the order in which they were set', async () => {
  const world = createWorld({ seed: 'order' });
  const { clock } = world.host('a').env;
  const order: number[] = [];
  for (let index = 0; index < 20; index += 1) clock.after(5, () => order.push(index));
  await world.settle(5);
  expect(order).toEqual(Array.from({ length: 20 }, (_, index) => index));
});

test('no timer, no next tick and no wait of a dead process comes back', async () => {
  const world = createWorld({ seed: 'dead' });
  const host = world.host('a');
  const { clock, disk } = host.env;
  const heard: string[] = [];
  clock.after(5, () => heard.push('timer'));
  clock.soon(() => heard.push('soon'));
  void clock.sleep(5).then(() => heard.push('sleep'));
  void disk.stat('/').then(() => heard.push('stat'));
  host.kill();
  clock.after(5, () => heard.push('timer of the dead'));
  void disk.stat('/').then(() => heard.push('stat of the dead'));
  await world.settle(1_000);
  expect(heard).toEqual([]);
});

test('a new host is a machine of its own, however often its name is wanted', () => {
  const world = createWorld({ seed: 1 });
  const hosts = [world.host('aside'), world.newHost('aside'), world.newHost('aside')];
  expect(hosts.map(({ name }) => name)).toEqual(['aside', 'aside-2', 'aside-3']);
  expect(world.host('aside-2')).toBe(hosts[1]);
});
