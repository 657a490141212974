// A run replays from its seed, in every event; that is what makes a failure of the simulation worth having.

import { once } from 'node:events';
import { brotliCompress, brotliDecompress } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Env } from '@pamina/env';
import type { World } from '../../src/world/world.js';
import { createWorld } from '../../src/world/world.js';
import { bytes } from './text.js';

/** Something of everything: disks, stores, channels, requests, timers, faults, deaths. */
async function busyRun(seed: string): Promise<World> {
  const world = createWorld({ seed });
  const [a, b] = [world.host('a'), world.host('b')];
  Object.assign(world.network.links.defaults, { loss: 0.05, reorder: 0.1, duplicate: 0.1 });
  a.disk.settings.rates.writeError = 0.01;
  const listener = b.env.network.createHttpServer();
  listener.server.on('request', (_request, response) => response.end('answer'));
  listener.onUpgrade((_request, accept) => {
    const channel = accept({ messageBytesMax: 1_000, heartbeatMs: 100 });
    channel.onMessage((message) => channel.send(message));
  });
  listener.server.listen(7_000);
  await world.finish(once(listener.server, 'listening'));
  const channel = await world.finish(
    a.env.network.connect('ws://b:7000/', { messageBytesMax: 1_000 }),
  );
  channel.onMessage(() => undefined);
  for (let life = 0; life < 4; life += 1) {
    const env = a.isRunning ? a.env : a.start();
    void write(env, life).catch((error: unknown) => a.clock.jump(String(error).length));
    void env.network
      .request('http://b:7000/')
      .then((response) => response.bytes(100))
      .catch((error: unknown) => a.clock.jump(String(error).length));
    channel.send(bytes(`life ${life}`));
    await world.settle(world.random.fork(`life ${life}`).between(5, 40));
    if (life % 2 === 0) a.powerCut();
    else a.kill();
  }
  return world;
}

async function write(env: Env, life: number): Promise<void> {
  const folder = `/data/store-${life}`;
  const level = await env.stores.open(folder, { create: true });
  for (let index = 0; index < 100; index += 1) {
    await level.put(Buffer.from(String(index)), Buffer.from(env.random.bytes(200)));
    await env.disk.appendFile('/data/log', bytes(`${env.clock.now()}\n`), {
      sync: index % 3 === 0,
    });
  }
}

test('two runs from one seed agree in every event, two seeds do not', async () => {
  const first = await busyRun('one');
  const second = await busyRun('one');
  const other = await busyRun('two');
  expect(first.trace.count).toBeGreaterThan(200);
  expect(second.trace.tail()).toEqual(first.trace.tail());
  expect(second.trace.count).toBe(first.trace.count);
  expect(second.trace.hash).toBe(first.trace.hash);
  expect(other.trace.hash).not.toBe(first.trace.hash);
});

test('a run is the same whatever ran before it in the process', async () => {
  const alone = (await busyRun('three')).trace.hash;
  await busyRun('four');
  await busyRun('five');
  expect((await busyRun('three')).trace.hash).toBe(alone);
});

test('what is compressed is there within the event that asked for it', async () => {
  const world = createWorld({ seed: 'zlib' });
  const { clock } = world.host('a').env;
  const text = 'words '.repeat(10_000);
  let packed = Buffer.alloc(0);
  let unpacked = '';
  let failure: Error | null = null;
  clock.after(1, () => brotliCompress(text, (_error, bytes) => (packed = bytes)));
  clock.after(2, () => {
    expect(packed.length).toBeGreaterThan(0);
    brotliDecompress(packed, (_error, bytes) => (unpacked = bytes.toString()));
    brotliDecompress(Buffer.from('no such thing'), (error) => (failure = error));
  });
  clock.after(3, () => {
    expect(unpacked).toBe(text);
    expect(failure).toBeInstanceOf(Error);
  });
  await world.settle(10);
  expect(unpacked).toBe(text);
});

test('an error that is thrown inside an event ends the run', async () => {
  const world = createWorld({ seed: 'throws' });
  world.host('a').env.clock.after(5, () => {
    throw new Error('as in an uncaught exception');
  });
  await expect(world.settle(10)).rejects.toThrow('as in an uncaught exception');
});

test('a wait that nothing can end is told, and one that takes too long', async () => {
  const world = createWorld({ seed: 'waits' });
  await expect(world.finish(new Promise(() => undefined), Infinity)).rejects.toThrow(
    'nothing is left',
  );
  const { clock } = world.host('a').env;
  await expect(world.finish(clock.sleep(1_000), 100)).rejects.toThrow('still waiting');
  expect(await world.run(() => false, 10)).toBe('time');
  expect(await world.run(() => true)).toBe('done');
});
