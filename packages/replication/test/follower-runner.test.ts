// Real databases, a real socket: a replica follows, is interrupted, goes on, and is equal in the end.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { content, firstStart, isEven, jobLines, logFiles, Pair, until, write } from './pair.js';

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.create();
});
afterEach(() => pair.close());

describe('follower', () => {
  it('P3 P16 streams, and ends with the same bytes and the same content', async () => {
    await write(pair.master, 500);
    const { database, runner } = await pair.follow('copy');
    await write(pair.master, 500);
    await until(
      'even',
      () => isEven(pair.master, database) && runner.status().state === 'streaming',
    );
    expect(await logFiles(database)).toEqual(await logFiles(pair.master));
    expect(await content(database)).toBe(await content(pair.master));
    const status = runner.status();
    const { seq, time } = pair.master.durable();
    expect(status).toMatchObject({ reason: null, message: null, durable: { timeline: 1, seq } });
    await until('lag', () => runner.status().lag.applied.bytes === 0);
    expect(runner.status().lag.applied).toEqual({ records: 0, bytes: 0, seconds: 0 });
    expect(status.lastReplicatedModificationTime).toBe(time);
    const lines = await jobLines(database);
    const start = new Date(await firstStart(pair.master));
    const text = start.toISOString().slice(0, 19).replace('T', ' ');
    expect(lines).toContain(
      `Replication of server session 1 from ${text} started. Simultaneous query not permitted.`,
    );
  });

  it('pulls at the replication delay, and follows a change to streaming', async () => {
    await pair.setDelay(50);
    const { database, runner } = await pair.follow('copy');
    await until('waiting', () => runner.status().state === 'waiting');
    await write(pair.master, 300);
    await until('even', () => isEven(pair.master, database));
    expect(runner.status().state).toBe('waiting');
    await pair.setDelay(0);
    await until('streaming', () => runner.status().state === 'streaming');
    await pair.setDelay(20);
    await until('waiting again', () => runner.status().state === 'waiting');
    expect(pair.server.connections).toBe(1);
  });

  it('P3 P4 P16 the connection cut at random moments costs no byte and doubles none', async () => {
    await write(pair.master, 50);
    const { database, runner } = await pair.follow('copy');
    const cutsMin = 6;
    const cut = { times: 0 };
    const writer = (async () => {
      // As long as there is somebody to cut: how quickly that goes depends on the machine.
      while (cut.times < cutsMin) await write(pair.master, 40, 2000);
    })();
    while (cut.times < cutsMin) {
      const some = database.durable().seq + 1 + Math.floor(Math.random() * 60);
      await until('progress', () => database.durable().seq >= some);
      pair.server.cut();
      cut.times++;
    }
    await writer;
    await until('even', () => isEven(pair.master, database));
    expect(pair.server.connections).toBeGreaterThan(2);
    expect(await logFiles(database)).toEqual(await logFiles(pair.master));
    expect(await content(database)).toBe(await content(pair.master));
    expect(runner.status().message).toBeNull();
  });

  it('P4 a record larger than a chunk arrives whole, also when it is cut', async () => {
    const { database } = await pair.follow('copy');
    const value = Buffer.alloc(5_000_000, 'x');
    const commit = pair.master.commit([{ type: 'put', key: 'large', value }]);
    for (let cut = 0; cut < 3; cut++) {
      await until(
        'a part of it was sent',
        () => (pair.server.statuses.get('copy')?.sentBytes ?? 0) > 1_500_000,
      );
      pair.server.cut();
      await until('the feed ended', () => pair.server.statuses.size === 0);
    }
    await commit;
    await until('even', () => isEven(pair.master, database));
    expect(await logFiles(database)).toEqual(await logFiles(pair.master));
  });

  it('P16 a replica that was closed goes on where it was, also behind a closed segment', async () => {
    const { database } = await pair.follow('copy');
    await write(pair.master, 100);
    await until('even', () => isEven(pair.master, database));
    const path = database.folder;
    await pair.shut(database);
    await write(pair.master, 800);
    const again = await pair.open(path);
    pair.runner(again).start();
    await until('even', () => isEven(pair.master, again));
    expect(await logFiles(again)).toEqual(await logFiles(pair.master));
  });

  it('P16 a master that is restarted is found again; its new session is a new log space', async () => {
    const { database, runner } = await pair.follow('copy');
    await write(pair.master, 100);
    await until('even', () => isEven(pair.master, database));
    const { folder } = pair.master;
    const master = pair.master;
    pair.server.database = null;
    pair.server.cut();
    await pair.server.settle();
    await pair.shut(master);
    await until('disconnected', () => runner.status().state === 'disconnected');
    expect(runner.status().reason).toBeTruthy();
    pair.server.database = await pair.open(folder);
    await write(pair.master, 100);
    await until('even', () => isEven(pair.master, database));
    expect(await logFiles(database)).toEqual(await logFiles(pair.master));
    expect(
      (await jobLines(database)).filter((line) => line.includes('server session')),
    ).toHaveLength(2);
  });

  it('rests while it is read only and catches up by itself', async () => {
    const { database, runner } = await pair.follow('copy');
    await until('streaming', () => runner.status().state === 'streaming');
    runner.setReadOnly(true);
    expect(runner.status().state).toBe('read-only');
    await until('closed', () => pair.server.statuses.size === 0);
    await write(pair.master, 50);
    expect(database.durable().seq).toBeLessThan(pair.master.durable().seq);
    runner.setReadOnly(false);
    await until('even', () => isEven(pair.master, database));
  });

  it('P5 P11 a promoted replica is followed by the other one, never the other way', async () => {
    const one = await pair.follow('one');
    const two = await pair.follow('two');
    await write(pair.master, 300);
    await until(
      'even',
      () => isEven(pair.master, one.database) && isEven(pair.master, two.database),
    );
    const old = pair.master;
    await one.runner.stop();
    await two.runner.stop();
    await one.database.becomeNormal('takeover of orders');
    await one.database.updateControl({ name: 'orders' });
    await one.database.permit('two', { simultaneousQuery: false });
    await write(one.database, 100);
    pair.server.database = one.database;
    two.runner.start();
    await until('even', () => isEven(one.database, two.database));
    expect(two.database.timelines).toEqual(one.database.timelines);
    expect(await content(two.database)).toBe(await content(one.database));
    await write(one.database, 300);
    await until('even', () => isEven(one.database, two.database));
    await two.runner.stop();
    pair.server.database = old;
    two.runner.start();
    // The old master is the one that is wrong: the replica goes on to look for its master.
    const { seq } = two.database.durable();
    await until('fenced', () => two.runner.status().reason?.includes('took over orders') === true);
    expect(two.runner.status().state).toBe('disconnected');
    expect(two.database.durable().seq).toBe(seq);
    pair.server.database = null;
    pair.server.cut();
    await pair.server.settle();
  });
});
