// The two logs of a database as the host shows them.

import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { collect, Workbench } from './workbench.js';

let bench: Workbench;
let host: Host;

beforeEach(async () => {
  bench = await Workbench.open();
  host = await bench.host();
  await host.create('cities');
});
afterEach(() => bench.close());

it('shows records with their operations and their places', async () => {
  await host.batch('cities', [
    { type: 'put', key: 'Zürich', value: 'four' },
    { type: 'del', key: 'b' },
  ]);
  await host.allow('cities', 'replica');
  const lines = await collect(host.log('cities'));
  expect(lines.map(({ seq }) => seq)).toEqual(lines.map((_, at) => at + 1));
  expect(lines[0]).toMatchObject({ kind: 'session', body: { session: 1, name: 'cities' } });
  expect(lines[1]).toMatchObject({
    position: '1/2',
    kind: 'commit',
    operationCount: 2,
    operations: [
      { type: 'put', space: 'user', key: 'Zürich', valueBytes: 4 },
      { type: 'del', space: 'user', key: 'b', valueBytes: null },
    ],
    body: null,
  });
  const system = lines
    .flatMap(({ operations }) => operations)
    .find(({ space }) => space === 'system');
  expect(system).toMatchObject({ key: 'permitted/replica' });
});

it('shows a part, from a record on', async () => {
  for (const key of ['a', 'b', 'c']) await host.put('cities', key, key);
  const all = await collect(host.log('cities'));
  expect(await collect(host.log('cities', { from: 2, limit: 2 }))).toEqual(all.slice(1, 3));
  expect(await collect(host.log('cities', { limit: 0 }))).toEqual([]);
});

it('P13 shows the first operations of a large commit and how many there are', async () => {
  const operations = Array.from({ length: 50 }, (_, at) => ({
    type: 'put' as const,
    key: `${at}`,
    value: '',
  }));
  await host.batch('cities', operations);
  const [commit] = await collect(host.log('cities', { from: 2, limit: 1 }));
  expect(commit).toMatchObject({ operationCount: 50 });
  expect(commit?.operations).toHaveLength(20);
});

it('shows the newest lines of the job log, oldest first', async () => {
  await host.put('cities', 'a', '1');
  await host.allow('cities', 'one');
  await host.allow('cities', 'two');
  const events = await collect(host.jobLog('cities'));
  const messages = events.map(({ message }) => message);
  expect(messages.findIndex((message) => message.includes('one'))).toBeLessThan(
    messages.findIndex((message) => message.includes('two')),
  );
  expect(events.every(({ time }) => Number.isInteger(time))).toBe(true);
  expect(await collect(host.jobLog('cities', { lines: 2 }))).toEqual(events.slice(-2));
  expect(await collect(host.jobLog('cities', { lines: 0 }))).toEqual([]);
});

it('follows the job log of an offline database that somebody else works on, until told to stop', async () => {
  await host.allow('cities', 'before');
  const ending = new AbortController();
  const events = host.jobLog('cities', { lines: 1, follow: true, signal: ending.signal });
  const seen: string[] = [];
  const following = (async () => {
    for await (const { message } of events) {
      seen.push(message);
      if (seen.length === 1) await host.allow('cities', 'after');
      if (message.includes('after')) ending.abort();
    }
  })();
  await following;
  expect(seen.filter((message) => message.includes('after'))).toHaveLength(1);
});
