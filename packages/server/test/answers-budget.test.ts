// What the answers of all connections of a server hold together.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AnswersBudget } from '../src/answers-budget.js';
import type { OnlineDatabase } from '../src/online-database.js';
import { HandClient } from './calls-workbench.js';
import { eventually, Workbench } from './workbench.js';

const mebibyte = 1024 * 1024;
const large = 'x'.repeat(mebibyte);

let workbench: Workbench;
let online: OnlineDatabase;
beforeEach(async () => {
  workbench = await Workbench.open();
  const server = await workbench.server();
  await server.host.create('orders');
  online = server.host.requireOnline('orders');
  await online.database.put('large', large);
  await online.database.put('small', 'y');
});
afterEach(() => workbench.close());

const settled = (ask: () => boolean): Promise<boolean> =>
  eventually(
    () => Promise.resolve(ask()),
    (value) => value,
  );

async function clientsOf(count: number, budget: AnswersBudget): Promise<HandClient[]> {
  const clients = Array.from({ length: count }, () => new HandClient(online, undefined, budget));
  for (const client of clients) await client.hello();
  return clients;
}

async function leave(clients: readonly HandClient[]): Promise<void> {
  for (const client of clients) {
    client.channel.leave();
    await client.served;
  }
}

/** Asks for so many large values, and takes none. */
async function stallOne(client: HandClient, count: number): Promise<void> {
  client.channel.isTaking = false;
  for (let at = 0; at < count; at++) client.get('large');
  client.send();
  await settled(() => client.channel.isPaused && client.answers.size > 0);
}

describe('P13 the answers that nobody takes, of all connections', () => {
  it('are no more than the bound, however many connections there are', async () => {
    const budget = new AnswersBudget(32 * mebibyte);
    const clients = await clientsOf(20, budget);
    for (const client of clients) await stallOne(client, 50);
    const held = clients
      .filter(({ channel }) => channel.closed === null)
      .reduce((all, { channel }) => all + channel.bufferedBytes, 0);
    expect(held).toBeLessThanOrEqual(32 * mebibyte);
    await leave(clients);
  });

  it('hold up nobody who takes his, however large', async () => {
    const budget = new AnswersBudget(32 * mebibyte);
    const [reader, ...others] = (await clientsOf(20, budget)) as [HandClient, ...HandClient[]];
    for (const client of others) await stallOne(client, 50);
    for (let at = 0; at < 100; at++) reader.get(at % 2 === 0 ? 'large' : 'small');
    reader.send();
    await settled(() => reader.answers.size === 100);
    expect(reader.channel.closed).toBeNull();
    await leave([reader, ...others]);
  });

  it('end the connection that holds the most where there is no room left at all', async () => {
    const budget = new AnswersBudget(32 * mebibyte);
    const clients = await clientsOf(30, budget);
    for (const client of clients) await stallOne(client, 50);
    const ended = clients.filter(({ channel }) => channel.closed !== null);
    expect(ended.length).toBeGreaterThan(0);
    expect(ended.length).toBeLessThan(clients.length);
    expect(ended.map(({ refusal }) => refusal)).toEqual(ended.map(() => 'TIMEOUT'));
    await leave(clients);
  });

  it('go on where they were held back, once they are taken', async () => {
    const budget = new AnswersBudget(32 * mebibyte);
    const [first, second] = (await clientsOf(2, budget)) as [HandClient, HandClient];
    await stallOne(first, 20);
    await stallOne(second, 20);
    for (const client of [first, second]) client.channel.isTaking = true;
    await settled(() => {
      first.channel.takeAll();
      second.channel.takeAll();
      return first.answers.size === 20 && second.answers.size === 20;
    });
    expect([first, second].map(({ channel }) => channel.isPaused)).toEqual([false, false]);
    await leave([first, second]);
  });

  it('leave no trace of a connection that is gone', async () => {
    const budget = new AnswersBudget(32 * mebibyte);
    for (let round = 0; round < 5; round++) {
      const clients = await clientsOf(2, budget);
      for (const client of clients) await stallOne(client, 20);
      expect(clients.every(({ channel }) => channel.closed === null)).toBe(true);
      await leave(clients);
    }
  });
});
