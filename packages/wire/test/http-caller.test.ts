// The caller against a transport that answers what the test says.

import { describe, expect, it } from 'vitest';
import { Type } from 'typebox';
import { HttpCaller, type HttpTransport, path } from '../src/http-caller.js';
import type { ProgressStep } from '../src/administration.js';

type Request = Parameters<HttpTransport['request']>;

class FakeTransport implements HttpTransport {
  readonly requests: Request[] = [];
  readonly #status: number;
  readonly #parts: readonly string[];
  readonly #isEndless: boolean;

  constructor(status: number, parts: readonly string[], isEndless = false) {
    this.#status = status;
    this.#parts = parts;
    this.#isEndless = isEndless;
  }

  async request(...request: Request) {
    this.requests.push(request);
    const parts = this.#parts.map((part) => new TextEncoder().encode(part));
    const signal = request[1]?.signal;
    const isEndless = this.#isEndless;
    async function* stream() {
      yield* parts;
      if (!isEndless) return;
      await new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error));
      });
    }
    const bytes = async () => Buffer.concat(parts);
    return Promise.resolve({ status: this.#status, headers: {}, bytes, stream, cancel() {} });
  }
}

class FakeClock {
  readonly waiting: (() => void)[] = [];
  after(_ms: number, task: () => void): () => void {
    this.waiting.push(task);
    return () => void this.waiting.splice(this.waiting.indexOf(task), 1);
  }
}

function caller(network: HttpTransport, clock = new FakeClock()) {
  return new HttpCaller({ address: 'http://h:1/', network, clock, token: 'the-token' });
}

const answer = Type.Object({ a: Type.Number() });
const get = { method: 'GET', path: '/x' } as const;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('a call', () => {
  it('carries token, body, query and encoded names', async () => {
    const network = new FakeTransport(200, ['{"a":1,"more":true}']);
    const request = {
      method: 'PUT',
      path: path`/databases/${'a b/../c'}/x`,
      query: { n: 1, gone: undefined },
      body: { k: 'v' },
    } as const;
    expect(await caller(network).call(request, answer)).toEqual({ a: 1, more: true });
    const [[url, options]] = network.requests as [Request];
    expect(url).toBe('http://h:1/v1/databases/a%20b%2F..%2Fc/x?n=1');
    expect(options?.headers).toMatchObject({
      authorization: 'Bearer the-token',
      'content-type': 'application/json',
    });
    expect(new TextDecoder().decode(options?.body as Uint8Array)).toBe('{"k":"v"}');
  });

  it('P14 believes no answer that is not of its form', async () => {
    for (const text of ['', 'x', '[]', 'null', '{"a":"1"}', '{}']) {
      const network = new FakeTransport(200, [text]);
      await expect(caller(network).call(get, answer), text).rejects.toMatchObject({
        code: 'MESSAGE_INVALID',
      });
    }
  });

  it('P9 gives back the error of the other side, and one of its own for what is none', async () => {
    const error = { code: 'DATABASE_OFFLINE', message: 'm', hint: 'h', context: { name: 'x' } };
    const network = new FakeTransport(409, [JSON.stringify({ error })]);
    await expect(caller(network).call(get, answer)).rejects.toMatchObject(error);
    const proxy = new FakeTransport(502, ['<html>Bad gateway</html>']);
    await expect(caller(proxy).call(get, answer)).rejects.toMatchObject({
      code: 'MESSAGE_INVALID',
    });
    const redirect = new FakeTransport(302, ['{}']);
    await expect(caller(redirect).call(get, answer)).rejects.toMatchObject({
      code: 'MESSAGE_INVALID',
      message: expect.stringContaining('302') as string,
    });
  });
});

describe('a streamed answer', () => {
  const step: ProgressStep = { step: 's', done: 1, total: null, unit: 'bytes' };
  const lines = (...values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`);

  it('is progress, then a result', async () => {
    const network = new FakeTransport(200, [
      '\n',
      ...lines({ progress: step }, { result: { a: 2 } }),
    ]);
    const seen: ProgressStep[] = [];
    const result = await caller(network).task(get, answer, (progress) => seen.push(progress));
    expect({ result, seen }).toEqual({ result: { a: 2 }, seen: [step] });
  });

  it('is items, and an end that says that they are all', async () => {
    const all = new FakeTransport(
      200,
      lines({ item: { a: 1 } }, { item: { a: 2 } }, { result: {} }),
    );
    expect(await collect(caller(all).items(get, answer))).toEqual([{ a: 1 }, { a: 2 }]);
    const cut = new FakeTransport(200, lines({ item: { a: 1 } }));
    await expect(collect(caller(cut).items(get, answer))).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('ends before its result') as string,
    });
  });

  it('may end with an error', async () => {
    const error = { code: 'DISK_FULL', message: 'm', hint: 'h', context: {} };
    const network = new FakeTransport(200, lines({ item: { a: 1 } }, { error }));
    await expect(collect(caller(network).items(get, answer))).rejects.toMatchObject({
      code: 'DISK_FULL',
    });
    const odd = new FakeTransport(200, lines([1]));
    await expect(caller(odd).task(get, answer)).rejects.toMatchObject({ code: 'CONNECT_FAILED' });
    const none = new FakeTransport(200, lines(7));
    await expect(caller(none).task(get, answer)).rejects.toMatchObject({ code: 'MESSAGE_INVALID' });
  });

  it('P16 is given up when the other side falls silent', async () => {
    const clock = new FakeClock();
    const network = new FakeTransport(200, lines({ item: { a: 1 } }), true);
    const items = caller(network, clock).items(get, answer)[Symbol.asyncIterator]();
    expect(await items.next()).toMatchObject({ value: { a: 1 } });
    // While the taker works nobody waits for the other side.
    expect(clock.waiting).toHaveLength(0);
    const next = items.next();
    await expect.poll(() => clock.waiting.length).toBe(1);
    clock.waiting[0]?.();
    await expect(next).rejects.toMatchObject({
      code: 'CONNECT_FAILED',
      message: expect.stringContaining('sent nothing') as string,
    });
    expect(clock.waiting).toHaveLength(0);
  });

  it('P13 is not downloaded beyond the size that was agreed', async () => {
    const network = new FakeTransport(200, ['12345', '67890']);
    await expect(collect(caller(network).download(get, 9))).rejects.toMatchObject({
      code: 'RESPONSE_TOO_LARGE',
    });
    expect(await collect(caller(network).download(get, 10))).toHaveLength(2);
  });
});
