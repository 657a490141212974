import { RemoteAdministration } from '@pamina/client';
import { nodeEnv } from '@pamina/env';
import { Host } from '@pamina/server';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findTarget } from '../src/target.js';

let dataFolder: string;
let server: Server | null = null;
let requests: IncomingMessage[] = [];

beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'pamina-target-'));
  requests = [];
});

afterEach(async () => {
  server?.closeAllConnections();
  await new Promise<void>((resolve) =>
    server === null ? resolve() : server.close(() => resolve()),
  );
  server = null;
  await rm(dataFolder, { recursive: true });
});

async function answering(status: number, body: unknown): Promise<string> {
  server = createServer((request, response) => {
    requests.push(request);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function databaseFolder(name: string): Promise<void> {
  await mkdir(join(dataFolder, name));
  await writeFile(join(dataFolder, name, 'control.json'), '{}');
}

function serverFile(address: string, startedAt: unknown = 5): Promise<void> {
  return writeFile(join(dataFolder, 'server.json'), JSON.stringify({ address, pid: 1, startedAt }));
}

function find(name: string | null, token: string | null = null) {
  const directory = join(dataFolder, 'directory.json');
  const places = { dataFolder, directory, tokenFile: null };
  return findTarget(name, { env: nodeEnv(), places, token });
}

const pamina = { product: 'pamina', instance: 'ab', startedAt: 5 };

it('a hosted data folder is administered through its server', async () => {
  const address = await answering(200, pamina);
  await serverFile(address);
  await databaseFolder('cities');
  for (const name of [null, 'cities']) {
    const found = await find(name);
    expect(found).toBeInstanceOf(RemoteAdministration);
    expect((found as RemoteAdministration).address).toBe(address);
    await found.close();
  }
});

it('a data folder without a server is administered directly', async () => {
  await databaseFolder('cities');
  const found = await find('cities');
  expect(found).toBeInstanceOf(Host);
  await found.close();
});

it.each([
  ['another server that has the port now', 200, { ...pamina, startedAt: 6 }],
  ['another program that has the port now', 404, { error: 'Not Found' }],
  ['another program that answers nonsense', 200, []],
])('a server file left behind is told by %s', async (_what, status, body) => {
  await serverFile(await answering(status, body));
  await databaseFolder('cities');
  const found = await find('cities', 'secret-secret-secret');
  expect(found).toBeInstanceOf(Host);
  await found.close();
  expect(requests).toHaveLength(1);
});

it('P14 the token is not sent before it is known who answers', async () => {
  await serverFile(await answering(200, { ...pamina, startedAt: 6 }));
  await (await find(null, 'secret-secret-secret')).close();
  expect(requests[0]?.headers.authorization).toBeUndefined();
});

it.each(['not JSON', 'null', '{"address":1}', '{"address":"http://127.0.0.1:1","startedAt":5}'])(
  'a server file of %j is as none',
  async (text) => {
    await writeFile(join(dataFolder, 'server.json'), text);
    await databaseFolder('cities');
    const found = await find('cities');
    expect(found).toBeInstanceOf(Host);
    await found.close();
  },
);

it('a name that is not here is found by the directory', async () => {
  const entry = { address: 'http://127.0.0.1:9', instance: null, since: null };
  await writeFile(join(dataFolder, 'directory.json'), JSON.stringify({ far: entry }));
  const found = await find('far');
  expect((found as RemoteAdministration).address).toBe('http://127.0.0.1:9');
  await found.close();
});

it('P9 a name that is nowhere is DATABASE_NOT_FOUND and says where it was looked for', async () => {
  await expect(find('nowhere')).rejects.toMatchObject({
    code: 'DATABASE_NOT_FOUND',
    message: expect.stringContaining(dataFolder) as string,
  });
});

it.each(['../etc', '', '.', 'a/b', 'x'.repeat(65)])(
  'P14 %.10j is refused as a name',
  async (name) => {
    await expect(find(name)).rejects.toMatchObject({ code: 'NAME_INVALID' });
  },
);
