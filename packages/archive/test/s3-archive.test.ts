// Object storage: the contract on a server that heeds conditions, on servers that do not, and what happens
// when a server misbehaves.
import { toPaminaError, type PaminaError } from '@pamina/format';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readObject, readRange } from '../src/collect.js';
import type { S3Archive } from '../src/s3/s3-archive.js';
import { archiveContract } from './archive-contract.js';
import { FakeS3, fakeKeys, type Fault } from './fake-s3.js';
import { s3Archive } from './support.js';

const server = new FakeS3();
let endpoint = '';
beforeAll(async () => {
  endpoint = await server.listen();
});
afterAll(() => server.close());
beforeEach(() => {
  server.objects.clear();
  server.older.clear();
  server.requests.length = 0;
  server.conditions = 'heeded';
  server.pageSize = 1000;
  server.fault = () => null;
  server.beforePut = () => Promise.resolve();
});

const make = (keys = fakeKeys): S3Archive =>
  s3Archive(`s3://bucket/some/prefix?endpoint=${endpoint}&region=eu-west-1`, keys);
const content = Buffer.from(Array.from({ length: 100_000 }, (_, at) => (at * 31) & 0xff));

/** `fault` befalls the first `count` requests of the method for an object. */
function failing(method: string, fault: Fault, count: number): void {
  let left = count;
  server.fault = (given, key) => {
    if (given !== method || !key.endsWith('object') || left === 0) return null;
    left--;
    return fault;
  };
}

describe('conditions heeded', () => {
  archiveContract('S3, conditions heeded', () => Promise.resolve(make()));
});

for (const conditions of ['ignored', 'refused'] as const) {
  describe(`conditions ${conditions}`, () => {
    beforeEach(() => {
      server.conditions = conditions;
    });
    archiveContract(`S3, conditions ${conditions}`, () => Promise.resolve(make()));

    test('P8 claims are gone afterwards, and never listed', async () => {
      const archive = make();
      await archive.putIfAbsent('object', content);
      expect([...server.objects.keys()].filter((key) => key.includes('claim'))).toEqual([]);
      server.objects.set(`some/prefix/object.claim-${'0'.repeat(32)}`, {
        bytes: Buffer.alloc(0),
        modified: new Date(),
      });
      expect((await archive.list('')).map(({ name }) => name)).toEqual(['object']);
    });

    test('P8 the claim of a writer that was killed holds nobody up for ever', async () => {
      const claim = `some/prefix/object.claim-${'0'.repeat(32)}`;
      const hour = 60 * 60 * 1000;
      server.objects.set(claim, { bytes: Buffer.alloc(0), modified: new Date() });
      await expect(make().putIfAbsent('object', content)).rejects.toMatchObject({
        code: 'ARCHIVE_UNAVAILABLE',
      });
      server.objects.set(claim, {
        bytes: Buffer.alloc(0),
        modified: new Date(Date.now() - hour),
      });
      expect(await make().putIfAbsent('object', content)).toBe('written');
    });
  });
}

describe('a server that misbehaves', () => {
  test('is asked again after 503, SlowDown and 500, and no sooner than it says', async () => {
    for (const [status, code] of [
      [503, 'SlowDown'],
      [500, 'InternalError'],
      [409, 'ConditionalRequestConflict'],
    ] as const) {
      const name = `${status}/object`;
      failing('PUT', { kind: 'status', status, code, retryAfter: '0' }, 2);
      expect(await make().putIfAbsent(name, content)).toBe('written');
      failing('GET', { kind: 'status', status, code }, 2);
      expect(Buffer.compare(await readObject(make(), name, 1e6), content)).toBe(0);
    }
  });

  test('P9 is given up after some attempts, with an error that may be tried again', async () => {
    failing('PUT', { kind: 'status', status: 503, code: 'SlowDown' }, Infinity);
    const error = await failure(make().putIfAbsent('object', content));
    expect(error).toMatchObject({ code: 'ARCHIVE_UNAVAILABLE', retryable: true });
    expect(error.message).toContain('503 SlowDown');
    expect(
      server.requests.filter((line) => line.startsWith('PUT some/prefix/object')),
    ).toHaveLength(5);
  });

  test('P8 an answer that was lost after the object was stored is no conflict', async () => {
    failing('PUT', { kind: 'no-answer' }, 1);
    expect(await make().putIfAbsent('object', content)).toBe('same');
  });

  test('P9 an upload that arrived changed is refused', async () => {
    failing('PUT', { kind: 'flip' }, 1);
    await expect(make().putIfAbsent('object', content)).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
    });
  });

  test('a body that breaks off is read on from there', async () => {
    await make().putIfAbsent('object', content);
    failing('GET', { kind: 'cut', bytes: 30_000 }, 3);
    expect(Buffer.compare(await readObject(make(), 'object', 1e6), content)).toBe(0);
    failing('GET', { kind: 'cut', bytes: 300 }, 2);
    const part = await readRange(make(), 'object', { offset: 50_000, length: 1000, bytesMax: 1e6 });
    expect(Buffer.compare(part, content.subarray(50_000, 51_000))).toBe(0);
  });

  test('P9 a body that always breaks off at its beginning is given up', async () => {
    await make().putIfAbsent('object', content);
    failing('GET', { kind: 'cut', bytes: 0 }, Infinity);
    await expect(readObject(make(), 'object', 1e6)).rejects.toMatchObject({
      code: 'ARCHIVE_UNAVAILABLE',
    });
  });

  test('P9 a wrong length is refused', async () => {
    await make().putIfAbsent('object', content);
    failing('GET', { kind: 'wrong-length' }, Infinity);
    const range = { offset: 10, length: 100, bytesMax: 1e6 };
    await expect(readRange(make(), 'object', range)).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
    });
  });

  test('P9 a flipped byte is found by the tag when the object is read whole', async () => {
    await make().putIfAbsent('object', content);
    failing('GET', { kind: 'flip' }, 1);
    await expect(readObject(make(), 'object', 1e6)).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
    });
  });

  test('P9 an object that is swapped for an older one while it is read is refused', async () => {
    const archive = make();
    await archive.putIfAbsent('object', Buffer.alloc(100_000, 1));
    await archive.delete('object');
    server.older.set('some/prefix/object', {
      bytes: Buffer.alloc(100_000, 1),
      modified: new Date(),
    });
    await archive.putIfAbsent('object', content);
    let gets = 0;
    server.fault = (method, key) => {
      if (method !== 'GET' || !key.endsWith('object')) return null;
      gets++;
      return gets === 1 ? { kind: 'cut', bytes: 5000 } : { kind: 'older' };
    };
    await expect(readObject(archive, 'object', 1e6)).rejects.toMatchObject({
      code: 'ARCHIVE_DAMAGED',
    });
  });

  test('a list of many pages is whole', async () => {
    server.pageSize = 3;
    const archive = make();
    for (let i = 0; i < 10; i++) await archive.putIfAbsent(`n/${i}`, content.subarray(0, 10));
    expect(await archive.list('n/')).toHaveLength(10);
  });

  test('a page of something else is no empty list', async () => {
    server.fault = () => ({ kind: 'status', status: 200, code: 'Proxy' });
    await expect(make().list('')).rejects.toMatchObject({ code: 'ARCHIVE_UNAVAILABLE' });
  });
});

describe('credentials', () => {
  const wrong = { ...fakeKeys, secretAccessKey: 'wrong/secret+000000000002' };

  test('P14 a wrong secret is refused, also for reading', async () => {
    await make().putIfAbsent('object', content);
    for (const call of [
      () => make(wrong).putIfAbsent('other', content),
      () => make(wrong).size('object'),
      () => make(wrong).list(''),
      () => readObject(make(wrong), 'object', 1e6),
      () => make(wrong).delete('object'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'ARCHIVE_DENIED' });
    }
  });

  test('P14 no error has a credential in it, however it is printed', async () => {
    const errors: PaminaError[] = [
      await failure(make(wrong).list('')),
      await failure(readObject(make(), 'nothing', 10)),
    ];
    failing('PUT', { kind: 'status', status: 503, code: 'SlowDown' }, Infinity);
    errors.push(await failure(make().putIfAbsent('object', content)));
    const nowhere = s3Archive('s3://bucket/?endpoint=http://127.0.0.1:1', fakeKeys);
    errors.push(await failure(nowhere.list('')));
    for (const error of errors) {
      for (const text of printed(error)) {
        expect(text).not.toContain(fakeKeys.accessKeyId);
        expect(text).not.toContain('secret+');
        expect(text).not.toContain('Signature=');
      }
    }
  });
});

function printed(error: PaminaError): string[] {
  const texts: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    texts.push(
      String(cause),
      cause.stack ?? '',
      JSON.stringify(cause),
      JSON.stringify(Object.entries(cause)),
    );
  }
  return texts;
}

async function failure(call: Promise<unknown>): Promise<PaminaError> {
  try {
    await call;
  } catch (error) {
    return toPaminaError(error);
  }
  throw new Error('the call succeeded');
}
