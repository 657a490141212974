// The table of transactions of clients: its bounds, and a database that goes offline while one begins.
import { Database, createDatabase } from '@pamina/engine';
import { PaminaError } from '@pamina/format';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { join } from 'node:path';
import { RemoteTransactions } from '../src/remote-transactions.js';
import { env, Workbench } from './workbench.js';

const code = (expected: string) => expect.objectContaining({ code: expected });
const limits = { openMax: 2, endedMax: 2 };

let bench: Workbench;
let database: Database;

beforeEach(async () => {
  bench = await Workbench.open();
  const folder = join(bench.folder, 'cities');
  await createDatabase(folder, { env });
  database = await Database.open(folder, { env });
});
afterEach(async () => {
  await database.close();
  await bench.close();
});

it('P13 begins so many at once and no more, and one more for each that ends', async () => {
  const table = new RemoteTransactions(database, limits);
  const [first] = await Promise.all([table.begin({}), table.begin({})]);
  await expect(table.begin({})).rejects.toThrow(code('TRANSACTIONS_FULL'));
  await first?.call((transaction) => transaction.rollback());
  await table.begin({});
  await table.end(new PaminaError('DATABASE_OFFLINE', 'over'));
});

it('P13 remembers how the last ones ended, and forgets the first of them', async () => {
  const table = new RemoteTransactions(database, limits);
  const ids: string[] = [];
  for (let at = 0; at < 3; at += 1) {
    const one = await table.begin({});
    ids.push(one.id);
    await one.call((transaction) => transaction.rollback());
  }
  const [first = '', ...others] = ids;
  expect(() => table.find(first)).toThrow(code('TRANSACTION_NOT_FOUND'));
  expect(others.map((id) => table.find(id).id)).toEqual(others);
  await table.end(new PaminaError('DATABASE_OFFLINE', 'over'));
});

it('P9 one that begins while its database goes offline does not begin, and holds nothing', async () => {
  const table = new RemoteTransactions(database, limits);
  const beginning = expect(table.begin({})).rejects.toThrow(code('DATABASE_OFFLINE'));
  await table.end(new PaminaError('DATABASE_OFFLINE', 'cities is going offline'));
  await beginning;
  await expect(table.begin({})).rejects.toThrow(code('DATABASE_OFFLINE'));
  expect(database.transactions.size).toBe(0);
});
