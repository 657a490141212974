// One connection of calls by itself: what it begins, what it holds back, what ends it.

import {
  answersUnsentBytesMax,
  callKeysMax,
  callReadersMax,
  callsUnderWayMax,
  PaminaError,
  packBytes,
} from '@pamina/format';
import { answerStatus, callVerb, encodeCallsControl } from '@pamina/wire';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OnlineDatabase } from '../src/online-database.js';
import { HandClient, settled } from './calls-workbench.js';
import { env, Workbench } from './workbench.js';

let workbench: Workbench;
let online: OnlineDatabase;
beforeEach(async () => {
  workbench = await Workbench.open();
  const server = await workbench.server();
  await server.host.create('orders');
  online = server.host.requireOnline('orders');
});
afterEach(() => workbench.close());

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

describe('calls', () => {
  it('P12 a read sees what was acknowledged before it came, also as the snapshot that was opened before a write', async () => {
    await online.database.put('a', 'before');
    const client = new HandClient(online);
    await client.hello();
    client.add(callVerb.openSnapshot, (writer) => writer.u32(7));
    const put = client.add(callVerb.put, (writer) => {
      writer.sized('a');
      writer.datum('after');
    });
    client.send();
    await settled(() => client.answers.has(put));
    const old = client.add(callVerb.get, (writer) => {
      writer.u32(7);
      writer.datum('a');
    });
    const now = client.get('a');
    const missing = client.get('b');
    client.send();
    await settled(() => [old, now, missing].every((number) => client.answers.has(number)));
    expect(textOf(client.answers.get(old)?.body)).toBe('before');
    expect(textOf(client.answers.get(now)?.body)).toBe('after');
    expect(client.answers.get(missing)?.code).toBe(answerStatus.nothing);
    client.channel.leave();
    await client.served;
  });

  it('answers that are ready in one turn are one message', async () => {
    const client = new HandClient(online);
    await client.hello();
    const before = client.channel.received.length;
    for (let at = 0; at < 100; at++) client.add(callVerb.look);
    client.send();
    await settled(() => client.answers.size === 100);
    expect(client.channel.received.length).toBe(before + 1);
    client.channel.leave();
    await client.served;
  });

  it('any number of connections are no leak to Node', async () => {
    const warnings: string[] = [];
    const warned = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', warned);
    const clients = Array.from({ length: 20 }, () => new HandClient(online));
    for (const client of clients) await client.hello();
    for (const client of clients) {
      client.channel.leave();
      await client.served;
    }
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });

  it('P14 who may not write is refused each write and each transaction, and can read', async () => {
    await online.database.put('a', 'here');
    const client = new HandClient(online, {
      requireWrite() {
        throw new PaminaError('FORBIDDEN', 'may not write');
      },
    });
    await client.hello();
    const operations = [{ type: 'put', key: 'a', value: 'other' }] as const;
    const refused = [
      client.add(callVerb.put, (writer) => {
        writer.sized('a');
        writer.datum('other');
      }),
      client.add(callVerb.del, (writer) => writer.datum('a')),
      client.add(callVerb.batch, (writer) => writer.operations(operations)),
      client.add(callVerb.clear, (writer) =>
        writer.datum(packBytes({ source: 0, reverse: false, limit: -1 })),
      ),
      client.add(callVerb.begin, (writer) => {
        writer.u32(3);
        writer.datum(packBytes({}));
      }),
    ];
    const read = client.get('a');
    client.send();
    await settled(() => client.answers.has(read) && refused.every((n) => client.answers.has(n)));
    for (const number of refused) {
      expect(textOf(client.answers.get(number)?.body)).toContain('FORBIDDEN');
    }
    expect(textOf(client.answers.get(read)?.body)).toBe('here');
    client.channel.leave();
    await client.served;
  });

  it('P14 who may not write any more commits nothing that he wrote, and holds no locks for it', async () => {
    let mayWrite = true;
    const client = new HandClient(online, {
      requireWrite() {
        if (!mayWrite) throw new PaminaError('FORBIDDEN', 'may not write');
      },
    });
    await client.hello();
    for (const number of [3, 4]) {
      client.add(callVerb.begin, (writer) => {
        writer.u32(number);
        writer.datum(packBytes({}));
      });
    }
    const write = client.add(callVerb.write, (writer) => {
      writer.u32(3);
      writer.operations([{ type: 'put', key: 'a', value: 'never' }]);
    });
    client.send();
    await settled(() => client.answers.has(write));
    mayWrite = false;
    const writing = client.add(callVerb.commit, (writer) => writer.u32(3));
    const reading = client.add(callVerb.commit, (writer) => writer.u32(4));
    client.send();
    await settled(() => client.answers.has(writing) && client.answers.has(reading));
    expect(textOf(client.answers.get(writing)?.body)).toContain('FORBIDDEN');
    expect(textOf(client.answers.get(reading)?.body)).not.toContain('FORBIDDEN');
    expect(online.database.transactions.size).toBe(0);
    await online.database.put('a', 'other');
    client.channel.leave();
    await client.served;
  });

  it('P13 transactions are rolled back, and their locks free, as soon as their connection is gone', async () => {
    const client = new HandClient(online);
    await client.hello();
    client.add(callVerb.begin, (writer) => {
      writer.u32(3);
      writer.datum(packBytes({}));
    });
    const write = client.add(callVerb.write, (writer) => {
      writer.u32(3);
      writer.operations([{ type: 'put', key: 'a', value: 'never' }]);
    });
    client.send();
    await settled(() => client.answers.has(write));
    expect(online.database.transactions.size).toBe(1);
    client.channel.leave();
    await client.served;
    expect(online.database.transactions.size).toBe(0);
    await online.database.put('a', 'other');
    expect(await online.database.get('a')).toEqual(Buffer.from('other'));
  });

  it('P13 a database that goes offline answers what is under way, then says why it ends', async () => {
    const client = new HandClient(online);
    await client.hello();
    const put = client.add(callVerb.put, (writer) => {
      writer.sized('a');
      writer.datum('last');
    });
    client.send();
    await online.close();
    await client.served;
    expect(client.answers.get(put)?.code).toBe(answerStatus.done);
    expect(client.refusal).toBe('DATABASE_OFFLINE');
    expect(client.channel.closed?.code).toBe(4001);
  });
});

describe('P13 what one connection holds', () => {
  it('who does not take answers is not read any more, and goes on once he does', async () => {
    const value = 'x'.repeat(256 * 1024);
    await online.database.put('large', value);
    const client = new HandClient(online);
    await client.hello();
    client.channel.isTaking = false;
    const [reads, begunAtFirst] = [200, answersUnsentBytesMax / value.length];
    for (let at = 0; at < reads; at++) client.get('large');
    client.send();
    await settled(() => client.channel.isPaused && client.channel.bufferedBytes > 0);
    // Few before the first answer told how large they are, then as many as there is room for.
    await settled(() => client.answers.size >= begunAtFirst);
    expect(client.channel.bufferedBytes).toBeGreaterThan(answersUnsentBytesMax);
    const look = client.add(callVerb.look);
    client.send();
    await env.clock.sleep(0);
    expect(client.answers.size).toBe(begunAtFirst);
    expect(client.answers.has(look)).toBe(false);
    client.channel.isTaking = true;
    await settled(() => {
      client.channel.takeAll();
      return client.answers.size === reads + 1;
    });
    expect(client.channel.isPaused).toBe(false);
    client.channel.leave();
    await client.served;
  });

  it('calls that wait for a lock are no more than may be under way; the rest is not read', async () => {
    const holder = await online.transactions.begin({});
    await holder.call((one) => one.put(Buffer.from('a'), Buffer.from('held')));
    const client = new HandClient(online);
    await client.hello();
    const calls = callsUnderWayMax + 50;
    for (let at = 0; at < calls; at++) {
      client.add(callVerb.put, (writer) => {
        writer.sized('a');
        writer.datum(String(at));
      });
    }
    client.send();
    await settled(() => client.channel.isPaused);
    expect(client.answers.size).toBe(0);
    expect(online.database.transactions.list(10_000).length).toBeLessThanOrEqual(
      2 * (callsUnderWayMax + 4),
    );
    await holder.call((one) => one.rollback());
    await settled(() => client.answers.size === calls);
    expect(textOf((await online.database.get('a')) as Uint8Array)).toBe(String(calls - 1));
    client.channel.leave();
    await client.served;
  });

  it('answers that the system takes in part at once leave nobody waiting', async () => {
    await online.database.put('large', 'x'.repeat(9 * 1024 * 1024));
    const client = new HandClient(online);
    await client.hello();
    for (let at = 0; at < 3; at++) {
      const read = client.get('large');
      client.send();
      await settled(() => client.answers.has(read));
    }
    expect(client.channel.isPaused).toBe(false);
    client.channel.leave();
    await client.served;
  });

  it('of many large values no more is read than an answer may have', async () => {
    await online.database.put('large', 'x'.repeat(4 * 1024 * 1024));
    const client = new HandClient(online);
    await client.hello();
    const many = client.add(callVerb.getMany, (writer) => {
      writer.u32(0);
      writer.u32(10_000);
      for (let at = 0; at < 10_000; at++) writer.sized('large');
    });
    const look = client.add(callVerb.look);
    client.send();
    await settled(() => client.answers.has(many) && client.answers.has(look));
    expect(textOf(client.answers.get(many)?.body)).toContain('RESPONSE_TOO_LARGE');
    client.channel.leave();
    await client.served;
  });

  it('a call of more keys than one may have is refused, and the connection goes on', async () => {
    const client = new HandClient(online);
    await client.hello();
    const count = callKeysMax + 1;
    const keys = client.add(callVerb.hasMany, (writer) => {
      writer.u32(0);
      writer.u32(count);
      for (let at = 0; at < count; at++) writer.sized('');
    });
    const batch = client.add(callVerb.batch, (writer) => {
      writer.operations(Array.from({ length: count }, () => ({ type: 'del', key: '' })));
    });
    client.send();
    await settled(() => client.answers.has(keys) && client.answers.has(batch));
    for (const number of [keys, batch]) {
      expect(textOf(client.answers.get(number)?.body)).toContain('REQUEST_TOO_LARGE');
    }
    client.channel.leave();
    await client.served;
  });

  it('options that are wrong are those of one call, and the connection goes on', async () => {
    const client = new HandClient(online);
    await client.hello();
    client.channel.deliver(
      Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 77, 0, 0, 0, callVerb.look, 0, 1, 0, 0xc1),
    );
    await settled(() => client.answers.has(77));
    expect(textOf(client.answers.get(77)?.body)).toContain('REQUEST_INVALID');
    const look = client.add(callVerb.look);
    client.send();
    await settled(() => client.answers.has(look));
    client.channel.leave();
    await client.served;
  });

  it('iterators and snapshots are bounded, and closed ones make room', async () => {
    const client = new HandClient(online);
    await client.hello();
    for (let at = 1; at <= callReadersMax; at++) {
      client.add(callVerb.openSnapshot, (writer) => writer.u32(at));
    }
    const over = client.add(callVerb.openSnapshot, (writer) => writer.u32(callReadersMax + 1));
    client.add(callVerb.close, (writer) => writer.u32(1));
    const again = client.add(callVerb.openSnapshot, (writer) => writer.u32(callReadersMax + 2));
    client.send();
    await settled(() => client.answers.has(over) && client.answers.has(again));
    expect(textOf(client.answers.get(over)?.body)).toContain('READERS_FULL');
    expect(client.answers.get(again)?.code).toBe(answerStatus.done);
    client.channel.leave();
    await client.served;
  });
});

describe('P14 a hostile connection ends alone', () => {
  const hello = encodeCallsControl({ type: 'hello', protocol: 1 });
  const frame = (...bytes: number[]): Uint8Array => Uint8Array.of(2, 0, 0, 0, ...bytes);
  const call = (verb: number, body: readonly number[], flags = 0): Uint8Array =>
    frame(...[body.length, 0, 0, 0], ...[1, 0, 0, 0], verb, flags, 0, 0, ...body);

  it.each<[string, Uint8Array[]]>([
    ['a call before the hello', [call(callVerb.look, [])]],
    ['nothing', [new Uint8Array(0)]],
    ['text', [new TextEncoder().encode('GET / HTTP/1.1')]],
    ['a second hello', [hello, hello]],
    [
      'an answer in place of a call',
      [hello, Uint8Array.of(3, ...Array.from({ length: 40 }, () => 0))],
    ],
    ['a verb that nobody knows', [hello, call(99, [])]],
    ['the verb 0', [hello, call(0, [])]],
    ['a read without a source', [hello, call(callVerb.get, [1])]],
    ['keys that are not there', [hello, call(callVerb.getMany, [0, 0, 0, 0, 255, 255, 255, 255])]],
    ['a key longer than its call', [hello, call(callVerb.put, [255, 255, 0, 0, 1])]],
    ['a batch that is no batch', [hello, call(callVerb.batch, [9, 9, 9])]],
    ['a range that is no msgpack', [hello, call(callVerb.clear, [0xc1])]],
    ['an iterator of nothing', [hello, call(callVerb.openIterator, [1, 0, 0, 0])]],
    ['a part that never goes on', [hello, call(callVerb.get, [], 1)]],
    [
      'bytes behind the last argument',
      [
        hello,
        call(
          callVerb.next,
          Array.from({ length: 20 }, () => 0),
        ),
      ],
    ],
  ])('%s', async (_, messages) => {
    const other = new HandClient(online);
    await other.hello();
    const client = new HandClient(online);
    await client.welcomed();
    for (const message of messages) client.channel.deliver(message);
    await client.served;
    expect(client.channel.closed).toMatchObject({ code: 4400 });
    expect(client.refusal).toMatch(/^(MESSAGE_INVALID|BODY_INVALID)$/);
    const look = other.add(callVerb.look);
    other.send();
    await settled(() => other.answers.has(look));
    other.channel.leave();
    await other.served;
    expect(online.database.state).toBe('open');
    expect(env.clock.now()).toBeGreaterThan(0);
  });

  it('what is asked of an iterator that is not open is answered with an error, and the connection goes on', async () => {
    const client = new HandClient(online);
    await client.hello();
    const next = client.add(callVerb.next, (writer) => {
      writer.u32(5);
      writer.u32(10);
    });
    const look = client.add(callVerb.look);
    client.send();
    await settled(() => client.answers.has(next) && client.answers.has(look));
    expect(client.answers.get(next)?.code).toBe(answerStatus.failed);
    client.channel.leave();
    await client.served;
  });
});
