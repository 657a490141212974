// Real sockets pass the contract; and what only strangers on a real socket do.

import { createHash } from 'node:crypto';
import * as http from 'node:http';
import * as net from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { Channel, CloseReason, HttpListener } from '../../src/network.js';
import { nodeNetwork } from '../../src/node/network.js';
import { networkContract } from '../network-contract.js';
import { deferred, fromBytes, until } from '../until.js';

const options = { messageBytesMax: 1024 * 1024 };

async function listen(listener: HttpListener | { server: net.Server }): Promise<string> {
  listener.server.listen(0, '127.0.0.1');
  await once(listener.server, 'listening');
  return `127.0.0.1:${(listener.server.address() as net.AddressInfo).port}`;
}

networkContract('Node', () => nodeNetwork, listen);

let listener: HttpListener;
let address: string;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  listener = nodeNetwork.createHttpServer();
  address = await listen(listener);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await listener.close();
});

function closeOf(channel: Channel): Promise<CloseReason> {
  return new Promise((resolve) => channel.onClose(resolve));
}

/** What a raw TCP client hears until the server ends the connection. */
async function converse(request: string): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
  cleanups.push(() => socket.destroy());
  socket.write(request);
  let heard = '';
  socket.on('data', (part) => (heard += part.toString('latin1')));
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return heard;
}

/** A server that shakes hands by hand and then does as told with the raw socket. */
async function rawServer(onSocket: (socket: net.Socket) => void): Promise<string> {
  const server = http.createServer();
  const sockets = new Set<net.Socket>();
  server.on('upgrade', (request, socket) => {
    sockets.add(socket as net.Socket);
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        `Sec-WebSocket-Accept: ${acceptKey(request.headers['sec-websocket-key'] ?? '')}\r\n\r\n`,
    );
    onSocket(socket as net.Socket);
  });
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return listen({ server });
}

function acceptKey(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

function handshake(...changes: string[]): string {
  const lines = ['GET / HTTP/1.1', 'Host: x', 'Connection: Upgrade', ...changes];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

test('P14 a text message closes with 1003', async () => {
  const accepted = deferred<Channel>();
  listener.onUpgrade((_request, accept) => accepted.resolve(accept(options)));
  const stranger = new WebSocket(`ws://${address}/`);
  await once(stranger, 'open');
  const ended = once(stranger, 'close');
  stranger.send('text');
  const far = await accepted.promise;
  let received = 0;
  far.onMessage(() => (received += 1));
  expect(await closeOf(far)).toMatchObject({ code: 1003 });
  const [code] = (await ended) as [number];
  expect(code).toBe(1003);
  expect(received).toBe(0);
});

test('P16 a peer that falls silent is noticed after three heartbeats', async () => {
  const raw = await rawServer(() => undefined);
  const near = await nodeNetwork.connect(`ws://${raw}/`, { ...options, heartbeatMs: 10 });
  near.onMessage(() => undefined);
  expect(await closeOf(near)).toEqual({ code: 1006, message: 'the peer was silent for 30 ms' });
});

test('P16 a peer that answers heartbeats, and one that only sends its own, stay connected', async () => {
  const accepted = deferred<Channel>();
  listener.onUpgrade((_request, accept) =>
    accepted.resolve(accept({ ...options, heartbeatMs: 200 })),
  );
  const near = await nodeNetwork.connect(`ws://${address}/`, { ...options, heartbeatMs: 200 });
  const far = await accepted.promise;
  let isClosed = false;
  far.onClose(() => (isClosed = true));
  near.onClose(() => (isClosed = true));
  far.onMessage(() => undefined);
  // near stays paused: it reads no ping, so far lives on near's own pings alone.
  const started = performance.now();
  await until('five intervals are over', () => performance.now() - started > 1_000);
  expect(isClosed).toBe(false);
  near.onMessage(() => undefined);
  far.close(1_000, 'bye');
  expect(await closeOf(near)).toEqual({ code: 1_000, message: 'bye' });
});

test('P14 a connection that ends without goodbye, or sends no frames, is closed with a code', async () => {
  const torn = await nodeNetwork.connect(
    `ws://${await rawServer((socket) => socket.destroy())}/`,
    options,
  );
  torn.onMessage(() => undefined);
  expect(await closeOf(torn)).toMatchObject({ code: 1006 });
  const garbage = await rawServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(new Uint8Array(64).fill(0xff));
    socket.resume();
    socket.on('end', () => socket.end());
    socket.on('data', () => socket.end());
  });
  const odd = await nodeNetwork.connect(`ws://${garbage}/`, options);
  odd.onMessage(() => undefined);
  expect(await closeOf(odd)).toMatchObject({ code: 1002 });
});

test('P13 a refusal with an endless body is cut at 64 KiB', async () => {
  const server = http.createServer((_request, response) => {
    response.writeHead(500);
    const more = (): void => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', more);
    more();
  });
  cleanups.push(() => server.close());
  const connecting = nodeNetwork.connect(`ws://${await listen({ server })}/`, options);
  const error = (await connecting.catch((thrown: unknown) => thrown)) as {
    context: { body: string };
  };
  expect(error).toMatchObject({ code: 'CONNECT_FAILED', context: { status: 500 } });
  expect(error.context.body).toHaveLength(64 * 1024);
});

test('P14 handshakes that are none are refused before the owner is asked', async () => {
  expect(await converse(handshake('Upgrade: websocket'))).toMatch(/^HTTP\/1.1 404 /);
  let asked = 0;
  listener.onUpgrade(() => (asked += 1));
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
  for (const lines of [
    ['Upgrade: h2c', key, 'Sec-WebSocket-Version: 13'],
    ['Upgrade: websocket', 'Sec-WebSocket-Version: 13'],
    ['Upgrade: websocket', 'Sec-WebSocket-Key: short', 'Sec-WebSocket-Version: 13'],
    ['Upgrade: websocket', key, 'Sec-WebSocket-Version: 12'],
  ]) {
    expect(await converse(handshake(...lines))).toMatch(/^HTTP\/1.1 400 /);
  }
  expect(asked).toBe(0);
});

test.each(['unnoticed', 'noticed'])(
  'P14 a stranger who leaves during the decision, %s by the server, harms nobody',
  async (how) => {
    const asked = deferred<() => Channel>();
    const connected = deferred<net.Socket>();
    listener.server.on('connection', (socket) => connected.resolve(socket));
    listener.onUpgrade((_request, accept) => asked.resolve(() => accept(options)));
    const stranger = new WebSocket(`ws://${address}/`);
    stranger.on('error', () => undefined);
    const accept = await asked.promise;
    stranger.terminate();
    if (how === 'noticed') (await connected.promise).destroy();
    const channel = accept();
    channel.onMessage(() => undefined);
    expect(await closeOf(channel)).toMatchObject({ code: 1006 });
  },
);

test('P14 headers beyond the limit are refused with 431', async () => {
  listener.server.on('request', (_request, response) => response.end('reached'));
  const request = `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`;
  expect(await converse(request)).toMatch(/^HTTP\/1.1 431 /);
});

test('P14 the listener bounds headers, whole requests, idle and all connections', () => {
  const { server } = listener;
  expect(server.headersTimeout).toBeGreaterThan(0);
  expect(server.requestTimeout).toBeGreaterThan(server.headersTimeout);
  expect(server.keepAliveTimeout).toBeGreaterThan(0);
  expect(server.maxHeadersCount).toBeGreaterThan(0);
  expect(server.maxConnections).toBeGreaterThan(0);
});

test('a GET reuses its connection, and is sent again if the server had just closed it', async () => {
  let connections = 0;
  let requests = 0;
  const server = net.createServer((socket) => {
    connections += 1;
    let served = 0;
    socket.on('error', () => undefined);
    socket.on('data', () => {
      served += 1;
      // The third request on one connection meets what an idle timeout would do to it.
      if (served === 3) socket.resetAndDestroy();
      else {
        requests += 1;
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }
    });
  });
  cleanups.push(() => server.close());
  const url = `http://${await listen({ server })}/`;
  for (let index = 0; index < 3; index += 1) {
    const response = await nodeNetwork.request(url);
    expect(fromBytes(await response.bytes(2))).toBe('ok');
    // The connection goes back to the agent after the body's end.
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect([connections, requests]).toEqual([2, 3]);
});

test('a POST never goes on a kept connection', async () => {
  const ports = new Set<number | undefined>();
  listener.server.on('request', (request, response) => {
    ports.add(request.socket.remotePort);
    response.end();
  });
  for (let index = 0; index < 3; index += 1) {
    await (await nodeNetwork.request(`http://${address}/`, { method: 'POST' })).bytes(0);
  }
  expect(ports.size).toBe(3);
});

test('a slow source of a body is not taken for a slow server', async () => {
  listener.server.on('request', (request, response) => {
    request.resume();
    request.on('end', () => response.end('done'));
  });
  async function* source(): AsyncGenerator<Uint8Array> {
    const started = performance.now();
    yield new Uint8Array(10);
    await until('the timeout would be over twice', () => performance.now() - started > 500);
    yield new Uint8Array(10);
  }
  const body = source();
  const response = await nodeNetwork.request(`http://${address}/`, {
    method: 'POST',
    body,
    timeoutMs: 250,
  });
  expect(fromBytes(await response.bytes(4))).toBe('done');
});

test('a server that was stopped by its framework is closed all the same', async () => {
  const { server } = listener;
  listener.onUpgrade((_request, accept) => accept(options));
  const near = await nodeNetwork.connect(`ws://${address}/`, options);
  near.onMessage(() => undefined);
  server.close();
  await listener.close();
  expect(await closeOf(near)).toMatchObject({ code: 1001 });
  server.getConnections((_error, count) => expect(count).toBe(0));
});

test('many requests at once with one signal are warned of as a leak by nobody', async () => {
  const warnings: string[] = [];
  const note = (warning: Error): number => warnings.push(warning.name);
  process.on('warning', note);
  cleanups.push(() => process.off('warning', note));
  listener.server.on('request', (_request, response) => response.end('here'));
  const { signal } = new AbortController();
  const answers = Array.from({ length: 30 }, async () => {
    const response = await nodeNetwork.request(`http://${address}/`, { signal });
    return fromBytes(await response.bytes(100));
  });
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['here']));
  // A warning comes a turn later.
  await new Promise(setImmediate);
  expect(warnings).toEqual([]);
});
