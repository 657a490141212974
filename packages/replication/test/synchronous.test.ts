// Commits that wait for replicas, over real feeds and sockets.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FeedServer, isEven, Pair, until } from './pair.js';

let pair: Pair;
beforeEach(async () => {
  pair = await Pair.create();
});
afterEach(() => pair.close());

const one = { replicas: 1 } as const;

describe('synchronous commit', () => {
  it('P1 an acknowledged commit is durable on as many replicas as it asked for', async () => {
    const first = await pair.follow('first');
    const second = await pair.follow('second');
    for (let count = 0; count < 50; count++) {
      const { seq } = await pair.master.commit([{ type: 'put', key: `${count}`, value: 'x' }], {
        durability: { replicas: 2 },
      });
      expect(first.database.durable().seq).toBeGreaterThanOrEqual(seq);
      expect(second.database.durable().seq).toBeGreaterThanOrEqual(seq);
    }
  });

  it('P1 a replica that receives and does not apply confirms, for it has the commit on its disk', async () => {
    const { database } = await pair.follow('first', {
      apply: { delayMs: 0, paused: true, since: 0 },
    });
    const { seq } = await pair.master.commit([{ type: 'put', key: 'a', value: '1' }], {
      durability: one,
    });
    expect(database.durable().seq).toBeGreaterThanOrEqual(seq);
    expect(database.applied().seq).toBeLessThan(seq);
  });

  it('P1 many writers at once: all are confirmed, their groups on the way together', async () => {
    await pair.follow('first');
    const master = pair.master;
    const writer = async (name: number): Promise<void> => {
      for (let count = 0; count < 20; count++) {
        await master.put(`${name}/${count}`, 'x', { durability: one });
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, name) => writer(name)));
    expect(master.synchronous.status().waiting).toBe(0);
  });

  it('P1 a replica that asks every replication delay is called when a commit waits for it', async () => {
    await pair.setDelay(60_000);
    const { database, runner } = await pair.follow('first');
    await until('waiting', () => runner.status().state === 'waiting');
    for (let count = 0; count < 3; count++) {
      await pair.master.put('a', `${count}`, { durability: one });
      expect(database.durable().seq).toBe(pair.master.durable().seq);
    }
    // What nobody waits for is left to the delay.
    await pair.master.put('b', '1');
    expect(database.durable().seq).toBeLessThan(pair.master.durable().seq);
  });

  it('P1 a replica that comes back confirms what waited for it', async () => {
    const { database, runner } = await pair.follow('first');
    await until('even', () => isEven(pair.master, database));
    await runner.stop();
    let isDone = false;
    const done = pair.master.put('a', '1', { durability: one }).then(() => (isDone = true));
    await pair.master.put('b', '1');
    expect(isDone).toBe(false);
    runner.start();
    await done;
    expect(database.durable().seq).toBeGreaterThanOrEqual(pair.master.durable().seq - 1);
  });

  it('P9 P16 without its replica a commit is acknowledged after its time, and waits again when the replica is back', async () => {
    const { database, runner } = await pair.follow('first');
    await until('even', () => isEven(pair.master, database));
    await pair.master.system.setSettings({
      synchronousReplicas: 1,
      synchronousPolicy: 'degrade',
      synchronousTimeoutMs: 200,
    });
    await pair.master.put('a', '1');
    await runner.stop();
    await pair.master.put('b', '1');
    expect(pair.master.synchronous.status()).toMatchObject({ state: 'degraded', unreplicated: 1 });
    runner.start();
    await until('synchronous', () => pair.master.synchronous.status().state === 'synchronous');
    const { seq } = await pair.master.commit([{ type: 'put', key: 'c', value: '1' }]);
    expect(database.durable().seq).toBeGreaterThanOrEqual(seq);
    const events = (await pair.master.jobLog.tail(1000)).map(({ event }) => event);
    expect(events.filter((event) => event.startsWith('synchronous-'))).toEqual([
      'synchronous-degraded',
      'synchronous-restored',
    ]);
  });

  it('P1 a replica of a replica does not count', async () => {
    const first = await pair.follow('first');
    const between = new FeedServer(first.database);
    const address = await between.listen();
    try {
      await pair.master.permit('below', { simultaneousQuery: false });
      const below = await pair.replica('below', { master: 'first' });
      pair.runner(below, () => address).start();
      const done = pair.master.commit([{ type: 'put', key: 'a', value: '1' }], {
        durability: { replicas: 2, policy: 'degrade', timeoutMs: 1000 },
      });
      await until('below has it', () => below.durable().seq >= pair.master.durable().seq);
      await done;
      expect(pair.master.synchronous.status().unreplicated).toBe(1);
      await pair.runners.get(below)?.stop();
    } finally {
      await between.close();
    }
  });
});

describe('reads on a replica', () => {
  it('P12 what was committed on the master is read on the replica behind its position', async () => {
    const { database } = await pair.follow('first', { simultaneousQuery: true });
    for (let count = 0; count < 20; count++) {
      const position = await pair.master.commit([{ type: 'put', key: 'a', value: `${count}` }]);
      await database.positions.waitFor(position, { timeoutMs: 20_000 });
      expect(Buffer.from((await database.get('a')) ?? '').toString()).toBe(`${count}`);
    }
  });

  it('P9 a replica is fresh while it hears its master, and older with every moment that it does not', async () => {
    const { database, runner } = await pair.follow('first', { simultaneousQuery: true });
    database.freshness.follow(runner);
    await until('known', () => database.freshness.behindMs('applied') !== null);
    database.freshness.require(20_000);
    await runner.stop();
    const before = database.freshness.behindMs('applied') ?? 0;
    await until('older', () => (database.freshness.behindMs('applied') ?? 0) > before + 50);
    expect(() => database.freshness.require(0)).toThrow(
      expect.objectContaining({ code: 'REPLICA_STALE' }) as Error,
    );
  });

  it('P9 a replica of a replica grows old with the one that it follows', async () => {
    const first = await pair.follow('first', { simultaneousQuery: true });
    first.database.freshness.follow(first.runner);
    const between = new FeedServer(first.database);
    const address = await between.listen();
    try {
      await pair.master.permit('below', { simultaneousQuery: false });
      const below = await pair.replica('below', { master: 'first' });
      const runner = pair.runner(below, () => address);
      runner.start();
      await until('known', () => runner.behindMs('applied') !== null);
      await first.runner.stop();
      // Its own master goes on to say that nothing came, once a second.
      await until('older', () => (runner.behindMs('applied') ?? 0) > 2500);
      expect(runner.status().lag.applied.seconds).toBe(0);
      await runner.stop();
    } finally {
      await between.close();
    }
  });
});
