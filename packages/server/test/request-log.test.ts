// What is written of requests: one line each, with an id that is in the answer too, and nothing that is secret.

import { connect } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { LogLevel } from '../src/server-log.js';
import type { HostServer, ServeOptions } from '../src/server.js';
import { ask, askJson } from './asking.js';
import { eventually, Workbench } from './workbench.js';

let bench: Workbench;
let text: string;
const token = 'papageno-papagena-tamino';
const headers = { authorization: `Bearer ${token}` };

beforeEach(async () => {
  bench = await Workbench.open();
  text = '';
});
afterEach(() => bench.close());

function served(level: LogLevel, options: Partial<ServeOptions> = {}): Promise<HostServer> {
  const write = (line: string): void => {
    text += line;
  };
  return bench.server({ token, log: { level, write }, ...options });
}

const lines = (): Record<string, unknown>[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const requests = () => lines().filter(({ msg }) => msg === 'request');
const untilRequests = (count: number) =>
  eventually(
    () => Promise.resolve(requests()),
    (found) => found.length >= count,
  );

it('has one line of JSON a request, with the pattern of its route', async () => {
  const server = await served('info');
  await server.host.create('cities');
  const answer = await ask(server, '/v1/databases/cities/put', {
    body: { key: 'secret-key', value: 'secret-value' },
    headers,
  });
  const [line] = await untilRequests(1);
  expect(line).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/) as string,
    msg: 'request',
    requestId: answer.headers['x-request-id'],
    method: 'POST',
    route: '/v1/databases/:name/put',
    database: 'cities',
    status: 200,
    ms: expect.any(Number) as number,
    remote: '127.0.0.1',
  });
  // It waited for a disk.
  expect(line?.['ms']).toBeGreaterThan(0);
});

it('P14 never has tokens, keys, values, or what strangers put into paths', async () => {
  const server = await served('debug');
  await server.host.create('cities');
  const post = (path: string, body: unknown) => ask(server, path, { body, headers });
  await post('/v1/databases/cities/put', { key: 'secret-key', value: 'secret-value' });
  await post('/v1/databases/cities/get', { key: 'secret-missing' });
  await post('/v1/databases/cities/put', { key: 7, 'secret-field': 1 });
  await ask(server, '/v1/databases/secret%0aname%1b%5b31m/put', { body: {}, headers });
  await ask(server, '/v1/secret-path?token=secret-token', { headers });
  await ask(server, '/v1/databases', {
    headers: { authorization: 'Bearer secret-guess-16-chars' },
  });
  await ask(server, `/v1/databases?token=${token}`);
  await ask(server, '/v1/secret%zz', { headers });
  expect(await untilRequests(8)).toHaveLength(8);
  expect(text).not.toMatch(/secret|papageno|\u001b/);
  expect(lines().length).toBe(text.trimEnd().split('\n').length);
  expect(requests().map(({ code, status }) => [status, code])).toContainEqual([
    404,
    'KEY_NOT_FOUND',
  ]);
});

it('takes an id that comes with the request, and gives it back with answers, errors and streams', async () => {
  const server = await served('info');
  await server.host.create('cities');
  const mine = { ...headers, 'x-request-id': 'order-7/try:2' };
  const refused = await ask(server, '/v1/databases/none', { headers: mine });
  expect(refused.headers['x-request-id']).toBe('order-7/try:2');
  expect(JSON.parse(refused.text)).toMatchObject({
    error: { code: 'DATABASE_NOT_FOUND' },
    requestId: 'order-7/try:2',
  });
  const streamed = await ask(server, '/v1/databases/cities/export', { headers: mine });
  expect(streamed.headers['x-request-id']).toBe('order-7/try:2');
  const failed = await askJson(server, '/v1/databases/none/export', { headers: mine });
  expect(failed.body).toMatchObject({ requestId: 'order-7/try:2' });
  expect((await untilRequests(3)).map(({ requestId }) => requestId)).toEqual(
    Array.from({ length: 3 }, () => 'order-7/try:2'),
  );
});

it('P14 takes no id that is none, and makes one', async () => {
  const server = await served('info');
  const seen = new Set<string>();
  for (const id of ['', '-x', 'a b', 'x'.repeat(129), 'a"b', '{}', 'a\u00e9']) {
    const got = (await ask(server, '/health', { headers: { 'x-request-id': id } })).headers;
    expect(got['x-request-id']).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/);
    seen.add(got['x-request-id'] ?? '');
  }
  expect(seen.size).toBe(7);
});

it('by default says what is wrong here and nothing else', async () => {
  const server = await served('warn');
  await server.host.create('cities');
  await ask(server, '/health');
  await ask(server, '/v1/databases/none', { headers });
  await ask(server, '/health?database=none');
  await server.close();
  expect(text).toBe('');
});

it('says where a fault of the program was, without its words', async () => {
  const server = await served('warn');
  Object.defineProperty(server.host, 'list', {
    value: () => Promise.reject(new RangeError('secret words')),
  });
  const answer = await ask(server, '/v1/databases', { headers });
  expect(answer.status).toBe(500);
  const [line] = await untilRequests(1);
  expect(line).toMatchObject({ level: 'error', status: 500, code: 'INTERNAL', kind: 'RangeError' });
  expect(line?.['at']).toContainEqual(expect.stringMatching(/^at .*request-log\.test/));
  expect(text).not.toContain('secret words');
});

it('has a line for a client that went away in the middle', async () => {
  const server = await served('info');
  await server.host.create('cities');
  const { hostname, port } = new URL(server.address);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(
    `GET /v1/databases/cities/job-log?follow=true HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`,
  );
  await new Promise((resolve) => socket.once('data', resolve));
  socket.destroy();
  expect((await untilRequests(1))[0]).toMatchObject({
    route: '/v1/databases/:name/job-log',
    cut: true,
  });
});

it('tells its own beginning and end', async () => {
  const server = await served('info');
  await server.close();
  expect(lines().map(({ msg }) => msg)).toEqual(['listening', 'stopping', 'stopped']);
});

it('P14 tells by itself of requests that are refused for their token', async () => {
  const server = await served('warn');
  await ask(server, '/v1/databases', { headers: { authorization: `Bearer ${'x'.repeat(32)}` } });
  await ask(server, '/v1/databases', { headers });
  const found = await untilRequests(1);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ level: 'warn', status: 401, code: 'UNAUTHORIZED' });
  expect(text).not.toContain('xxxx');
});
