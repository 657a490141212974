// What every archive must do.
import { describe, expect, test } from 'vitest';
import type { Archive } from '../src/archive.js';
import { readObject, readRange } from '../src/collect.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesMax = 1 << 30;

export function archiveContract(name: string, makeArchive: () => Promise<Archive>): void {
  const read = async (archive: Archive, object: string): Promise<string> =>
    decode(await readObject(archive, object, bytesMax));

  describe(`archive contract: ${name}`, () => {
    test('an object that was put is there whole, with its size', async () => {
      const archive = await makeArchive();
      expect(await archive.putIfAbsent('a/b/object', encode('content'))).toBe('written');
      expect(await read(archive, 'a/b/object')).toBe('content');
      expect(await archive.size('a/b/object')).toBe(7);
    });

    test('what is put is for the recipients of now', async () => {
      const archive = await makeArchive();
      await archive.putIfAbsent('object', encode('content'));
      expect(await archive.isForRecipients('object')).toBe(true);
      expect(archive.recipientsId === null).toBe(!archive.isEncrypted);
    });

    test('P8 an object that is there is never overwritten; the same bytes again are fine', async () => {
      const archive = await makeArchive();
      await archive.putIfAbsent('object', encode('first'));
      await expect(archive.putIfAbsent('object', encode('other'))).rejects.toMatchObject({
        code: 'ARCHIVE_CONFLICT',
      });
      await expect(archive.putIfAbsent('object', encode('longer than'))).rejects.toMatchObject({
        code: 'ARCHIVE_CONFLICT',
      });
      expect(await archive.putIfAbsent('object', encode('first'))).toBe('same');
      expect(await read(archive, 'object')).toBe('first');
    });

    test('P8 of writers that race for one name one wins, and the others are told', async () => {
      const archive = await makeArchive();
      const texts = ['one', 'two', 'three', 'four'];
      const ends = await Promise.allSettled(
        texts.map((text) => archive.putIfAbsent('raced', encode(text))),
      );
      const winners = texts.filter((_text, index) => ends[index]?.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      expect(await read(archive, 'raced')).toBe(winners[0]);
      for (const end of ends) {
        if (end.status === 'rejected') {
          expect(['ARCHIVE_CONFLICT', 'ARCHIVE_UNAVAILABLE']).toContain(end.reason.code);
        }
      }
    });

    test('an empty object is an object', async () => {
      const archive = await makeArchive();
      await archive.putIfAbsent('empty', new Uint8Array(0));
      expect(await archive.size('empty')).toBe(0);
      expect(await read(archive, 'empty')).toBe('');
    });

    test('a range is exactly the bytes asked for, also over the end and behind it', async () => {
      const archive = await makeArchive();
      const content = Buffer.alloc(300_000).map((_, at) => (at * 7) & 0xff);
      await archive.putIfAbsent('ranges', content);
      const range = async (offset: number, length: number | null): Promise<Uint8Array> =>
        readRange(archive, 'ranges', { offset, length, bytesMax });
      for (const [offset, length] of [
        [0, 1],
        [0, null],
        [1, 65_536],
        [65_535, 2],
        [65_536, 65_536],
        [131_071, null],
        [299_999, 1],
        [299_990, 100],
        [300_000, 5],
        [400_000, null],
        [10, 0],
      ] as const) {
        const end = length === null ? content.length : offset + length;
        expect(Buffer.compare(await range(offset, length), content.subarray(offset, end))).toBe(0);
      }
    });

    test('what is not there has no size and cannot be read; deleting it is fine', async () => {
      const archive = await makeArchive();
      expect(await archive.size('nothing')).toBeNull();
      await expect(read(archive, 'nothing')).rejects.toMatchObject({
        code: 'ARCHIVE_OBJECT_NOT_FOUND',
      });
      await archive.delete('nothing');
    });

    test('a list has the names below a prefix, in the order of their bytes', async () => {
      const archive = await makeArchive();
      const names = ['b/2', 'b/10', 'b-c/x', 'b/a.b/c', 'b/a/b', 'a', 'c/1'];
      for (const object of names) await archive.putIfAbsent(object, encode(object));
      const listed = async (prefix: string): Promise<string[]> =>
        (await archive.list(prefix)).map((object) => object.name);
      expect(await listed('')).toEqual(['a', 'b-c/x', 'b/10', 'b/2', 'b/a.b/c', 'b/a/b', 'c/1']);
      expect(await listed('b/')).toEqual(['b/10', 'b/2', 'b/a.b/c', 'b/a/b']);
      expect(await listed('d/')).toEqual([]);
    });

    test('a deleted object is gone, and its name is free', async () => {
      const archive = await makeArchive();
      await archive.putIfAbsent('object', encode('first'));
      await archive.delete('object');
      expect(await archive.size('object')).toBeNull();
      expect(await archive.list('')).toEqual([]);
      expect(await archive.putIfAbsent('object', encode('second'))).toBe('written');
    });

    test('what is announced and the heartbeat, and nothing else, are replaced', async () => {
      const archive = await makeArchive();
      await archive.replace('x/announced', encode('1'));
      await archive.replace('x/announced', encode('22'));
      expect(await read(archive, 'x/announced')).toBe('22');
      await archive.replace('x/heartbeat', encode('1'));
      await archive.replace('x/heartbeat', encode('2'));
      expect(await read(archive, 'x/heartbeat')).toBe('2');
      await expect(archive.replace('x/manifest', encode('1'))).rejects.toThrow(TypeError);
      await expect(archive.replace('heartbeat', new Uint8Array(5000))).rejects.toThrow(TypeError);
      await expect(archive.putIfAbsent('heartbeat', encode('1'))).rejects.toThrow(TypeError);
    });

    test('P14 a name cannot lead out of the archive', async () => {
      const archive = await makeArchive();
      for (const object of [
        '../x',
        'a/../x',
        '/x',
        'a//x',
        '',
        '.x',
        'a/',
        'a\\b',
        'a\0',
        'ü',
        'a b',
      ]) {
        await expect(archive.putIfAbsent(object, encode('x'))).rejects.toThrow(TypeError);
        await expect(read(archive, object)).rejects.toThrow(TypeError);
        await expect(archive.size(object)).rejects.toThrow(TypeError);
        await expect(archive.delete(object)).rejects.toThrow(TypeError);
      }
      await expect(archive.list('../')).rejects.toThrow(TypeError);
      await expect(archive.list('a')).rejects.toThrow(TypeError);
    });

    test('an aborted call ends with its reason', async () => {
      const archive = await makeArchive();
      const reason = new Error('enough');
      const call = { signal: AbortSignal.abort(reason) };
      await expect(archive.putIfAbsent('object', encode('x'), call)).rejects.toBe(reason);
      await expect(archive.list('', call)).rejects.toBe(reason);
      expect(await archive.size('object')).toBeNull();
    });
  });
}
