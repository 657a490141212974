// Real databases, a real socket: who is refused, with which code, and what the feed holds and lets go.
import { currentTimeline, type ErrorCode, PaminaError } from '@pamina/format';
import { decodeFeedMessage, encodeChannelMessage, isBytesFrame } from '@pamina/wire';
import type { Channel } from '@pamina/env';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { helloOf } from './fixture.js';
import { env, isEven, jobLines, Pair, until, write } from './pair.js';

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.create();
  await write(pair.master, 50);
});
afterEach(() => pair.close());

async function connect(): Promise<Channel> {
  const address = pair.address.replace('http', 'ws');
  return env.network.connect(`${address}/feed`, { messageBytesMax: 2 ** 21 });
}

/** Sends frames and gives back the code of the refusal. */
async function refusalOf(...frames: Uint8Array[]): Promise<string> {
  const channel = await connect();
  let code = '';
  const closed = new Promise<void>((resolve) => channel.onClose(() => resolve()));
  channel.onMessage((frame) => {
    const message = isBytesFrame(frame) ? null : decodeFeedMessage(frame);
    if (message?.type === 'refuse') code = message.code;
  });
  for (const frame of frames) channel.send(frame);
  await closed;
  return code;
}

describe('feed', () => {
  it.each([
    ['pattern-mismatch', { pattern: 'ab'.repeat(16) }],
    ['pattern-mismatch', { pattern: null }],
  ] as const)(
    'P5 a replica of another history ends in %s and says what to do',
    async (state, change) => {
      const { database, runner } = await pair.follow('copy', change);
      await until(state, () => runner.status().state === state);
      expect(runner.status().message).toMatch(/Create (it|this replica) again/);
      expect(database.durable().seq).toBe(0);
      expect(
        (await jobLines(pair.master)).some((line) => line.startsWith('Replica copy was refused')),
      ).toBe(true);
    },
  );

  it('P5 a replica whose chain differs at its last record is diverged', async () => {
    await pair.master.permit('copy', { simultaneousQuery: false });
    const database = await pair.replica('copy');
    const { segment, point } = database.resumePoint();
    database.resumePoint = () => ({ segment, point: { ...point, chain: (point.chain ^ 1) >>> 0 } });
    const runner = pair.runner(database);
    runner.start();
    await until('diverged', () => runner.status().state === 'diverged');
    expect(runner.status().message).toContain('Create it again');
    expect(database.durable().seq).toBe(0);
  });

  it('a replica that is not permitted follows after it was permitted and started again', async () => {
    const database = await pair.replica('copy');
    const runner = pair.runner(database);
    runner.start();
    await until('not-permitted', () => runner.status().state === 'not-permitted');
    expect(runner.status().message).toContain('pamina allow');
    await pair.master.permit('copy', { simultaneousQuery: false });
    runner.start();
    await until('even', () => isEven(pair.master, database));
    await pair.master.system.deny('copy');
    await until('not-permitted again', () => runner.status().state === 'not-permitted');
  });

  it('P10 a log that was deleted under a replica is log-gone, not a gap; a pinned one stays', async () => {
    const { database, runner } = await pair.follow('copy');
    await until('even', () => isEven(pair.master, database));
    const position = database.durable().seq;
    await runner.stop();
    await pair.server.settle();
    await write(pair.master, 800);
    const { log } = pair.master;
    expect(log.segments().length).toBeGreaterThan(3);
    await log.deleteBefore(pair.master.durable().seq);
    expect(log.firstSeq).toBeGreaterThan(position + 1);
    runner.start();
    await until('log-gone', () => runner.status().state === 'log-gone');
    expect(database.durable().seq).toBe(position);
  });

  it('P10 a connected replica pins the log from its durable record; its reports are in the slots', async () => {
    const { database } = await pair.follow('copy');
    await until('even', () => isEven(pair.master, database));
    const seq = pair.master.durable().seq;
    await until('reported', () => pair.server.statuses.get('copy')?.report?.applied === seq);
    expect(pair.server.statuses.get('copy')).toMatchObject({ replica: 'copy', sentSeq: seq });
    const [slot] = pair.master.slots.list();
    expect(slot).toMatchObject({ name: 'copy', received: seq, durable: seq, applied: seq });
  });

  it('what a replica wants is entered beside its permission at connect', async () => {
    await pair.master.permit('copy', { simultaneousQuery: false });
    const database = await pair.replica('copy', { simultaneousQuery: true });
    pair.runner(database).start();
    await until('entered', async () =>
      (await pair.master.permitted()).some((one) => one.simultaneousQuery),
    );
    await until('announced', async () =>
      (await jobLines(database)).some((line) => line.endsWith('Simultaneous query permitted.')),
    );
  });

  it('P5 a replica that is ahead of a restored master is diverged', async () => {
    const { database, runner } = await pair.follow('copy');
    await until('even', () => isEven(pair.master, database));
    await runner.stop();
    const behind = await pair.replica('behind');
    await behind.updateControl({ name: 'orders' });
    // Permissions travel as data, which this copy has not replayed.
    behind.permitted = () =>
      Promise.resolve([{ name: 'copy', simultaneousQuery: false, since: 0 }]);
    const master = pair.master;
    pair.server.database = behind;
    runner.start();
    await until('diverged', () => runner.status().state === 'diverged');
    expect(runner.status().reason).toContain('ahead');
    pair.server.database = master;
  });

  it.each<[string, Uint8Array[], ErrorCode]>([
    ['noise', [Uint8Array.of(1, 2, 3, 4)], 'MESSAGE_INVALID'],
    [
      'a request without a hello',
      [encodeChannelMessage({ type: 'request', bytes: 1, wait: true })],
      'MESSAGE_INVALID',
    ],
    [
      'a hello for another database',
      [encodeChannelMessage(helloOf({ database: 'invoices' }))],
      'DATABASE_NOT_FOUND',
    ],
    [
      'a second hello',
      [encodeChannelMessage(helloOf()), encodeChannelMessage(helloOf())],
      'MESSAGE_INVALID',
    ],
  ])('P14 %s is refused with a code', async (_name, frames, code) => {
    expect(await refusalOf(...frames)).toBe(code);
    await pair.server.settle();
  });

  it('P13 a peer that never asks gets no log bytes; one that goes leaves nothing behind', async () => {
    await pair.master.permit('idle', { simultaneousQuery: false });
    const { pattern } = pair.master.identity;
    const channel = await connect();
    const seen: string[] = [];
    channel.onMessage((frame) =>
      seen.push(isBytesFrame(frame) ? 'bytes' : decodeFeedMessage(frame).type),
    );
    const base = pair.master.control.base;
    const { timelines } = pair.master;
    const point = { timeline: 1, timelineId: currentTimeline(timelines).id, ...base };
    channel.send(encodeChannelMessage(helloOf({ replica: 'idle', pattern, timelines, point })));
    await until('a heartbeat', () => seen.includes('heartbeat'));
    expect(seen[0]).toBe('welcome');
    expect(seen).not.toContain('bytes');
    channel.close(1000, '');
    await pair.server.settle();
    expect(pair.server.statuses.size).toBe(0);
  });

  it('P9 tells at the end who it was, why it ended and when it was heard of last', async () => {
    const before = Date.now();
    const { database, runner } = await pair.follow('copy');
    await until('even', () => isEven(pair.master, database));
    expect(pair.server.statuses.get('copy')?.since).toBeGreaterThanOrEqual(before);
    await runner.stop();
    await pair.server.settle();
    const [end] = pair.server.ends;
    expect(end).toMatchObject({ replica: 'copy', hasFollowed: true, code: null });
    expect(end?.message).toBe('it said goodbye');
    expect(end?.heardAt).toBeGreaterThanOrEqual(before);
    expect(end?.heardAt).toBeLessThanOrEqual(Date.now());
  });

  it('P9 tells of one that is permitted why it was refused', async () => {
    await pair.master.permit('stranger', { simultaneousQuery: false });
    const hello = helloOf({ replica: 'stranger', pattern: 'ab'.repeat(16) });
    expect(await refusalOf(encodeChannelMessage(hello))).toBe('PATTERN_MISMATCH');
    await pair.server.settle();
    expect(pair.server.ends).toMatchObject([
      { replica: 'stranger', hasFollowed: false, code: 'PATTERN_MISMATCH' },
    ]);
  });

  it('P13 tells nothing of names that are not permitted: nobody is made to remember them', async () => {
    const { pattern } = pair.master.identity;
    const hello = helloOf({ replica: 'nobody', pattern });
    expect(await refusalOf(encodeChannelMessage(hello))).toBe('NOT_PERMITTED');
    await pair.server.settle();
    expect(pair.server.ends).toEqual([]);
  });

  it('P16 a full disk on the replica is waited out, and nothing is lost', async () => {
    const { database, runner } = await pair.follow('copy');
    await until('even', () => isEven(pair.master, database));
    const receive = database.receive.bind(database);
    let failures = 0;
    database.receive = (chunk) => {
      if (failures++ > 2) return receive(chunk);
      return Promise.reject(new PaminaError('DISK_FULL', 'no space left'));
    };
    await write(pair.master, 50);
    await until('waits for space', () => runner.status().code === 'DISK_FULL' || failures > 2);
    await until('even', () => isEven(pair.master, database));
    expect(failures).toBeGreaterThan(2);
  });

  it('P4 bytes that do not fit stop replication with their code', async () => {
    const { database, runner } = await pair.follow('copy');
    await until('even', () => isEven(pair.master, database));
    const receive = database.receive.bind(database);
    database.receive = (chunk) => receive({ ...chunk, offset: chunk.offset + 32 });
    await write(pair.master, 5);
    await until('failed', () => runner.status().state === 'failed');
    expect(runner.status()).toMatchObject({ code: 'RECORD_GAP' });
    expect(runner.status().message).toBeTruthy();
  });
});
