// P13 P14 what a stranger on a real socket can take, with limits that are short.

import { once } from 'node:events';
import type * as http from 'node:http';
import * as net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { HttpListener, ListenerLimits } from '../../src/network.js';
import { addressGroup } from '../../src/node/connection-guard.js';
import { nodeNetwork } from '../../src/node/network.js';
import { fromBytes, until } from '../until.js';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let listener: HttpListener;
let port: number;

async function listening(limits: Partial<ListenerLimits>): Promise<void> {
  listener = nodeNetwork.createHttpServer({ limits });
  cleanups.push(() => listener.close());
  listener.server.listen(0, '127.0.0.1');
  await once(listener.server, 'listening');
  ({ port } = listener.server.address() as net.AddressInfo);
}

interface Stranger {
  readonly socket: net.Socket;
  readonly ended: Promise<void>;
  heard: string;
  isEnded: boolean;
}

async function stranger(): Promise<Stranger> {
  const socket = net.connect({ host: '127.0.0.1', port });
  cleanups.push(() => socket.destroy());
  const ended = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const one: Stranger = { socket, ended, heard: '', isEnded: false };
  void ended.then(() => (one.isEnded = true));
  socket.on('error', () => undefined);
  socket.on('data', (part) => (one.heard += part.toString('latin1')));
  await once(socket, 'connect');
  return one;
}

/** Sends one byte now and then until the connection is gone. */
function trickle({ socket }: Stranger): void {
  const timer = setInterval(() => socket.write('x'), 2);
  socket.once('close', () => clearInterval(timer));
}

async function isServed(): Promise<boolean> {
  const response = await nodeNetwork.request(`http://127.0.0.1:${port}/`);
  return fromBytes(await response.bytes(100)) === 'ok';
}

function answerOk(): void {
  listener.server.on('request', (request: http.IncomingMessage, response) => {
    request.resume();
    request.on('end', () => response.end('ok'));
  });
}

test('P13 P14 one address gets only so many connections, and one that ends makes room', async () => {
  await listening({ connectionsPerAddressMax: 3 });
  answerOk();
  const first = await stranger();
  const others = [await stranger(), await stranger()];
  const tooMany = await stranger();
  await tooMany.ended;
  expect([first, ...others].some((one) => one.isEnded)).toBe(false);
  first.socket.destroy();
  await until('there is room again', () => isServed().catch(() => false));
});

test('P13 P14 all addresses together get only so many connections', async () => {
  await listening({ connectionsMax: 2 });
  answerOk();
  const kept = [await stranger(), await stranger()];
  await (
    await stranger()
  ).ended;
  expect(kept.some((one) => one.isEnded)).toBe(false);
});

test('P14 headers that are too large or too many are refused', async () => {
  await listening({ headerBytesMax: 1_000, headersMax: 5 });
  let seen = 0;
  listener.server.on('request', (request: http.IncomingMessage, response) => {
    seen = Object.keys(request.headers).length;
    response.end('ok');
  });
  const large = await stranger();
  large.socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(2_000)}\r\n\r\n`);
  await large.ended;
  expect(large.heard).toMatch(/^HTTP\/1\.1 431 /);
  const many = await stranger();
  const lines = Array.from({ length: 20 }, (_, at) => `X-${at}: y\r\n`).join('');
  many.socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\n`);
  await many.ended;
  expect(seen).toBeLessThanOrEqual(5);
});

test('P14 who says nothing, and who never ends his headers, is shown out', async () => {
  await listening({ headersTimeoutMs: 40 });
  const silent = await stranger();
  const slow = await stranger();
  slow.socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
  trickle(slow);
  await silent.ended;
  await slow.ended;
  expect(slow.heard).toMatch(/^HTTP\/1\.1 408 |^$/);
});

test('P14 a body that trickles is ended, alone', async () => {
  await listening({ bodyWindowMs: 40, bodyBytesMin: 1_000 });
  answerOk();
  const slow = await stranger();
  slow.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n');
  trickle(slow);
  const silent = await stranger();
  silent.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n');
  await slow.ended;
  await silent.ended;
  expect(slow.heard).toMatch(/^HTTP\/1\.1 408 /);
  expect(await isServed()).toBe(true);
});

test('a body that this side does not read, and work that takes long, are nobody’s fault', async () => {
  await listening({ bodyWindowMs: 20, bodyBytesMin: 1_000, unreadAnswerMs: 20 });
  let go: () => void = () => undefined;
  const answers: http.ServerResponse[] = [];
  listener.server.on('request', (request: http.IncomingMessage, response) => {
    answers.push(response);
    go = () => {
      request.resume();
      for (const answer of answers) answer.end('ok');
    };
  });
  const unread = await stranger();
  unread.socket.write(
    `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n${'x'.repeat(500)}`,
  );
  const waiting = await stranger();
  waiting.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('both are asked', () => answers.length === 2);
  const began = performance.now();
  await until('several limits have passed', () => performance.now() - began > 150);
  expect([unread.isEnded, waiting.isEnded]).toEqual([false, false]);
  unread.socket.write('x'.repeat(1_500));
  go();
  await until(
    'both are answered',
    () => unread.heard.endsWith('ok') && waiting.heard.endsWith('ok'),
  );
});

test('P13 an answer that nobody reads is ended, alone', async () => {
  await listening({ unreadAnswerMs: 50 });
  let isGone = false;
  listener.server.on('request', (request: http.IncomingMessage, response) => {
    if (request.url === '/') {
      response.end('ok');
      return;
    }
    response.on('close', () => (isGone = true));
    const more = (): void => {
      while (!response.destroyed && response.write(new Uint8Array(65_536)));
    };
    response.on('drain', more);
    more();
  });
  const deaf = await stranger();
  deaf.socket.pause();
  deaf.socket.write('GET /endless HTTP/1.1\r\nHost: x\r\n\r\n');
  await until('the answer is given up', () => isGone);
  expect(await isServed()).toBe(true);
});

test('an answer that is read slowly goes on, however long it takes', async () => {
  const unreadAnswerMs = 1_000;
  await listening({ unreadAnswerMs });
  const bytes = 64 * 1024 * 1024;
  listener.server.on('request', (_request, response) => response.end(new Uint8Array(bytes)));
  const slow = await stranger();
  slow.socket.removeAllListeners('data');
  const began = performance.now();
  let read = 0;
  slow.socket.on('data', (part) => {
    read += part.length;
    const pace = (read / bytes) * 2.5 * unreadAnswerMs;
    if (performance.now() - began >= pace) return;
    slow.socket.pause();
    setTimeout(() => slow.socket.resume(), 5);
  });
  slow.socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await slow.ended;
  expect(read).toBeGreaterThan(bytes);
  expect(performance.now() - began).toBeGreaterThan(unreadAnswerMs);
});

test('P14 a body that goes on after its refusal is read for a short time', async () => {
  await listening({ refusedBodyMs: 30 });
  listener.server.on('request', (_request, response) => {
    response.writeHead(401);
    response.end('no');
  });
  const stubborn = await stranger();
  stubborn.socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n');
  trickle(stubborn);
  await stubborn.ended;
  expect(stubborn.heard).toMatch(/^HTTP\/1\.1 401 /);
});

test('P14 a kept connection without a request is closed in time', async () => {
  await listening({ keepAliveTimeoutMs: 20 });
  answerOk();
  const idle = await stranger();
  idle.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await idle.ended;
  expect(idle.heard).toMatch(/ok$/);
});

test('P14 a WebSocket handshake that nobody decides is refused in time', async () => {
  await listening({ handshakeTimeoutMs: 20 });
  listener.onUpgrade(() => undefined);
  const url = `ws://127.0.0.1:${port}/`;
  await expect(nodeNetwork.connect(url, { messageBytesMax: 10 })).rejects.toMatchObject({
    context: { status: 503 },
  });
});

test('P14 an upgrade that trickles its headers is shown out', async () => {
  await listening({ headersTimeoutMs: 40 });
  const slow = await stranger();
  slow.socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX: ',
  );
  trickle(slow);
  await slow.ended;
});

test('whom a connection counts for', () => {
  const groups: [string, string][] = [
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:10.0.0.7', '10.0.0.7'],
    ['::1', '0:0:0:0::'],
    ['2001:DB8:0:12::1', '2001:db8:0:12::'],
    ['2001:db8::12:3:4:5:6', '2001:db8:0:12::'],
    ['2001:db8:0:12:ffff:1:2:3', '2001:db8:0:12::'],
    ['fe80::1%eth0', 'fe80:0:0:0::'],
    ['', ''],
  ];
  for (const [address, group] of groups) expect(addressGroup(address), address).toBe(group);
});

test('P14 a redirect is an answer like any other: nothing is sent where it leads to', async () => {
  await listening({});
  const elsewhere = nodeNetwork.createHttpServer();
  cleanups.push(() => elsewhere.close());
  let visits = 0;
  elsewhere.server.on('connection', () => (visits += 1));
  elsewhere.server.listen(0, '127.0.0.1');
  await once(elsewhere.server, 'listening');
  const there = `127.0.0.1:${(elsewhere.server.address() as net.AddressInfo).port}`;
  listener.server.on('request', (request: http.IncomingMessage, response) => {
    response.writeHead(Number(request.url?.slice(1)), { location: `http://${there}/stolen` });
    response.end();
  });
  const headers = { authorization: 'Bearer papageno-papagena' };
  for (const status of [301, 302, 303, 307, 308]) {
    const url = `127.0.0.1:${port}/${status}`;
    const response = await nodeNetwork.request(`http://${url}`, { headers });
    expect(response.status).toBe(status);
    response.cancel();
    // A handshake is answered as a request here: the listener has no channel, and Node hands on what is no upgrade.
    await expect(
      nodeNetwork.connect(`ws://${url}`, { messageBytesMax: 10, headers }),
    ).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
  }
  expect(visits).toBe(0);
});
