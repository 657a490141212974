// A replica and a master that says whatever the test wants: what comes when it must not, or at once.
import type { AddressInfo } from 'node:net';
import { type HttpListener } from '@pamina/env';
import { wireMessageBytesMax } from '@pamina/format';
import { encodeChannelMessage, encodeSegmentBytes } from '@pamina/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FollowerRunner } from '../src/follower-runner.js';
import { env, jobLines, Pair, until, write } from './pair.js';

let pair: Pair;
let listener: HttpListener;
beforeEach(async () => {
  pair = await Pair.create();
  await write(pair.master, 5);
  listener = env.network.createHttpServer();
});
afterEach(async () => {
  await pair.close();
  await listener.close();
});

/** A replica of a master that says hello by these frames and nothing more. */
async function follow(...frames: Uint8Array[]) {
  const database = await pair.replica('copy');
  listener.onUpgrade((_request, accept) => {
    const channel = accept({ messageBytesMax: wireMessageBytesMax });
    for (const frame of frames) channel.send(frame);
    channel.onMessage(() => undefined);
  });
  await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
  const { port } = listener.server.address() as AddressInfo;
  const runner: FollowerRunner = pair.runner(database, () => `http://127.0.0.1:${port}`);
  runner.start();
  return { database, runner };
}

function news() {
  const { timeline, timelineId, seq, chain, time } = pair.master.durable();
  const point = { timeline, timelineId, seq, chain, time };
  return { point, time, replicationDelayMs: 0 };
}

const welcome = () =>
  encodeChannelMessage({
    type: 'welcome',
    protocol: 1,
    instance: pair.master.identity.instance,
    name: 'orders',
    timelines: pair.master.timelines,
    lockData: false,
    ...news(),
  });

async function chunk(bytes: number): Promise<Uint8Array> {
  const [segment] = pair.master.log.segments();
  if (segment === undefined) throw new Error('the log is empty');
  return encodeSegmentBytes({
    name: segment.name,
    segment: await pair.master.log.header(segment),
    offset: 0,
    bytes: new Uint8Array(bytes),
    endsSegment: true,
    lastSeq: segment.firstSeq,
  });
}

describe('a replica', () => {
  it('P14 whose master sends log before it was welcomed ends the connection, not the process', async () => {
    const { database, runner } = await follow(await chunk(100));
    await until('refused', () => runner.status().code === 'MESSAGE_INVALID');
    expect(runner.status().state).toBe('disconnected');
    expect(database.durable().seq).toBe(0);
  });

  it('P16 takes the welcome before the heartbeat that came right behind it', async () => {
    const heartbeat = encodeChannelMessage({ type: 'heartbeat', logBytes: 100, ...news() });
    const { database, runner } = await follow(welcome(), heartbeat);
    await until('followed', () => runner.status().lag.received.bytes === 100);
    expect(runner.status().state).toBe('catching-up');
    const lines = await jobLines(database);
    expect(lines.filter((line) => line.startsWith('Disconnected'))).toEqual([]);
  });

  it('P13 takes no frames that are empty: no credit bounds their number', async () => {
    const { runner } = await follow(welcome(), await chunk(0));
    await until('refused', () => runner.status().reason === 'the master sent an empty frame');
  });
});
