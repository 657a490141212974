// What every directory must do, whatever it is made of: run by each implementation's own test.

import { describe, expect, it } from 'vitest';
import type { Directory, DirectoryEntry } from '../src/directory.js';

export interface DirectoryUnderTest {
  /** Two views of the same directory, as two processes have them. */
  readonly one: Directory;
  readonly two: Directory;
  close(): Promise<void>;
}

const alive = () => Promise.resolve(true);
const dead = () => Promise.resolve(false);
const here = 'http://127.0.0.1:7001';
const there = 'http://127.0.0.1:7002';

export function directoryContract(kind: string, open: () => Promise<DirectoryUnderTest>): void {
  const using = (body: (one: Directory, two: Directory) => Promise<void>) => async () => {
    const under = await open();
    try {
      await body(under.one, under.two);
    } finally {
      await under.close();
    }
  };

  describe(`${kind} as a directory: entries`, () => {
    entryContract(using);
  });
  describe(`${kind} as a directory: holders of a name`, () => {
    holderContract(using);
  });
}

type Using = (body: (one: Directory, two: Directory) => Promise<void>) => () => Promise<void>;

function entryContract(using: Using): void {
  it(
    'starts empty and knows nothing',
    using(async (one) => {
      expect(await one.resolve('orders')).toBeNull();
      expect((await one.list()).size).toBe(0);
      expect(await one.withdraw('orders', 'a')).toBe(false);
    }),
  );

  it(
    'shows everybody what one entered, and no longer what was withdrawn',
    using(async (one, two) => {
      await one.register('orders', here, 'a', dead);
      expect(await two.resolve('orders')).toMatchObject({ address: here, instance: 'a' });
      expect(await one.withdraw('orders', 'a')).toBe(true);
      expect(await two.resolve('orders')).toBeNull();
    }),
  );

  it(
    'lists the names in order',
    using(async (one, two) => {
      for (const name of ['b', 'c', 'a']) await one.register(name, here, name, dead);
      expect([...(await two.list()).keys()]).toEqual(['a', 'b', 'c']);
    }),
  );

  it(
    'P14 refuses names and addresses that are none',
    using(async (one) => {
      for (const name of ['', '../x', '__proto__', 'a/b', '$version']) {
        await expect(one.register(name, here, 'a', dead)).rejects.toMatchObject({
          code: 'NAME_INVALID',
        });
      }
      for (const address of [
        '',
        'x',
        'ftp://h:1',
        'http://u:p@h:1',
        'http://h:1/path',
        'http://h?q',
      ]) {
        await expect(one.register('a', address, 'a', dead)).rejects.toMatchObject({
          code: 'ADDRESS_INVALID',
        });
      }
      expect((await one.list()).size).toBe(0);
    }),
  );

  it(
    'keeps every entry of writers that write at once',
    using(async (one, two) => {
      const names = Array.from({ length: 10 }, (_, at) => `db${at}`);
      await Promise.all(
        names.map((name, at) => (at % 2 ? one : two).register(name, here, name, dead)),
      );
      expect([...(await one.list()).keys()]).toEqual(names);
    }),
  );

  it(
    'tells a listener that another made a change',
    using(async (one, two) => {
      const seen = new Promise<void>((resolve) => {
        two.onChange(() => {
          void two.resolve('orders').then((entry) => entry !== null && resolve());
        });
      });
      await one.register('first', here, 'x', dead);
      await one.register('orders', here, 'a', dead);
      await seen;
    }),
  );
}

function holderContract(using: Using): void {
  it(
    'refuses a name that a living instance holds, and says where',
    using(async (one, two) => {
      await one.register('orders', here, 'a', dead);
      await expect(two.register('orders', there, 'b', alive)).rejects.toMatchObject({
        code: 'NAME_TAKEN',
        context: { address: here, instance: 'a' },
      });
      expect(await one.resolve('orders')).toMatchObject({ address: here, instance: 'a' });
    }),
  );

  it(
    'gives the name of a dead holder to the next, who asked about that holder',
    using(async (one, two) => {
      await one.register('orders', here, 'a', dead);
      const asked: DirectoryEntry[] = [];
      await two.register('orders', there, 'b', (entry) => {
        asked.push(entry);
        return Promise.resolve(false);
      });
      expect(asked).toMatchObject([{ address: here, instance: 'a' }]);
      expect(await one.resolve('orders')).toMatchObject({ address: there, instance: 'b' });
    }),
  );

  it(
    'enters the same instance at the same address again without asking',
    using(async (one) => {
      await one.register('orders', here, 'a', dead);
      await one.register('orders', here, 'a', () => Promise.reject(new Error('asked')));
      expect(await one.resolve('orders')).toMatchObject({ address: here, instance: 'a' });
    }),
  );

  it(
    'refuses the copy of a folder whose original is alive elsewhere',
    using(async (one, two) => {
      await one.register('orders', here, 'a', dead);
      await expect(two.register('orders', there, 'a', alive)).rejects.toMatchObject({
        code: 'NAME_TAKEN',
      });
    }),
  );

  it(
    'leaves another instance’s entry alone when one withdraws',
    using(async (one, two) => {
      await one.register('orders', here, 'a', dead);
      expect(await two.withdraw('orders', 'b')).toBe(false);
      expect(await one.resolve('orders')).toMatchObject({ instance: 'a' });
    }),
  );

  it(
    'asks again when the holder changed while it was asked about',
    using(async (one, two) => {
      await one.register('orders', here, 'a', dead);
      const asked: (string | null)[] = [];
      const taken = two.register('orders', there, 'c', async (entry) => {
        asked.push(entry.instance);
        if (entry.instance === 'b') return true;
        await one.register('orders', here, 'b', dead);
        return false;
      });
      await expect(taken).rejects.toMatchObject({ code: 'NAME_TAKEN' });
      expect(asked).toEqual(['a', 'b']);
    }),
  );
}
