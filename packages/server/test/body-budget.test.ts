// Large requests on a real connection, more of them than may be under way.

import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { valueBodyBytesMax } from '@pamina/wire';
import type { HostServer } from '../src/server.js';
import { eventually, Workbench } from './workbench.js';

let bench: Workbench;
let server: HostServer;
const sockets: Socket[] = [];

beforeEach(async () => {
  bench = await Workbench.open();
  server = await bench.server();
  await server.host.create('cities');
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await bench.close();
});

/** Sends the head of a request, and gives back what was answered so far whenever it is asked. */
async function announce(head: string): Promise<{ socket: Socket; answer: () => string }> {
  const { hostname, port } = new URL(server.address);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  let text = '';
  socket.on('data', (bytes: Buffer) => (text += bytes.toString()));
  socket.on('error', () => socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(
    `POST /v1/databases/cities/put HTTP/1.1\r\nHost: ${hostname}\r\n` +
      `Content-Type: application/json\r\n${head}\r\n\r\n`,
  );
  return { socket, answer: () => text };
}

const large = `Content-Length: ${valueBodyBytesMax}`;

it('P13 bodies that are being read are bounded all together, and make room when they end', async () => {
  const [first] = await Promise.all([1, 2, 3, 4].map(() => announce(large)));
  const refused = async () => {
    const one = await announce(large);
    const begun = await eventually(
      () => Promise.resolve(one.answer()),
      (text) => text.includes('\r\n\r\n'),
    );
    one.socket.destroy();
    return begun;
  };
  expect(await refused()).toContain('BACKLOG_FULL');
  // One that does not say how long it is counts as the longest.
  const chunked = await announce('Transfer-Encoding: chunked');
  await eventually(
    () => Promise.resolve(chunked.answer()),
    (text) => text.includes('BACKLOG_FULL'),
  );
  // What is small is not in the way.
  const small = await announce('Content-Length: 25');
  small.socket.write('{"key":"a","value":"123"}');
  await eventually(
    () => Promise.resolve(small.answer()),
    (text) => text.includes('200 OK'),
  );
  first?.socket.destroy();
  await eventually(
    async () => {
      const one = await announce('Content-Length: 100000');
      one.socket.write(JSON.stringify({ key: 'b', value: 'v'.repeat(100_000 - 22) }));
      return eventually(
        () => Promise.resolve(one.answer()),
        (text) => text !== '',
      );
    },
    (text) => text.includes('200 OK'),
  );
});

it('P13 a body of too many parts is refused before it is parsed', async () => {
  const body = `{"operations":[${'[],'.repeat(1_100_000)}[]]}`;
  const response = await fetch(`${server.address}/v1/databases/cities/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  expect(response.status).toBe(400);
  expect(await response.text()).toContain('parts');
});
