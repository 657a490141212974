// Stops and open transactions: waited for, rolled back, or cut.

import { Agent, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type HostServer, serve } from '../src/server.js';
import { ask } from './asking.js';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let server: HostServer;

beforeEach(async () => {
  bench = await Workbench.open();
  server = await bench.server();
  await server.host.create('cities');
  await server.host.create('towns');
});
afterEach(() => bench.close());

const code = (expected: string) => expect.objectContaining({ code: expected }) as Error;
const normal = { mode: 'normal' } as const;
const calls = () => server.host.transactions;
const begin = async (name = 'cities') => (await calls().begin(name)).id;
/** Settled or not, without waiting for it. */
function outcomeOf(promise: Promise<unknown>): { value: 'open' | 'done' | Error } {
  const outcome: { value: 'open' | 'done' | Error } = { value: 'open' };
  promise.then(
    () => (outcome.value = 'done'),
    (error: Error) => (outcome.value = error),
  );
  return outcome;
}
/** The stop has begun to wait: no transaction begins any more. */
const refusesTransactions = (name = 'cities') =>
  eventually(
    async () => {
      try {
        await calls().rollback(name, await begin(name));
        return null;
      } catch (error) {
        return error as { code: string };
      }
    },
    (error) => error?.code === 'DATABASE_STOPPING',
  );

/** What becomes of a connection that a client would keep. */
function connectionAfter(path: string): Promise<string | undefined> {
  const agent = new Agent({ keepAlive: true });
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sent = request(`${server.address}${path}`, { agent, headers, method: 'POST' });
    sent.on('error', reject);
    sent.on('response', (response) => {
      response.resume();
      response.on('end', () => {
        agent.destroy();
        resolve(response.headers.connection);
      });
    });
    sent.end('{}');
  });
}

describe('a normal stop of a database', () => {
  it('P1 waits for a transaction that is open, which commits; others begin no more', async () => {
    const id = await begin();
    await calls().put('cities', id, 'linz', 'AT');
    const stopping = server.host.stop('cities', normal);
    const outcome = outcomeOf(stopping);
    await refusesTransactions();
    await server.host.put('cities', 'plain', 'write');
    expect(outcome.value).toBe('open');
    await calls().put('cities', id, 'graz', 'AT');
    await calls().commit('cities', id);
    expect(await stopping).toMatchObject({ online: false, state: 'offline' });
    await server.host.start('cities');
    expect(await server.host.get('cities', 'graz')).toBe('AT');
    await calls().rollback('cities', await begin());
  });

  it('P9 rolls back what is open when its time is over, and says so', async () => {
    const id = await begin();
    await calls().put('cities', id, 'linz', 'AT');
    const status = await server.host.stop('cities', { mode: 'normal', timeoutMs: 50 });
    expect(status.reason).toBe(
      'it was stopped: 1 transaction was still open after 0.05 s and rolled back',
    );
    await server.host.start('cities');
    await expect(server.host.get('cities', 'linz')).rejects.toThrow(code('KEY_NOT_FOUND'));
    await server.host.stop('cities');
    expect((await server.host.status('cities')).reason).toBe('it was stopped');
  });

  it('is overtaken by a harder one', async () => {
    const id = await begin();
    const first = server.host.stop('cities', normal);
    await refusesTransactions();
    await server.host.stop('cities', { mode: 'rollback' });
    expect(await first).toMatchObject({ online: false });
    await expect(calls().commit('cities', id)).rejects.toThrow(code('DATABASE_OFFLINE'));
  });

  it('is called off when who asked goes away, and the database goes on', async () => {
    const id = await begin();
    const leaving = new AbortController();
    const stopping = server.host.stop('cities', { mode: 'normal', signal: leaving.signal });
    await refusesTransactions();
    leaving.abort(new Error('gone'));
    await expect(stopping).rejects.toThrow('gone');
    await calls().rollback('cities', await begin());
    await calls().commit('cities', id);
    expect(await server.host.status('cities')).toMatchObject({ online: true });
  });

  it('waits for nothing of another database', async () => {
    const id = await begin('towns');
    expect(await server.host.stop('cities', normal)).toMatchObject({ online: false });
    await calls().commit('towns', id);
  });

  it('waits for a transaction of the program that serves', async () => {
    const db = server.open('cities');
    const transaction = await db.begin();
    const stopping = server.host.stop('cities', normal);
    await refusesTransactions();
    await transaction.put('linz', 'AT');
    await transaction.commit();
    expect(await stopping).toMatchObject({ online: false });
  });
});

it.each(['rollback', 'abort'] as const)(
  'a stop of mode %s waits for no transaction',
  async (mode) => {
    const id = await begin();
    await calls().put('cities', id, 'linz', 'AT');
    expect(await server.host.stop('cities', { mode })).toMatchObject({ online: false });
    await server.host.start('cities');
    await expect(server.host.get('cities', 'linz')).rejects.toThrow(code('KEY_NOT_FOUND'));
  },
);

it('P1 an abort does not wait for calls under way, and loses nothing that was acknowledged', async () => {
  await server.host.put('cities', 'paris', 'FR');
  // A reader of an export that takes nothing.
  const entries = server.host.exportEntries('cities')[Symbol.asyncIterator]();
  await entries.next();
  const before = env.clock.monotonic();
  await server.host.stop('cities', { mode: 'abort' });
  // The grace of the other modes is longer.
  expect(env.clock.monotonic() - before).toBeLessThan(9_000);
  await entries.return?.();
  await server.host.start('cities');
  expect(await server.host.get('cities', 'paris')).toBe('FR');
});

it('P14 the route takes mode and time, and nothing else', async () => {
  const stop = (body?: unknown) =>
    ask(server, '/v1/databases/towns/stop', { method: 'POST', body });
  for (const wrong of [{ mode: 'fast' }, { timeoutMs: -1 }, { timeoutMs: 1e12 }, { force: true }])
    expect((await stop(wrong)).status, JSON.stringify(wrong)).toBe(400);
  expect((await stop({ mode: 'rollback', timeoutMs: 0 })).status).toBe(200);
  await server.host.start('towns');
  expect((await stop()).status).toBe(200);
});

describe('a server that ends', () => {
  it('is not healthy at once, serves what is open, and tells others to go', async () => {
    const id = await begin();
    const opens: number[] = [];
    const closing = server.close({ mode: 'normal', onOpen: (open) => opens.push(open) });
    const health = await eventually(
      () => ask(server, '/health'),
      ({ status }) => status === 503,
    );
    expect(health.text).toBe('{"status":"unavailable","reason":"stopping"}');
    await refusesTransactions();
    const path = `/v1/databases/cities/transactions/${id}`;
    expect(await connectionAfter(`${path}/renew`)).toBe('keep-alive');
    expect(await connectionAfter('/v1/databases/cities/get')).toBe('close');
    const put = await ask(server, `${path}/put`, { body: { key: 'linz', value: 'AT' } });
    expect(put).toMatchObject({ status: 200 });
    expect((await ask(server, `${path}/commit`, { body: {} })).status).toBe(200);
    await closing;
    expect(opens).toEqual([1, 0]);
    await expect(ask(server, '/health')).rejects.toThrow(code('CONNECT_FAILED'));
  });

  it('P9 says when it rolled back what it was to wait for', async () => {
    await server.close();
    const options = { env, dataFolder: bench.data, listen: '127.0.0.1:0' };
    server = await serve(options);
    await begin();
    await begin('towns');
    const ended = server.close({ mode: 'normal', timeoutMs: 30 });
    await expect(ended).rejects.toThrow(code('STOP_TIMEOUT'));
    await expect(ended).rejects.toThrow('2 transactions were still open after 0.03 s');
    server = await bench.server();
    expect(await server.host.status('cities')).toMatchObject({ online: true });
  });

  it('ends sooner when it is told again, and that is no failure', async () => {
    await begin();
    const closing = server.close({ mode: 'normal' });
    await refusesTransactions();
    await server.close({ mode: 'rollback' });
    await closing;
  });
});
