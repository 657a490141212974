import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { lagTurn, scheduleOf } from '../../scripts/bench/lag.js';
import { progressRates } from '../../scripts/bench/peer/marked-postgres.js';
import { mark, watch } from '../../scripts/bench/program/lib/markers.mjs';
import { RedisConnection } from '../../scripts/bench/program/lib/redis-connection.mjs';
import { inScene } from '../support/scene.js';

const values = ['a', 'b'];
const schedule = (markers: number) => ({ run: 7, markers, firstMs: Date.now(), everyMs: 2 });

/** A store in memory that both sides see, and that counts what was put beside the markers. */
class Shared {
  readonly keys = new Set<string>();
  others = 0;

  readonly put = (key: string): Promise<void> => {
    if (key.startsWith('marker:')) this.keys.add(key);
    else this.others += 1;
    return new Promise((resolve) => setImmediate(resolve));
  };

  readonly isThere = (key: string): Promise<boolean> => Promise.resolve(this.keys.has(key));
}

describe('how long until a commit is seen elsewhere', () => {
  it.each([
    ['nothing', null],
    ['writers without a pause', { writers: 3 }],
    ['so many commits a second', { perSecond: 5000 }],
  ])('sees every marker after it was begun, beside %s', async (_what, load) => {
    const shared = new Shared();
    const told = schedule(20);
    const [marked, watched] = await Promise.all([
      mark({ schedule: told, load, seed: 1, values, put: shared.put }),
      watch({ schedule: told, isThere: shared.isThere }),
    ]);
    const lags = watched.seenAt.map((seen, marker) => seen - (marked.startedAt[marker] ?? NaN));
    const { latency, operations } = lagTurn(told, lags, marked.loadRate);
    expect(operations).toBe(20);
    expect(latency?.maxMs).toBeGreaterThan(0);
    expect(shared.others > 0).toBe(load !== null);
    expect(marked.loadRate > 0).toBe(load !== null);
  });

  it('agrees on as many markers as fill the time, one at least', () => {
    const plan = { seconds: 20, seed: 3 };
    expect(scheduleOf(plan, 97)).toMatchObject({ run: 3, markers: 206, everyMs: 97 });
    expect(scheduleOf({ ...plan, seconds: 0.01 }, 97).markers).toBe(1);
  });

  it('believes no lag that is missing, and none of a clock that went back', () => {
    expect(() => lagTurn(schedule(2), [1], 0)).toThrow(/2 lags above 0/);
    expect(() => lagTurn(schedule(2), [1, -1], 0)).toThrow(/2 lags above 0/);
  });

  it('reads from pgbench what it writes a second', () => {
    const output =
      'pgbench (15.20)\nprogress: 1.0 s, 1998.9 tps, lat 0.5 ms stddev 0.2, 0 failed, lag 0.1 ms\n' +
      'progress: 2.0 s, 2003.0 tps, lat 0.5 ms stddev 0.2, 0 failed, lag 0.1 ms\n';
    expect(progressRates(output)).toEqual([1998.9, 2003]);
    expect(progressRates('pgbench (15.20)\n')).toEqual([]);
  });
});

describe('a client of Redis', () => {
  it(
    'takes answers as they come, in pieces and together, in the order of its commands',
    inScene(async (scene) => {
      const server = createServer((socket) => {
        // Everything is answered when the third command is there: one byte, then the rest.
        let asked = '';
        socket.on('data', (bytes) => {
          asked += bytes.toString();
          if (!asked.endsWith('$4\r\ngone\r\n')) return;
          const answer = '+OK\r\n$8\r\nÜ and\r\n\r\n$-1\r\n-ERR no\r\n';
          socket.write(answer.slice(0, 1), () => socket.write(answer.slice(1)));
        });
      });
      scene.atEnd(() => {
        server.close();
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
      const connection = await RedisConnection.open((server.address() as AddressInfo).port);
      const answers = Promise.allSettled([
        connection.ask('SET', 'there', 'Ü'),
        connection.ask('GET', 'there'),
        connection.ask('GET', 'missing'),
        connection.ask('GET', 'gone'),
      ]);
      expect(await answers).toEqual([
        { status: 'fulfilled', value: 'OK' },
        { status: 'fulfilled', value: 'Ü and\r\n' },
        { status: 'fulfilled', value: null },
        { status: 'rejected', reason: new Error('Redis: ERR no') },
      ]);
      const last = connection.ask('GET', 'there');
      server.close();
      connection.close();
      await expect(last).rejects.toThrow('Redis closed the connection');
    }),
  );
});
