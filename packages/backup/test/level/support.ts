// Stores that LevelDB wrote, for the tests of the readers of its files, and files in memory that can be
// damaged quickly.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import type { DiskFile } from '@pamina/env';
import { filePieces } from '../../src/level/file-pieces.js';
import { damageOf, type FileDamage } from '../../src/level/damage.js';
import { TableCheck } from '../../src/level/table-check.js';
import { readTableLayout } from '../../src/level/table-layout.js';
import { temporaryFolder } from '../support.js';

export type RawLevel = Level<Buffer, Buffer>;

/** Compacts everything: in the implementation, not in the type that browsers share. */
export function compact(level: RawLevel): Promise<void> {
  const whole = level as unknown as { compactRange(from: Buffer, to: Buffer): Promise<void> };
  return whole.compactRange(Buffer.of(0), Buffer.of(0xff));
}

const bytesOptions = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

export interface StoreOptions {
  readonly compression?: boolean;
  readonly blockSize?: number;
  readonly writeBufferSize?: number;
  readonly maxFileSize?: number;
}

/** Open; the caller closes it. */
export async function openLevel(folder: string, options: StoreOptions = {}): Promise<RawLevel> {
  const level = new Level<Buffer, Buffer>(folder, { ...bytesOptions, ...options });
  await level.open();
  return level;
}

/** Keys that share their fronts, values that compress in part. */
export async function fill(level: RawLevel, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 100) {
    const batch = level.batch();
    for (let i = at; i < Math.min(to, at + 100); i++) {
      const key = Buffer.from(`document/${String((i * 7919) % 100_003).padStart(8, '0')}`);
      batch.put(key, Buffer.from(`{"id":${i},"text":"${'abc'.repeat(i % 40)}${i * 31}"}`));
    }
    await batch.write();
  }
}

/** A closed store of tables alone: what stood in its log was put into one when it was opened again. */
export async function storeOfTables(entries: number, options: StoreOptions = {}): Promise<string> {
  const folder = join(await temporaryFolder(), 'store');
  const level = await openLevel(folder, options);
  await fill(level, 0, entries);
  await level.close();
  await (await openLevel(folder, options)).close();
  return folder;
}

export async function filesOf(folder: string, ending: RegExp): Promise<string[]> {
  return (await readdir(folder))
    .filter((name) => ending.test(name))
    .map((name) => join(folder, name));
}

export async function firstFile(folder: string, ending: RegExp): Promise<string> {
  const [path] = await filesOf(folder, ending);
  if (path === undefined) throw new Error(`${folder} has no file like ${ending.source}`);
  return path;
}

export async function bytesOf(path: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(path));
}

/** A file that is nothing but these bytes. */
export function memoryFile(path: string, bytes: Uint8Array): DiskFile {
  const refuse = (): Promise<never> => Promise.reject(new Error('this file is only read'));
  return {
    path,
    read: (into, at) => {
      const found = bytes.subarray(at, at + into.length);
      into.set(found);
      return Promise.resolve(found.length);
    },
    size: () => Promise.resolve(bytes.length),
    close: () => Promise.resolve(),
    write: refuse,
    datasync: refuse,
    sync: refuse,
    truncate: refuse,
  };
}

/** All that is found in the bytes of a table. */
export async function damageInTable(bytes: Uint8Array): Promise<FileDamage[]> {
  const found: FileDamage[] = [];
  const file = memoryFile('table', bytes);
  try {
    const check = new TableCheck(await readTableLayout(file), (damage) => found.push(damage));
    for await (const piece of filePieces(file, 0, bytes.length)) check.update(piece);
    check.finish();
  } catch (error) {
    const damage = damageOf(error);
    if (damage === null) throw error;
    found.push(damage);
  }
  return found;
}

/** A copy with one byte changed. */
export function flipped(bytes: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy.at(at) ?? 0) ^ mask;
  return copy;
}
