// What the answers of all connections of a server hold together.

import { callsReadingMax } from '@pamina/format';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AnswersBudget } from '../src/answers-budget.js';
import type { OnlineDatabase } from '../src/online-database.js';
import { HandClient, settled } from './calls-workbench.js';
import { env, Workbench } from './workbench.js';

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
    const budget = new AnswersBudget(env.clock, 32 * mebibyte);
    const clients = await clientsOf(20, budget);
    for (const client of clients) await stallOne(client, 50);
    const held = clients
      .filter(({ channel }) => channel.closed === null)
      .reduce((all, { channel }) => all + channel.bufferedBytes, 0);
    expect(held).toBeLessThanOrEqual(32 * mebibyte);
    await leave(clients);
  });

  it('hold up nobody who takes his, however large', async () => {
    const budget = new AnswersBudget(env.clock, 32 * mebibyte);
    const [reader, ...others] = (await clientsOf(20, budget)) as [HandClient, ...HandClient[]];
    for (const client of others) await stallOne(client, 50);
    for (let at = 0; at < 100; at++) reader.get(at % 2 === 0 ? 'large' : 'small');
    reader.send();
    await settled(() => reader.answers.size === 100);
    expect(reader.channel.closed).toBeNull();
    await leave([reader, ...others]);
  });

  it('end the connection that holds the most where there is no room left at all', async () => {
    const budget = new AnswersBudget(env.clock, 32 * mebibyte);
    const clients = await clientsOf(30, budget);
    for (const client of clients) await stallOne(client, 50);
    await settled(() => clients.some(({ channel }) => channel.closed !== null));
    const ended = clients.filter(({ channel }) => channel.closed !== null);
    expect(ended.length).toBeGreaterThan(0);
    expect(ended.length).toBeLessThan(clients.length);
    expect(ended.map(({ channel }) => channel.closed?.message)).toEqual(ended.map(() => 'TIMEOUT'));
    await leave(clients);
  });

  it('go on where they were held back, once they are taken', async () => {
    const budget = new AnswersBudget(env.clock, 32 * mebibyte);
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

  it('of a connection that is gone are let go of, also those that come later', async () => {
    const budget = new AnswersBudget(env.clock, 32 * mebibyte);
    const clients = await clientsOf(4, budget);
    for (const client of clients) {
      for (let at = 0; at < 4; at++) client.get('large');
      client.send();
      client.channel.leave();
    }
    for (const client of clients) await client.served;
    expect(clients.map(({ answers }) => answers.size)).toEqual([0, 0, 0, 0]);
    expect(budget.heldBytes).toBe(0);
  });

  it('count until the system has let go of them, whatever ended the connection', async () => {
    const budget = new AnswersBudget(env.clock, 32 * mebibyte);
    const [client] = (await clientsOf(1, budget)) as [HandClient];
    await stallOne(client, 20);
    await settled(() => client.channel.bufferedBytes > 8 * mebibyte);
    client.channel.resume();
    client.channel.deliver(new TextEncoder().encode('GET / HTTP/1.1'));
    await client.served;
    expect(client.channel.closed).toMatchObject({ code: 4400 });
    expect(budget.heldBytes).toBeGreaterThan(8 * mebibyte);
    await leave([client]);
    expect(budget.heldBytes).toBe(0);
  });

  it('are let go of at once where there is no room left, not behind a goodbye', async () => {
    const budget = new AnswersBudget(env.clock, 32 * mebibyte);
    const clients = await clientsOf(30, budget);
    for (const client of clients) await stallOne(client, 50);
    await settled(() => clients.some(({ channel }) => channel.closed !== null));
    const ended = clients.filter(({ channel }) => channel.closed !== null);
    expect(ended.length).toBeGreaterThan(0);
    expect(ended.every(({ channel }) => channel.isAbandoned)).toBe(true);
    await leave(clients);
  });

  it('of reads no more are under way than LevelDB needs, however small those before were', async () => {
    const [client] = (await clientsOf(1, new AnswersBudget(env.clock))) as [HandClient];
    // The values of late say nothing of the next ones.
    for (let at = 0; at < 1500; at++) client.get('small');
    client.send();
    await settled(() => client.answers.size === 1500);
    client.channel.isTaking = false;
    for (let at = 0; at < 300; at++) client.get('large');
    client.send();
    await settled(() => client.channel.isPaused && client.channel.bufferedBytes > 64 * mebibyte);
    const mostBytes = (callsReadingMax + 8 + 1) * mebibyte;
    expect(client.channel.bufferedBytes).toBeLessThan(mostBytes);
    expect(client.channel.closed).toBeNull();
    client.channel.isTaking = true;
    await settled(() => {
      client.channel.takeAll();
      return client.answers.size === 1800;
    });
    await leave([client]);
  });

  it('leave no trace of a connection that is gone', async () => {
    const budget = new AnswersBudget(env.clock, 32 * mebibyte);
    for (let round = 0; round < 5; round++) {
      const clients = await clientsOf(2, budget);
      for (const client of clients) await stallOne(client, 20);
      expect(clients.every(({ channel }) => channel.closed === null)).toBe(true);
      await leave(clients);
    }
  });
});

describe('P13 who gives way where there is no room left', () => {
  /** Holds and has taken what a test says. */
  class HandHolder {
    unsentBytes = 0;
    takenBytes = 0;
    isLetGoOf = false;

    readonly #budget: AnswersBudget;

    constructor(budget: AnswersBudget) {
      this.#budget = budget;
    }

    holds(mebibytes: number): void {
      this.unsentBytes = mebibytes * mebibyte;
      this.#budget.note(this);
    }

    takes(mebibytes: number): void {
      this.unsentBytes -= mebibytes * mebibyte;
      this.takenBytes += mebibytes * mebibyte;
    }

    letGo(): void {
      this.isLetGoOf = true;
      this.unsentBytes = 0;
    }
  }

  let nowMs = 0;
  const budgetOf = (mebibytes: number): AnswersBudget =>
    new AnswersBudget({ monotonic: () => nowMs }, mebibytes * mebibyte);

  it('is who takes nothing, not who holds more and takes it', () => {
    const budget = budgetOf(32);
    const [reader, silent, third] = [0, 1, 2].map(() => new HandHolder(budget)) as [
      HandHolder,
      HandHolder,
      HandHolder,
    ];
    reader.holds(20);
    silent.holds(10);
    for (let second = 0; second < 5; second++) {
      nowMs += 1000;
      reader.takes(1);
      reader.holds(20);
    }
    third.holds(5);
    expect([reader, silent, third].map(({ isLetGoOf }) => isLetGoOf)).toEqual([false, true, false]);
    expect(budget.heldBytes).toBe(25 * mebibyte);
  });

  it('is who holds the most of those who take nothing', () => {
    const budget = budgetOf(32);
    const silent = [5, 8, 6].map((mebibytes) => {
      const holder = new HandHolder(budget);
      holder.holds(mebibytes);
      return holder;
    });
    nowMs += 5000;
    const last = new HandHolder(budget);
    last.holds(20);
    expect(silent.map(({ isLetGoOf }) => isLetGoOf)).toEqual([false, true, false]);
    expect(last.isLetGoOf).toBe(false);
  });

  it('is who holds the most, where all take what is theirs', () => {
    const budget = budgetOf(32);
    const holders = [8, 12, 10].map((mebibytes) => {
      const holder = new HandHolder(budget);
      holder.holds(mebibytes);
      return holder;
    });
    nowMs += 5000;
    for (const holder of holders) holder.takes(1);
    new HandHolder(budget).holds(8);
    expect(holders.map(({ isLetGoOf }) => isLetGoOf)).toEqual([false, true, false]);
  });
});
