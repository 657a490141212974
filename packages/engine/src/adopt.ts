// Brings a plain LevelDB over: imported through the log into a database beside it, verified, then
// moved into the folder. control.json comes last, so that a crash leaves a plain LevelDB or a database.
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { Level } from 'level';
import { PaminaError } from '@pamina/format';
import type { Disk, Env } from '@pamina/env';
import {
  backupsFolder,
  createDatabase,
  logFolder,
  nameFromFolder,
  storeFolder,
} from './create-database.js';
import { Database } from './database.js';
import type { Operation } from './operation.js';
import type { StoreLevel } from './state-store.js';

export interface AdoptOptions {
  readonly env: Env;
  /** Default: the name of the folder. */
  readonly name?: string | undefined;
  readonly onProgress?: ((progress: { readonly entries: number }) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Adopted {
  readonly name: string;
  readonly entries: number;
  /** Where the files of the plain LevelDB are kept. */
  readonly keptIn: string;
}

const besideName = 'pamina-adopting';
const keptName = 'leveldb-before-pamina';
const commitBytesTarget = 1024 * 1024;

/** The names that LevelDB gives to its files; nothing else in the folder is touched. */
const levelName = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(ldb|sst|log|dbtmp))$/;

/** DATABASE_NOT_FOUND (no LevelDB there), DATABASE_EXISTS, DATABASE_IN_USE, FILE_EXISTS, STORE_DAMAGED. */
export async function adopt(folder: string, options: AdoptOptions): Promise<Adopted> {
  const { disk } = options.env;
  const path = resolve(folder);
  const names = await namesIn(disk, path);
  if (names.includes('control.json')) {
    throw new PaminaError('DATABASE_EXISTS', `${path} holds a Pamina database already`);
  }
  if (!names.includes('CURRENT')) {
    throw new PaminaError('DATABASE_NOT_FOUND', `${path} holds no LevelDB`);
  }
  const name = options.name ?? nameFromFolder(basename(path));
  const beside = join(path, besideName);
  // What a crash in the middle of an earlier adoption has moved in already is made anew.
  if (names.includes(besideName)) await removeParts(disk, path);
  await disk.removeTree(beside);
  refuseForeignParts(path, await namesIn(disk, path));
  try {
    await createDatabase(beside, { env: options.env, name });
    const entries = await copyThroughLog(path, beside, options);
    await moveIn(disk, path, beside);
    await keepLevelFiles(disk, path);
    return { name, entries, keptIn: join(path, keptName) };
  } catch (error) {
    if ((await disk.stat(join(path, 'control.json'))) === null) {
      await removeParts(disk, path);
      await disk.removeTree(beside);
    }
    throw error;
  }
}

async function namesIn(disk: Disk, path: string): Promise<string[]> {
  if ((await disk.stat(path)) === null) return [];
  return (await disk.list(path)).map((entry) => entry.name);
}

/** The parts of a database other than control.json, which is moved last. */
const partNames = [storeFolder, logFolder, backupsFolder, 'slots', 'checkpoint.json', 'job.log'];

async function removeParts(disk: Disk, path: string): Promise<void> {
  for (const name of partNames) await disk.removeTree(join(path, name));
}

function refuseForeignParts(path: string, names: readonly string[]): void {
  const foreign = names.find((name) => partNames.includes(name) || name === keptName);
  if (foreign === undefined) return;
  const message = `${join(path, foreign)} is in the way: a database keeps its own files there`;
  throw new PaminaError('FILE_EXISTS', message, { context: { path: join(path, foreign) } });
}

async function copyThroughLog(
  path: string,
  beside: string,
  options: AdoptOptions,
): Promise<number> {
  const source: StoreLevel = new Level<Buffer, Buffer>(path, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: false,
  });
  await openSource(source, path);
  const database = await Database.open(beside, { env: options.env });
  try {
    const read = createHash('sha256');
    let entries = 0;
    let operations: Operation[] = [];
    let bytes = 0;
    for await (const [key, value] of source.iterator()) {
      options.signal?.throwIfAborted();
      addEntry(read, key, value);
      operations.push({ type: 'put', key, value });
      bytes += key.length + value.length;
      entries++;
      if (bytes < commitBytesTarget) continue;
      await database.commit(operations);
      operations = [];
      bytes = 0;
      options.onProgress?.({ entries });
    }
    if (operations.length > 0) await database.commit(operations);
    await compare(database, read.digest('hex'), path);
    return entries;
  } finally {
    await database.close();
    await source.close();
  }
}

async function openSource(source: StoreLevel, path: string): Promise<void> {
  try {
    await source.open();
  } catch (error) {
    const cause = (error as { cause?: { code?: unknown } }).cause;
    const code = cause?.code === 'LEVEL_LOCKED' ? 'DATABASE_IN_USE' : 'STORE_ERROR';
    throw new PaminaError(code, `the LevelDB in ${path} cannot be opened`, { cause: error });
  }
}

async function compare(database: Database, expected: string, path: string): Promise<void> {
  const written = createHash('sha256');
  for await (const [key, value] of database.entries()) addEntry(written, key, value);
  if (written.digest('hex') === expected) return;
  throw new PaminaError('STORE_DAMAGED', `what was imported is not what ${path} holds`);
}

function addEntry(hash: ReturnType<typeof createHash>, key: Uint8Array, value: Uint8Array): void {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(key.length, 0);
  lengths.writeUInt32LE(value.length, 4);
  hash.update(lengths).update(key).update(value);
}

/** Until control.json is in its place the folder is still the plain LevelDB; from then on it is the database. */
async function moveIn(disk: Disk, path: string, beside: string): Promise<void> {
  const parts = await namesIn(disk, beside);
  for (const part of parts.filter((name) => name !== 'control.json')) {
    await disk.rename(join(beside, part), join(path, part));
  }
  await disk.rename(join(beside, 'control.json'), join(path, 'control.json'));
  await disk.removeTree(beside);
}

async function keepLevelFiles(disk: Disk, path: string): Promise<void> {
  const kept = join(path, keptName);
  await disk.makeFolder(kept);
  for (const name of await namesIn(disk, path)) {
    if (!levelName.test(name)) continue;
    await disk.rename(join(path, name), join(kept, name), { replace: true });
  }
}
