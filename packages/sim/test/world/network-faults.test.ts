// What goes wrong between hosts of the simulated network, and what each side hears of it.

import { once } from 'node:events';
import { expect, test } from 'vitest';
import type { Channel, CloseReason, ConnectOptions } from '@pamina/env';
import type { Host } from '../../src/world/host.js';
import { createWorld } from '../../src/world/world.js';
import type { World } from '../../src/world/world.js';
import { bytes, seeds, textOf } from './text.js';

const options: ConnectOptions = { messageBytesMax: 1_000_000 };

interface Side {
  readonly channel: Channel;
  readonly heard: string[];
  closed: CloseReason | null;
}

interface Scene {
  readonly world: World;
  readonly a: Host;
  readonly b: Host;
  readonly near: Side;
  readonly far: Side;
}

function sideOf(channel: Channel): Side {
  const side: Side = { channel, heard: [], closed: null };
  channel.onMessage((message) => side.heard.push(textOf(message) as string));
  channel.onClose((reason) => (side.closed = reason));
  return side;
}

async function listen(host: Host, given: ConnectOptions = options): Promise<Side[]> {
  const sides: Side[] = [];
  const listener = host.env.network.createHttpServer();
  listener.onUpgrade((_request, accept) => sides.push(sideOf(accept(given))));
  listener.server.listen(7_000);
  await once(listener.server, 'listening');
  return sides;
}

/** A channel from host a to host b. */
async function scene(seed: string, given: ConnectOptions = options): Promise<Scene> {
  const world = createWorld({ seed });
  const [a, b] = [world.host('a'), world.host('b')];
  const accepted = await world.finish(listen(b, given));
  const near = sideOf(await world.finish(a.env.network.connect('ws://b:7000/', given)));
  const [far] = accepted;
  if (far === undefined) throw new Error('the channel was not accepted');
  return { world, a, b, near, far };
}

test('loss, reordering and doubling make messages late and never out of order or twice', async () => {
  for (const seed of seeds(10)) {
    const { world, near, far } = await scene(seed);
    Object.assign(world.network.links.defaults, { loss: 0.2, reorder: 0.3, duplicate: 0.3 });
    const sent = Array.from({ length: 100 }, (_, index) => String(index));
    for (const text of sent) {
      near.channel.send(bytes(text));
      await world.settle(0.2);
    }
    await world.run(() => far.heard.length >= 100, 60_000);
    await world.settle(10_000);
    expect(far.heard).toEqual(sent);
  }
});

test('a partition holds everything up, and what was on the way comes when it heals', async () => {
  const { world, near, far } = await scene('partition');
  world.network.links.partition('a', 'b');
  near.channel.send(bytes('1'));
  far.channel.send(bytes('2'));
  await world.settle(5_000);
  expect([near.heard, far.heard]).toEqual([[], []]);
  world.network.links.heal();
  await world.settle(100);
  expect([near.heard, far.heard]).toEqual([['2'], ['1']]);
  expect([near.closed, far.closed]).toEqual([null, null]);
});

test('a partition in one direction stops only that', async () => {
  const { world, near, far } = await scene('one way');
  world.network.links.block('a', 'b');
  near.channel.send(bytes('1'));
  far.channel.send(bytes('2'));
  await world.settle(1_000);
  expect([near.heard, far.heard]).toEqual([['2'], []]);
});

test('a long partition ends the connection on the side that has something to send', async () => {
  const { world, near, far } = await scene('long');
  world.network.links.partition('a', 'b');
  near.channel.send(bytes('1'));
  await world.settle(120_000);
  expect(near.closed).toMatchObject({ code: 1006 });
  expect(far.closed).toBeNull();
  world.network.links.heal();
  far.channel.send(bytes('2'));
  await world.settle(1_000);
  expect(far.closed).toMatchObject({ code: 1006 });
});

test('the peer of a killed process hears of it at once, after what was sent', async () => {
  const { world, b, near, far } = await scene('kill');
  far.channel.send(bytes('last words'));
  b.kill();
  await world.settle(100);
  expect(near.heard).toEqual(['last words']);
  expect(near.closed).toMatchObject({ code: 1006 });
  expect(far.closed).toBeNull();
});

test('the peer of a machine without power hears nothing, until heartbeats tell or it is up again', async () => {
  const silent = await scene('silent', { ...options, heartbeatMs: 1_000 });
  silent.b.powerCut();
  await silent.world.settle(2_500);
  expect(silent.near.closed).toBeNull();
  await silent.world.settle(2_000);
  expect(silent.near.closed).toEqual({ code: 1006, message: 'the peer was silent for 3000 ms' });

  const { world, b, near } = await scene('half-open');
  b.powerCut();
  near.channel.send(bytes('into the void'));
  await world.settle(5_000);
  expect(near.closed).toBeNull();
  b.start();
  await world.settle(100);
  expect(near.closed).toMatchObject({ code: 1006 });
});

test('heartbeats keep a quiet connection open', async () => {
  const { world, near, far } = await scene('quiet', { ...options, heartbeatMs: 1_000 });
  await world.settle(20_000);
  expect([near.closed, far.closed]).toEqual([null, null]);
});

test('a forgotten connection carries nothing more, and a new one works', async () => {
  const { world, a, near, far } = await scene('forgotten');
  world.network.forget('a', 'b');
  near.channel.send(bytes('1'));
  far.channel.send(bytes('2'));
  await world.settle(5_000);
  expect([near.heard, far.heard, near.closed, far.closed]).toEqual([[], [], null, null]);
  const fresh = await world.finish(a.env.network.connect('ws://b:7000/', options));
  expect(fresh.bufferedBytes).toBe(0);
  world.network.reset('a', 'b');
  await world.settle(100);
  expect(near.closed).toMatchObject({ code: 1006 });
  expect(far.closed).toMatchObject({ code: 1006 });
});

test('connecting fails at once where nobody listens, and after its time where nothing answers', async () => {
  const world = createWorld({ seed: 'connect' });
  const [a, b] = [world.host('a'), world.host('b')];
  const connecting = (): Promise<Channel> =>
    a.env.network.connect('ws://b:7000/', { ...options, timeoutMs: 3_000 });
  const failed = { code: 'CONNECT_FAILED' };
  await expect(world.finish(connecting())).rejects.toMatchObject(failed);
  expect(world.nowMs).toBeLessThan(100);
  await expect(world.finish(a.env.network.connect('ws://nowhere/', options))).rejects.toMatchObject(
    failed,
  );
  b.powerCut();
  const start = world.nowMs;
  await expect(world.finish(connecting())).rejects.toMatchObject(failed);
  expect(world.nowMs - start).toBeCloseTo(3_000, 0);
});

test('a handshake that was lost is tried again', async () => {
  const world = createWorld({ seed: 'again' });
  const [a, b] = [world.host('a'), world.host('b')];
  await world.finish(listen(b));
  world.network.links.block('a', 'b');
  world.at(1_500, () => world.network.links.unblock('a', 'b'));
  const channel = await world.finish(a.env.network.connect('ws://b:7000/', options));
  expect(world.nowMs).toBeGreaterThan(1_500);
  expect(channel.bufferedBytes).toBe(0);
});

test('requests go between hosts, and break when the answering process dies', async () => {
  const world = createWorld({ seed: 'http' });
  const [a, b] = [world.host('a'), world.host('b')];
  const listener = b.env.network.createHttpServer();
  listener.server.on('request', (request, response) => {
    response.write('begun');
    if (request.url === '/whole') response.end(`, ${request.socket.remoteAddress}`);
  });
  listener.server.listen(7_000);
  const whole = await world.finish(a.env.network.request('http://b:7000/whole'));
  expect(textOf(await world.finish(whole.bytes(100)))).toBe('begun, 10.0.0.1');
  const broken = await world.finish(a.env.network.request('http://b:7000/'));
  const reading = broken.bytes(100);
  b.kill();
  await expect(world.finish(reading)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
});
