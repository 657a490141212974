// Pages of a range over HTTP, on and back, and cursors that somebody changed.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HostServer } from '../src/server.js';
import { askJson } from './asking.js';
import { Workbench } from './workbench.js';

interface Page {
  readonly entries: { key: string; value: string }[];
  readonly cursor: string | null;
}

let bench: Workbench;
let server: HostServer;
const keys = Array.from({ length: 25 }, (_, at) => `k${String(at).padStart(2, '0')}`);

beforeAll(async () => {
  bench = await Workbench.open();
  server = await bench.server();
  await server.host.create('cities');
  const put = (key: string) => ({ type: 'put' as const, key, value: `of ${key}` });
  await server.host.batch('cities', [...keys.map(put), put('ü–𝄞'), put('zz')]);
});
afterAll(() => bench.close());

const page = (body?: unknown) =>
  askJson<Page>(server, '/v1/databases/cities/range', { method: 'POST', body });

async function all(body: object): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | null = null;
  do {
    const { body: got, status }: { body: Page; status: number } = await page({
      ...body,
      ...(cursor !== null && { cursor }),
    });
    expect(status).toBe(200);
    found.push(...got.entries.map(({ key }) => key));
    cursor = got.cursor;
  } while (cursor !== null);
  return found;
}

it('gives all entries in pages, on and back, each once', async () => {
  const every = [...keys, 'zz', 'ü–𝄞'];
  expect(await all({ limit: 4 })).toEqual(every);
  expect(await all({ limit: 1, reverse: true })).toEqual(every.toReversed());
  expect(await all({ limit: 3, prefix: 'k1', gt: 'k12' })).toEqual(keys.slice(13, 20));
  expect(await all({ limit: 2, gte: 'k03', lte: 'k07', reverse: true })).toEqual(
    keys.slice(3, 8).toReversed(),
  );
});

it('ends without a cursor where a page ends with the last entry, and begins without a body', async () => {
  expect((await page({ prefix: 'k', limit: 25 })).body.cursor).toBeNull();
  expect((await page({ prefix: 'nothing' })).body).toEqual({ entries: [], cursor: null });
  const { body } = await page();
  expect(body.entries).toHaveLength(27);
  expect(body.entries[0]).toEqual({ key: 'k00', value: 'of k00' });
});

it('sees what is written between two pages where it lies ahead, and not behind', async () => {
  const first = await page({ prefix: 'k2', limit: 2 });
  await server.host.batch('cities', [
    { type: 'put', key: 'k20a', value: '' },
    { type: 'put', key: 'k23a', value: '' },
  ]);
  const next = await page({ prefix: 'k2', limit: 100, cursor: first.body.cursor });
  expect(next.body.entries.map(({ key }) => key)).toEqual(['k22', 'k23', 'k23a', 'k24']);
});

it('P13 a page ends with its bytes, whatever its limit', async () => {
  const value = 'x'.repeat(1_500_000);
  for (const key of ['w1', 'w2', 'w3', 'w4']) await server.host.put('cities', key, value);
  const { body } = await page({ prefix: 'w', limit: 100 });
  expect(body.entries.map(({ key }) => key)).toEqual(['w1', 'w2', 'w3']);
  expect(await all({ prefix: 'w' })).toEqual(['w1', 'w2', 'w3', 'w4']);
});

it('P14 refuses cursors of other bounds, and those that nobody gave', async () => {
  const { body } = await page({ limit: 1 });
  const cursor = body.cursor ?? '';
  for (const wrong of [
    { cursor, prefix: 'k' },
    { cursor, reverse: true },
    { cursor: `${cursor}=` },
    { cursor: 'k1' },
    { cursor: `k1${'0'.repeat(8)}azAw` },
    { cursor: `${cursor.slice(0, 10)}_w` },
  ])
    expect(await page(wrong), JSON.stringify(wrong)).toMatchObject({
      status: 400,
      body: { error: { code: 'CURSOR_INVALID' } },
    });
  for (const wrong of [{ limit: 0 }, { limit: 10_001 }, { limit: '5' }, { cursor: '' }, { at: 1 }])
    expect(await page(wrong), JSON.stringify(wrong)).toMatchObject({ status: 400 });
});

it('P14 no cursor is an error of the server, whatever it is', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1, unit: 'binary' }), async (cursor) => {
      expect((await page({ cursor })).status).toBe(400);
    }),
    { numRuns: 100 },
  );
});
