// What every Disk must do, as far as a test without power cuts can see.

import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Disk } from '../src/disk.js';
import { isTemporaryName } from '../src/node/publish.js';
import { fromBytes, text, until } from './until.js';

export function diskContract(name: string, makeDisk: () => Disk): void {
  describe(`disk contract: ${name}`, () => {
    const made: (() => Promise<void>)[] = [];
    let disk: Disk;
    let folder: string;
    const at = (...names: string[]): string => join(folder, ...names);
    const names = async (): Promise<string[]> => (await disk.list(folder)).map(({ name }) => name);

    beforeEach(async () => {
      const current = makeDisk();
      const place = await current.temporaryFolder('pamina-disk-');
      made.push(() => current.removeTree(place));
      disk = current;
      folder = place;
    });
    afterAll(async () => {
      for (const remove of made) await remove();
    });

    describe('open files', () => {
      test('writes land at explicit positions, also out of order and at once', async () => {
        const file = await disk.open(at('file'), 'create');
        await Promise.all([
          file.write(text('world'), 6),
          file.write(text('hello '), 0),
          file.write(new Uint8Array(0), 100),
        ]);
        await file.datasync();
        await file.sync();
        expect(await file.size()).toBe(11);
        await file.close();
        expect(fromBytes(await disk.readFile(at('file')))).toBe('hello world');
      });

      test('a gap between writes reads as zeros', async () => {
        const file = await disk.open(at('file'), 'create');
        await file.write(text('x'), 4);
        const into = new Uint8Array(5).fill(9);
        expect(await file.read(into, 0)).toBe(5);
        expect([...into]).toEqual([0, 0, 0, 0, 120]);
        await file.close();
      });

      test('read fills what there is and gives 0 at and beyond the end', async () => {
        const file = await disk.open(at('file'), 'create');
        await file.write(text('abcdef'), 0);
        for (const isRecent of [false, true]) {
          const into = new Uint8Array(4);
          expect(await file.read(into, 4, isRecent)).toBe(2);
          expect(fromBytes(into.subarray(0, 2))).toBe('ef');
          expect(await file.read(into, 6, isRecent)).toBe(0);
          expect(await file.read(into, 1_000, isRecent)).toBe(0);
          expect(await file.read(new Uint8Array(0), 0, isRecent)).toBe(0);
        }
        await file.close();
      });

      test('truncate cuts off and extends with zeros', async () => {
        const file = await disk.open(at('file'), 'create');
        await file.write(text('abcdef'), 0);
        await file.truncate(2);
        await file.truncate(4);
        await file.close();
        expect([...(await disk.readFile(at('file')))]).toEqual([97, 98, 0, 0]);
      });

      test('a larger file is written and read whole', async () => {
        const bytes = new Uint8Array(5 * 1024 * 1024).map((_, index) => (index * 31) & 0xff);
        const file = await disk.open(at('file'), 'create');
        await file.write(bytes, 3);
        const into = new Uint8Array(bytes.length + 10);
        expect(await file.read(into, 3)).toBe(bytes.length);
        expect(Buffer.compare(into.subarray(0, bytes.length), bytes)).toBe(0);
        await file.close();
      });

      test('create refuses an existing file, read a missing one, write takes both', async () => {
        await expect(disk.open(at('file'), 'read')).rejects.toMatchObject({
          code: 'FILE_NOT_FOUND',
          context: { operation: 'open', path: at('file') },
        });
        const first = await disk.open(at('file'), 'write');
        await first.write(text('kept'), 0);
        await first.close();
        await expect(disk.open(at('file'), 'create')).rejects.toMatchObject({
          code: 'FILE_EXISTS',
        });
        const second = await disk.open(at('file'), 'write');
        expect(await second.size()).toBe(4);
        await second.close();
      });

      test('a file opened for reading cannot be written', async () => {
        await disk.createFile(at('file'), text('x'));
        const file = await disk.open(at('file'), 'read');
        await expect(file.write(text('y'), 0)).rejects.toMatchObject({ code: 'DISK_ERROR' });
        await file.close();
      });

      test('close waits for calls under way, is harmless twice, and ends everything else', async () => {
        const file = await disk.open(at('file'), 'create');
        const writes = Array.from({ length: 20 }, (_, index) => file.write(text('ab'), index * 2));
        const closing = file.close();
        await Promise.all([...writes, closing, file.close()]);
        expect(await disk.readFile(at('file'))).toHaveLength(40);
        for (const call of [
          () => file.write(text('x'), 0),
          () => file.datasync(),
          () => file.size(),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: 'DISK_ERROR' });
        }
      });
    });

    describe('whole files', () => {
      test('readFile gives plain bytes, or FILE_NOT_FOUND; readFileIfPresent null', async () => {
        await disk.createFile(at('file'), text('x'));
        const bytes = await disk.readFile(at('file'));
        expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
        expect(await disk.readFileIfPresent(at('file'))).toEqual(bytes);
        expect(await disk.readFileIfPresent(at('none'))).toBeNull();
        await expect(disk.readFile(at('none'))).rejects.toMatchObject({
          code: 'FILE_NOT_FOUND',
          context: { operation: 'read', path: at('none') },
        });
      });

      test('P8 replaceFile makes and replaces, and leaves nothing beside', async () => {
        await disk.replaceFile(at('file'), text('old and longer'));
        await disk.replaceFile(at('file'), text('new'));
        expect(fromBytes(await disk.readFile(at('file')))).toBe('new');
        expect(await names()).toEqual(['file']);
      });

      test('P8 a reader during replacements sees only whole files', async () => {
        const whole = (digit: number): Uint8Array => new Uint8Array(20_000).fill(digit);
        await disk.replaceFile(at('file'), whole(0));
        const rounds = 50;
        const writing = (async () => {
          for (let round = 1; round <= rounds; round += 1) {
            await disk.replaceFile(at('file'), whole(round));
          }
        })();
        for (let digit: number | undefined = 0; digit !== rounds;) {
          const seen = await disk.readFile(at('file'));
          expect(seen).toHaveLength(20_000);
          digit = seen[0];
          expect(seen.every((byte) => byte === digit)).toBe(true);
        }
        await writing;
      });

      test('P8 createFile never clobbers: of many at once one wins and the others hear FILE_EXISTS', async () => {
        const attempts = Array.from({ length: 16 }, (_, index) =>
          disk.createFile(at('file'), text(`by ${index}`)),
        );
        const results = await Promise.allSettled(attempts);
        const winners = results.flatMap(({ status }, index) =>
          status === 'fulfilled' ? [index] : [],
        );
        expect(winners).toHaveLength(1);
        for (const result of results) {
          if (result.status === 'rejected')
            expect(result.reason).toMatchObject({ code: 'FILE_EXISTS' });
        }
        expect(fromBytes(await disk.readFile(at('file')))).toBe(`by ${winners[0]}`);
        expect(await names()).toEqual(['file']);
      });

      test('P8 what cannot be published leaves the old and no temporary file', async () => {
        await disk.makeFolder(at('taken', 'inner'));
        await expect(disk.replaceFile(at('taken'), text('x'))).rejects.toMatchObject({
          code: 'DISK_ERROR',
        });
        expect(await names()).toEqual(['taken']);
        await expect(disk.replaceFile(at('none', 'file'), text('x'))).rejects.toMatchObject({
          code: 'FILE_NOT_FOUND',
        });
      });

      test('appendFile makes the file and adds to its end', async () => {
        await disk.appendFile(at('log'), text('one\n'), { sync: true });
        await disk.appendFile(at('log'), text('two\n'), { sync: false });
        await disk.appendFile(at('log'), text('three\n'), { sync: true });
        expect(fromBytes(await disk.readFile(at('log')))).toBe('one\ntwo\nthree\n');
      });

      test('a temporary name is told from others', () => {
        expect(isTemporaryName('control.json.tmp-0123456789abcdef')).toBe(true);
        expect(isTemporaryName('control.json')).toBe(false);
        expect(isTemporaryName('a.tmp-0123456789abcdef.seg')).toBe(false);
      });
    });

    describe('names and folders', () => {
      test('makeFolder makes the parents too, again and from several sides at once', async () => {
        const deep = at('a', 'b', 'c', 'd');
        await Promise.all([
          disk.makeFolder(deep),
          disk.makeFolder(deep),
          disk.makeFolder(at('a', 'b', 'e')),
        ]);
        await disk.makeFolder(deep);
        expect(await disk.stat(deep)).toMatchObject({ isFolder: true });
        expect(await disk.stat(at('a', 'b', 'e'))).toMatchObject({ isFolder: true });
        await disk.createFile(at('file'), text('x'));
        await expect(disk.makeFolder(at('file'))).rejects.toMatchObject({ code: 'FILE_EXISTS' });
      });

      test('list gives every entry in order of names, and FILE_NOT_FOUND for no folder', async () => {
        for (let index = 150; index > 0; index -= 1) {
          await disk.appendFile(at(`f${String(index).padStart(3, '0')}`), text('xy'), {
            sync: false,
          });
        }
        await disk.makeFolder(at('a'));
        const entries = await disk.list(folder);
        expect(entries).toHaveLength(151);
        expect(entries[0]).toMatchObject({ name: 'a', isFolder: true });
        expect(entries[150]).toMatchObject({ name: 'f150', isFolder: false, bytes: 2 });
        expect(entries[150]?.modifiedMs).toBeGreaterThan(0);
        await expect(disk.list(at('none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
      });

      test('P8 rename refuses a taken name unless told to replace', async () => {
        await disk.makeFolder(at('there'));
        await disk.createFile(at('from'), text('from'));
        await disk.createFile(at('there', 'to'), text('to'));
        await expect(disk.rename(at('from'), at('there', 'to'))).rejects.toMatchObject({
          code: 'FILE_EXISTS',
        });
        expect(fromBytes(await disk.readFile(at('there', 'to')))).toBe('to');
        await disk.rename(at('from'), at('there', 'to'), { replace: true });
        expect(fromBytes(await disk.readFile(at('there', 'to')))).toBe('from');
        expect(await names()).toEqual(['there']);
        await disk.rename(at('there'), at('elsewhere'));
        expect(await names()).toEqual(['elsewhere']);
        await expect(disk.rename(at('none'), at('new'))).rejects.toMatchObject({
          code: 'FILE_NOT_FOUND',
        });
      });

      test('link gives a file a second name, never takes one, and neither name needs the other', async () => {
        await disk.createFile(at('one'), text('x'));
        await disk.makeFolder(at('there'));
        await disk.link(at('one'), at('there', 'two'));
        await disk.appendFile(at('one'), text('y'), { sync: false });
        await disk.remove(at('one'));
        expect(fromBytes(await disk.readFile(at('there', 'two')))).toBe('xy');
        await disk.createFile(at('one'), text('z'));
        await expect(disk.link(at('one'), at('there', 'two'))).rejects.toMatchObject({
          code: 'FILE_EXISTS',
        });
        await expect(disk.link(at('none'), at('new'))).rejects.toMatchObject({
          code: 'FILE_NOT_FOUND',
        });
      });

      test('remove takes one file, removeTree whatever there is', async () => {
        await disk.makeFolder(at('a', 'b'));
        await disk.createFile(at('a', 'b', 'file'), text('x'));
        await disk.createFile(at('file'), text('x'));
        await disk.remove(at('file'));
        await expect(disk.remove(at('file'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
        await disk.removeTree(at('a'));
        await disk.removeTree(at('a'));
        expect(await names()).toEqual([]);
      });

      test('stat is null for nothing; realPath, freeBytes and temporaryFolder answer', async () => {
        expect(await disk.stat(at('none'))).toBeNull();
        expect(await disk.realPath(at('.'))).toBe(await disk.realPath(folder));
        await expect(disk.realPath(at('none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
        expect(await disk.freeBytes(folder)).toBeGreaterThan(0);
        await disk.syncFolder(folder);
        await expect(disk.syncFolder(at('none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
      });
    });

    describe('watch', () => {
      async function watching(
        path: string,
      ): Promise<{ calls: () => number; stop: () => Promise<void> }> {
        let calls = 0;
        const stop = await disk.watch(path, () => (calls += 1));
        return { calls: () => calls, stop };
      }

      test('a file that is made, replaced by rename, changed and removed is told each time', async () => {
        const { calls, stop } = await watching(at('file'));
        const steps = [
          () => disk.replaceFile(at('file'), text('one')),
          () => disk.replaceFile(at('file'), text('two')),
          () => disk.replaceFile(at('file'), text('six')),
          () => disk.appendFile(at('file'), text('more'), { sync: false }),
          () => disk.remove(at('file')),
          () => disk.replaceFile(at('file'), text('again')),
        ];
        for (const [index, step] of steps.entries()) {
          const before = calls();
          await step();
          await until(`step ${index} is noticed`, () => calls() > before);
        }
        await stop();
      });

      test('a burst is told at least once after its last change', async () => {
        let seen = '';
        const stop = await disk.watch(at('file'), () => {
          void disk
            .readFileIfPresent(at('file'))
            .then((bytes) => (seen = fromBytes(bytes ?? text(''))));
        });
        for (let index = 0; index < 30; index += 1)
          await disk.replaceFile(at('file'), text(`${index}`));
        await until('the last content is seen', () => seen === '29');
        await stop();
      });

      test('a folder is told of what is in it, and nothing is told after stop', async () => {
        await disk.makeFolder(at('watched'));
        const { calls, stop } = await watching(at('watched'));
        await disk.createFile(at('watched', 'file'), text('x'));
        await until('the new file is noticed', () => calls() > 0);
        await stop();
        const before = calls();
        const other = await watching(at('watched'));
        await disk.createFile(at('watched', 'second'), text('x'));
        await until('another watcher notices', () => other.calls() > 0);
        await other.stop();
        expect(calls()).toBe(before);
      });

      test('without its folder a file cannot be watched', async () => {
        await expect(disk.watch(at('none', 'file'), () => undefined)).rejects.toMatchObject({
          code: 'FILE_NOT_FOUND',
        });
      });
    });

    describe('lockFile', () => {
      test('holds out others until released, and a release frees only once', async () => {
        const release = await disk.lockFile(at('lock'), { waitMs: 0 });
        await expect(disk.lockFile(at('lock'), { waitMs: 0 })).rejects.toMatchObject({
          code: 'TIMEOUT',
          context: { operation: 'lock', path: at('lock') },
        });
        await release();
        const second = await disk.lockFile(at('lock'), { waitMs: 0 });
        await release();
        await expect(disk.lockFile(at('lock'), { waitMs: 5 })).rejects.toMatchObject({
          code: 'TIMEOUT',
        });
        await second();
        expect(await names()).toEqual([]);
      });

      test('a waiting one gets it after the release, an aborted one its reason', async () => {
        const release = await disk.lockFile(at('lock'), { waitMs: 0 });
        const controller = new AbortController();
        const aborted = disk.lockFile(at('lock'), { waitMs: 60_000, signal: controller.signal });
        const waiting = disk.lockFile(at('lock'), { waitMs: 60_000 });
        const reason = new Error('enough');
        controller.abort(reason);
        await expect(aborted).rejects.toBe(reason);
        await release();
        await (
          await waiting
        )();
        expect(await names()).toEqual([]);
      });

      test('of many at once only one holds it at a time, and each gets it', async () => {
        let holders = 0;
        let turns = 0;
        await Promise.all(
          Array.from({ length: 12 }, async () => {
            const release = await disk.lockFile(at('lock'), { waitMs: 60_000 });
            holders += 1;
            expect(holders).toBe(1);
            await disk.stat(at('lock'));
            turns += 1;
            holders -= 1;
            await release();
          }),
        );
        expect(turns).toBe(12);
        expect(await names()).toEqual([]);
      });
    });
  });
}
