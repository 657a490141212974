// What every store must do, as far as a test without power cuts can see.

import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Disk } from '../src/disk.js';
import type { StoreLevel, Stores } from '../src/stores.js';

export function storesContract(
  name: string,
  makeEnv: () => { readonly disk: Disk; readonly stores: Stores },
): void {
  describe(`stores contract: ${name}`, () => {
    const cleanups: (() => Promise<void>)[] = [];
    let stores: Stores;
    let folder: string;
    let level: StoreLevel;

    beforeEach(async () => {
      const env = makeEnv();
      const place = await env.disk.temporaryFolder('pamina-store-');
      stores = env.stores;
      folder = join(place, 'store');
      const made = await stores.open(folder, { create: true });
      level = made;
      cleanups.push(async () => {
        await made.close();
        await env.disk.removeTree(place);
      });
    });
    afterAll(async () => {
      for (const cleanup of cleanups) await cleanup();
    });

    async function fill(...keys: string[]): Promise<void> {
      const batch = level.batch();
      for (const key of keys) batch.put(bytes(key), bytes(`value of ${key}`));
      await batch.write();
    }

    async function keys(range: object = {}): Promise<string[]> {
      return (await level.keys(range).all()).map((key) => key.toString('latin1'));
    }

    test('get, getSync, getMany and has give what was put, and undefined for what was not', async () => {
      await fill('a', 'b');
      await level.put(bytes('empty'), Buffer.alloc(0));
      await level.del(bytes('b'));
      await level.del(bytes('never there'));
      expect(await level.get(bytes('a'))).toEqual(bytes('value of a'));
      expect(await level.get(bytes('b'))).toBeUndefined();
      expect(level.getSync(bytes('a'))).toEqual(bytes('value of a'));
      expect(level.getSync(bytes('b'))).toBeUndefined();
      expect(level.getSync(bytes('empty'))).toEqual(Buffer.alloc(0));
      const asked = ['empty', 'b', 'a', 'a'].map(bytes);
      const found = [Buffer.alloc(0), undefined, bytes('value of a'), bytes('value of a')];
      expect(await level.getMany(asked)).toEqual(found);
      expect(await level.has(bytes('a'))).toBe(true);
      expect(await level.has(bytes('b'))).toBe(false);
      expect(await level.hasMany(asked)).toEqual([true, false, true, true]);
    });

    test('what is read and what was given belongs to the caller', async () => {
      const [key, value] = [bytes('key'), bytes('value')];
      await level.put(key, value);
      const batch = level.batch();
      batch.put(bytes('second'), value);
      await batch.write();
      key.fill(0);
      value.fill(0);
      const first = await level.get(bytes('key'));
      first?.fill(1);
      level.getSync(bytes('second'))?.fill(1);
      expect(await level.get(bytes('key'))).toEqual(bytes('value'));
      expect(level.getSync(bytes('second'))).toEqual(bytes('value'));
    });

    test('P2 a batch is visible whole or not at all, and its last word on a key counts', async () => {
      await fill('a');
      const batch = level.batch();
      batch.put(bytes('a'), bytes('1'));
      batch.del(bytes('a'));
      batch.put(bytes('b'), bytes('1'));
      batch.put(bytes('b'), bytes('2'));
      expect(await keys()).toEqual(['a']);
      const writing = batch.write();
      for (let isWritten = false; !isWritten;) {
        const [a, b] = await level.getMany([bytes('a'), bytes('b')]);
        isWritten = a === undefined;
        expect(b?.toString()).toBe(isWritten ? '2' : undefined);
      }
      await writing;
      const abandoned = level.batch();
      abandoned.put(bytes('c'), bytes('1'));
      await abandoned.close();
      expect(await keys()).toEqual(['b']);
    });

    test('a write that began after another had ended counts', async () => {
      // Those that do not wait for one another have no order: LevelDB's run on several threads.
      for (let index = 0; index < 50; index++) await level.put(bytes('key'), bytes(`${index}`));
      expect(await level.get(bytes('key'))).toEqual(bytes('49'));
    });

    test('ranges follow the bytes, both ways, with and without their ends', async () => {
      const values = [[0], [0, 0], [0, 255], [1], [127], [128], [128, 0], [255], [255, 255]];
      const batch = level.batch();
      for (const value of values.toReversed()) batch.put(Buffer.from(value), Buffer.of(1));
      await batch.write();
      const found = async (range: object): Promise<number[][]> =>
        (await level.keys(range).all()).map((key) => [...key]);
      expect(await found({})).toEqual(values);
      expect(await found({ reverse: true })).toEqual(values.toReversed());
      const [low, high] = [Buffer.of(0, 255), Buffer.of(128)];
      expect(await found({ gte: low, lte: high })).toEqual(values.slice(2, 6));
      expect(await found({ gt: low, lt: high })).toEqual(values.slice(3, 5));
      expect(await found({ gt: low, lte: high, reverse: true })).toEqual(
        values.slice(3, 6).toReversed(),
      );
      expect(await found({ gte: Buffer.of(2), lt: Buffer.of(3) })).toEqual([]);
      expect(await found({ gte: Buffer.of(128), limit: 2 })).toEqual(values.slice(5, 7));
      expect(await found({ lt: Buffer.of(128), limit: 1, reverse: true })).toEqual([[127]]);
    });

    test('an iterator is frozen when it is made, however late it is read', async () => {
      await fill('a', 'b', 'c');
      const iterator = level.iterator();
      await level.del(bytes('a'));
      await fill('bb');
      await level.put(bytes('c'), bytes('new'));
      expect(await iterator.next()).toEqual([bytes('a'), bytes('value of a')]);
      await level.clear();
      const rest: unknown[] = [];
      for (;;) {
        const entries = await iterator.nextv(1_000);
        if (entries.length === 0) break;
        rest.push(...entries);
      }
      expect(rest).toEqual([
        [bytes('b'), bytes('value of b')],
        [bytes('c'), bytes('value of c')],
      ]);
      await iterator.close();
      expect(await keys()).toEqual([]);
    });

    test('nextv gives at most what is asked for, in order, and nothing after the end', async () => {
      const names = Array.from({ length: 100 }, (_, index) => String(index).padStart(3, '0'));
      await fill(...names);
      const iterator = level.iterator();
      const found: string[] = [];
      for (;;) {
        const entries = await iterator.nextv(7);
        expect(entries.length).toBeLessThanOrEqual(7);
        if (entries.length === 0) break;
        found.push(...entries.map(([key]) => key.toString()));
      }
      expect(found).toEqual(names);
      expect(await iterator.nextv(7)).toEqual([]);
      expect(await iterator.next()).toBeUndefined();
      await iterator.close();
    });

    test('seek goes to the first key from there on, in the direction of the iterator', async () => {
      await fill('a', 'c', 'e');
      const after = async (target: string, range: object): Promise<string | undefined> => {
        const iterator = level.iterator(range);
        iterator.seek(bytes(target));
        const entry = await iterator.next();
        await iterator.close();
        return entry?.[0].toString();
      };
      expect(await after('b', {})).toBe('c');
      expect(await after('c', {})).toBe('c');
      expect(await after('f', {})).toBeUndefined();
      expect(await after('d', { reverse: true })).toBe('c');
      expect(await after('0', { reverse: true })).toBeUndefined();
      const iterator = level.iterator();
      await iterator.next();
      await iterator.next();
      iterator.seek(bytes('a'));
      expect((await iterator.next())?.[0]).toEqual(bytes('a'));
      await iterator.close();
    });

    test('a snapshot shows its moment to every kind of read until it is closed', async () => {
      await fill('a', 'b');
      const snapshot = level.snapshot();
      await level.del(bytes('a'));
      await fill('c');
      expect(await level.get(bytes('a'), { snapshot })).toEqual(bytes('value of a'));
      expect(level.getSync(bytes('a'), { snapshot })).toEqual(bytes('value of a'));
      const asked = ['a', 'c'].map(bytes);
      expect(await level.getMany(asked, { snapshot })).toEqual([bytes('value of a'), undefined]);
      expect(await level.has(bytes('c'), { snapshot })).toBe(false);
      expect(await keys({ snapshot })).toEqual(['a', 'b']);
      expect(await keys({ snapshot, reverse: true, limit: 1 })).toEqual(['b']);
      expect(await keys()).toEqual(['b', 'c']);
      await snapshot.close();
      await expect(level.get(bytes('a'), { snapshot })).rejects.toMatchObject({
        code: 'LEVEL_SNAPSHOT_NOT_OPEN',
      });
    });

    test('clear takes a range, with a limit, or all', async () => {
      await fill('a', 'b', 'c', 'd');
      await level.clear({ gte: bytes('b'), lt: bytes('d') });
      expect(await keys()).toEqual(['a', 'd']);
      await level.clear({ reverse: true, limit: 1 });
      expect(await keys()).toEqual(['a']);
      await level.clear();
      expect(await keys()).toEqual([]);
    });

    test('after close reads and writes fail, and iterators and snapshots are closed', async () => {
      await fill('a', 'b');
      const iterator = level.iterator();
      const snapshot = level.snapshot();
      await iterator.next();
      await level.close();
      await level.close();
      expect(level.status).toBe('closed');
      const notOpen = { code: 'LEVEL_DATABASE_NOT_OPEN' };
      await expect(level.get(bytes('a'))).rejects.toMatchObject(notOpen);
      await expect(level.put(bytes('a'), bytes('x'))).rejects.toMatchObject(notOpen);
      expect(() => level.getSync(bytes('a'))).toThrow(expect.objectContaining(notOpen));
      expect(() => level.snapshot()).toThrow(expect.objectContaining(notOpen));
      await expect(iterator.next()).rejects.toMatchObject({ code: 'LEVEL_ITERATOR_NOT_OPEN' });
      await snapshot.close();
    });

    test('close lets what was written before it finish', async () => {
      const writes = Array.from({ length: 20 }, (_, index) =>
        level.put(bytes(`${index}`), bytes('x')),
      );
      await Promise.all([...writes, level.close()]);
      level = await stores.open(folder, { create: false });
      cleanups.unshift(() => level.close());
      expect(await keys()).toHaveLength(20);
    });

    test('a store that is opened again holds what was written, in many batches and large ones', async () => {
      const large = Buffer.from(
        Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) & 0xff),
      );
      for (let index = 0; index < 200; index += 1) {
        const batch = level.batch();
        batch.put(bytes(`key ${index}`), Buffer.alloc(500, index));
        batch.put(bytes('last'), bytes(`${index}`));
        batch.del(bytes(`key ${index - 10}`));
        const options: object = index % 50 === 0 ? { sync: true } : {};
        await batch.write(options);
      }
      await level.put(bytes('large'), large);
      await level.close();
      const again = await stores.open(folder, { create: false });
      cleanups.unshift(() => again.close());
      const found = await again.keys().all();
      expect(found).toHaveLength(12);
      expect(await again.get(bytes('key 199'))).toEqual(Buffer.alloc(500, 199));
      expect(await again.get(bytes('key 180'))).toBeUndefined();
      expect(await again.get(bytes('last'))).toEqual(bytes('199'));
      expect((await again.get(bytes('large')))?.equals(large)).toBe(true);
    });

    test('a new store is not behind with anything, and what any store says of that is from 0 to 1', async () => {
      expect(stores.pressure(level)).toBe(0);
      for (let index = 0; index < 200; index += 1) {
        await fill(`key ${index}`, 'last');
        const pressure = stores.pressure(level);
        expect(pressure).toBeGreaterThanOrEqual(0);
        expect(pressure).toBeLessThanOrEqual(1);
      }
    });

    test('create refuses a store that is there, and open one that is not', async () => {
      await fill('a');
      await level.close();
      await expect(stores.open(folder, { create: true })).rejects.toMatchObject({
        code: 'LEVEL_DATABASE_NOT_OPEN',
      });
      await expect(stores.open(`${folder}-none`, { create: false })).rejects.toMatchObject({
        code: 'LEVEL_DATABASE_NOT_OPEN',
      });
      const again = await stores.open(folder, { create: false });
      cleanups.unshift(() => again.close());
      expect(await again.get(bytes('a'))).toEqual(bytes('value of a'));
    });

    test('a second open fails as locked while the first has it', async () => {
      await expect(stores.open(folder, { create: false })).rejects.toMatchObject({
        code: 'LEVEL_DATABASE_NOT_OPEN',
        cause: { code: 'LEVEL_LOCKED' },
      });
      await fill('a');
      expect(await keys()).toEqual(['a']);
      await level.close();
      const again = await stores.open(folder, { create: false });
      cleanups.unshift(() => again.close());
      expect(await again.get(bytes('a'))).toEqual(bytes('value of a'));
    });
  });
}

function bytes(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
