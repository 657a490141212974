// Server-sent events: what happens to a database as it happens, on after a cut, and no more than a client takes.

import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { EventStream } from '../src/event-stream.js';
import type { HostServer } from '../src/server.js';
import { ask } from './asking.js';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let server: HostServer;
const readers: Reader[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
  server = await bench.server();
  await server.host.create('cities');
});
afterEach(async () => {
  for (const reader of readers.splice(0)) reader.stop();
  await bench.close();
});

interface Seen {
  readonly event: string;
  readonly id: string | null;
  readonly data: Record<string, unknown>;
}

/** Reads a stream as a browser does: events are parts behind an empty line. */
class Reader {
  readonly events: Seen[] = [];
  text = '';
  isOver = false;
  readonly #ending = new AbortController();

  async open(address: string, name: string, after?: string, token?: string): Promise<this> {
    const response = await env.network.request(`${address}/v1/databases/${name}/events`, {
      headers: {
        ...(after === undefined ? {} : { 'last-event-id': after }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      signal: this.#ending.signal,
    });
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    void this.#read(response.stream());
    readers.push(this);
    return this;
  }

  stop(): void {
    this.#ending.abort(new Error('the reader stops'));
  }

  until(fits: (event: Seen) => boolean): Promise<Seen[]> {
    return eventually(
      () => Promise.resolve(this.events),
      (events) => events.some(fits),
    );
  }

  async #read(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = '';
    try {
      for await (const chunk of chunks) {
        const text = decoder.decode(chunk, { stream: true });
        this.text += text;
        const parts = (rest + text).split('\n\n');
        rest = parts.pop() ?? '';
        for (const part of parts) this.#take(part);
      }
    } catch (error) {
      if (!this.#ending.signal.aborted) throw error;
    } finally {
      this.isOver = true;
    }
  }

  #take(part: string): void {
    const fields = new Map(
      part.split('\n').map((line) => line.split(/: (.*)/s, 2) as [string, string]),
    );
    const event = fields.get('event');
    if (event === undefined) return;
    const data = JSON.parse(fields.get('data') ?? 'null') as Record<string, unknown>;
    this.events.push({ event, id: fields.get('id') ?? null, data });
  }
}

const isJob = (name: string) => (seen: Seen) => seen.event === 'job' && seen.data['event'] === name;
const job = (text: string) => server.host.database('cities').jobLog.write('info', 'told', text);
const told = (events: readonly Seen[]) =>
  events.filter(isJob('told')).map(({ data }) => data['message']);

it('tells the state at once, and what happens as it happens', async () => {
  const reader = await new Reader().open(server.address, 'cities');
  const [first] = await reader.until(({ event }) => event === 'state');
  expect(first).toMatchObject({ event: 'state', id: null });
  expect(first?.data).toMatchObject({ database: 'cities', online: true, state: 'open' });
  job('one\nline: with breaks');
  const events = await reader.until(isJob('told'));
  expect(told(events)).toEqual(['one\nline: with breaks']);
});

it('goes on over a stop and a start, with what was written meanwhile, in order and once', async () => {
  const reader = await new Reader().open(server.address, 'cities');
  job('before');
  await server.host.stop('cities');
  await reader.until(({ event, data }) => event === 'state' && data['state'] === 'offline');
  await server.host.start('cities');
  job('after');
  const events = await reader.until(
    (seen) => isJob('told')(seen) && seen.data['message'] === 'after',
  );
  expect(told(events)).toEqual(['before', 'after']);
  for (const name of ['offline', 'online'])
    expect(events.filter(isJob(name)), name).toHaveLength(1);
  expect(events.filter(({ event }) => event === 'state').at(-1)?.data).toMatchObject({
    online: true,
  });
});

it('goes on behind the last event that was seen, also one of this moment', async () => {
  const reader = await new Reader().open(server.address, 'cities');
  for (const text of ['a', 'b', 'c']) job(text);
  const events = await reader.until((seen) => seen.data['message'] === 'c');
  const second = events.find((seen) => seen.data['message'] === 'b');
  reader.stop();
  job('d');
  const again = await new Reader().open(server.address, 'cities', second?.id ?? '');
  expect(told(await again.until((seen) => seen.data['message'] === 'd'))).toEqual(['c', 'd']);
});

it('P9 says that events may be missing where the job log has more than can be told', async () => {
  const reader = await new Reader().open(server.address, 'cities');
  job('first');
  const id = (await reader.until(isJob('told'))).find(isJob('told'))?.id ?? '';
  reader.stop();
  for (let at = 0; at < 1_000; at += 1) job(`${at}`);
  const again = await new Reader().open(server.address, 'cities', id);
  const events = await again.until((seen) => seen.data['message'] === '999');
  expect(events.find(({ event }) => event !== 'state')?.event).toBe('gap');
  expect(told(events)).toHaveLength(1_000);
});

it('P14 refuses a name that is not here and an id that it did not give', async () => {
  const events = (name: string, id?: string) =>
    ask(server, `/v1/databases/${name}/events`, {
      headers: id === undefined ? {} : { 'last-event-id': id },
    });
  expect((await events('none')).status).toBe(404);
  for (const id of ['x', '-1-00000000', `${'9'.repeat(16)}-00000000`, '1-0000000g', '1'])
    expect((await events('cities', id)).status, id).toBe(400);
});

it('P14 is for administrators as the job log is, and both end with the token that opened them', async () => {
  const { users } = server.host;
  const { token } = await users.add('cities', 'root', { roles: ['admin'] });
  const second = await users.addToken('cities', 'root');
  const reading = await users.add('cities', 'alice', { roles: ['read'] });
  for (const path of ['events', 'job-log']) {
    const headers = { authorization: `Bearer ${reading.token}` };
    expect((await ask(server, `/v1/databases/cities/${path}`, { headers })).status).toBe(403);
  }
  const reader = await new Reader().open(server.address, 'cities', undefined, token);
  const other = await new Reader().open(server.address, 'cities', undefined, second.token);
  const headers = { authorization: `Bearer ${token}` };
  const path = '/v1/databases/cities/job-log?follow=true&lines=0';
  const following = ask(server, path, { headers });
  await reader.until(({ event }) => event === 'state');
  const listed = await users.list('cities');
  const id = listed.find(({ name }) => name === 'root')?.tokens[0]?.id ?? '';
  await users.removeToken('cities', 'root', id);
  const events = await reader.until(({ event }) => event === 'end');
  expect(events.at(-1)?.data).toMatchObject({ reason: 'refused' });
  expect((await following).text).toContain('UNAUTHORIZED');
  job('told to who is admitted');
  await other.until(isJob('told'));
  expect(other.isOver).toBe(false);
});

it('ends with a last event when the server ends', async () => {
  const reader = await new Reader().open(server.address, 'cities');
  await reader.until(({ event }) => event === 'state');
  await server.close();
  const events = await reader.until(({ event }) => event === 'end');
  expect(events.at(-1)).toMatchObject({ event: 'end', data: { reason: 'stopping' } });
});

it('ends where the database is deleted', async () => {
  await server.host.create('short');
  const reader = await new Reader().open(server.address, 'short');
  await reader.until(({ event }) => event === 'state');
  await server.host.stop('short');
  await server.host.delete('short');
  const events = await reader.until(({ event }) => event === 'end');
  expect(events.at(-1)?.data).toMatchObject({
    reason: 'failed',
    message: expect.stringMatching(/^DATABASE_NOT_FOUND: /) as string,
  });
});

it('P13 lets a client that does not read go, and holds nothing for it', async () => {
  const { hostname, port } = new URL(server.address);
  const socket: Socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write('GET /v1/databases/cities/events HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  socket.pause();
  await eventually(
    () => ask(server, '/metrics'),
    ({ text }) => text.includes('pamina_http_requests_under_way 2'),
  );
  const long = 'x'.repeat(100_000);
  // More than all buffers of the connection take, and more events than are kept.
  for (let at = 0; at < 2_500; at += 1) {
    job(at % 10 === 0 ? long : 'short');
    if (at % 100 === 0) await env.clock.sleep(1);
  }
  let all = '';
  socket.on('data', (chunk) => {
    all = (all + chunk.toString('latin1')).slice(-1000);
  });
  socket.resume();
  await eventually(
    () => Promise.resolve(all),
    (text) => text.includes('"reason":"dropped"'),
  );
  socket.destroy();
});

it('P13 cuts a client off that takes not even the last event', async () => {
  const listener = env.network.createHttpServer();
  let stream: EventStream | null = null;
  listener.server.on('request', (_request, response) => {
    stream = new EventStream(response, env.clock, { silenceMsMax: 50, goodbyeMs: 50 });
  });
  await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve));
  const address = listener.server.address();
  const socket = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await eventually(
    () => Promise.resolve(stream),
    (made) => made !== null,
  );
  const made = stream as unknown as EventStream;
  const data = 'x'.repeat(1_000_000);
  const flood = async (): Promise<void> => {
    for (;;) await made.send({ event: 'job', data });
  };
  await expect(flood()).rejects.toMatchObject({ code: 'BACKLOG_FULL' });
  made.end('dropped', 'too slow');
  await eventually(
    () => Promise.resolve(made.signal.aborted),
    (isGone) => isGone,
  );
  socket.destroy();
  await listener.close();
});
