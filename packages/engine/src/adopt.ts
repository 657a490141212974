// Brings a plain LevelDB over: imported through the log into a database beside it, verified, then
// moved into the folder. control.json comes last, so that a crash leaves a plain LevelDB or a database.
import { createHash } from 'node:crypto';
import { basename, join, resolve } from 'node:path';
import { PaminaError } from '@pamina/format';
import type { Disk, Env, StoreLevel } from '@pamina/env';
import {
  backupsFolder,
  createDatabase,
  logFolder,
  nameFromFolder,
  storeFolder,
} from './create-database.js';
import { Database } from './database.js';
import type { Operation } from './operation.js';

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
/** What a database consists of, control.json apart, in the order in which it is moved. */
const databaseParts = [
  storeFolder,
  logFolder,
  backupsFolder,
  'slots',
  'checkpoint.json',
  'job.log',
];
const commitBytesTarget = 1024 * 1024;

/** The names that LevelDB gives to its files; nothing else in the folder is touched. */
const levelName = /^(CURRENT|LOCK|LOG|LOG\.old|MANIFEST-\d+|\d+\.(ldb|sst|log|dbtmp))$/;

/**
 * The LevelDB may be open nowhere else. DATABASE_NOT_FOUND (no LevelDB there), DATABASE_EXISTS,
 * DATABASE_IN_USE, FILE_EXISTS (something stands where the database's parts go), STORE_DAMAGED.
 */
export async function adopt(folder: string, options: AdoptOptions): Promise<Adopted> {
  const { disk } = options.env;
  const path = resolve(folder);
  const names =
    (await disk.stat(path)) === null ? [] : (await disk.list(path)).map((entry) => entry.name);
  if (names.includes('control.json')) {
    throw new PaminaError('DATABASE_EXISTS', `${path} holds a Pamina database already`);
  }
  if (!names.includes('CURRENT')) {
    throw new PaminaError('DATABASE_NOT_FOUND', `${path} holds no LevelDB`);
  }
  refuseForeignParts(path, names);
  const name = options.name ?? nameFromFolder(basename(path));
  const beside = join(path, besideName);
  const source = await openSource(options.env, path);
  try {
    await disk.removeTree(beside);
    // An empty folder that is there: `beside` marks a cut short adoption from its first step on.
    await disk.makeFolder(beside);
    await createDatabase(beside, { env: options.env, name });
    const entries = await copyThroughLog(source, path, beside, options);
    // The LevelDB stays locked until its files are put aside.
    await moveIn(disk, path, beside);
    return { name, entries, keptIn: join(path, keptName) };
  } catch (error) {
    await putBack(disk, path, beside);
    throw error;
  } finally {
    await source.close();
  }
}

/** Until control.json stands, the parts are copies that nobody has used. */
async function putBack(disk: Disk, path: string, beside: string): Promise<void> {
  if ((await disk.stat(join(path, 'control.json'))) !== null) return;
  for (const part of databaseParts) await disk.removeTree(join(path, part));
  await disk.removeTree(beside);
}

/** What an adoption that was cut short left is known by the folder that it left; all else is the user's. */
function refuseForeignParts(path: string, names: readonly string[]): void {
  if (names.includes(besideName)) return;
  const foreign = names.find((name) => databaseParts.includes(name) || name === keptName);
  if (foreign === undefined) return;
  const message = `${join(path, foreign)} stands where a part of the database would go`;
  throw new PaminaError('FILE_EXISTS', message, { context: { path: join(path, foreign) } });
}

async function copyThroughLog(
  source: StoreLevel,
  path: string,
  beside: string,
  options: AdoptOptions,
): Promise<number> {
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
  }
}

async function openSource(env: Env, path: string): Promise<StoreLevel> {
  try {
    return await env.stores.open(path, { create: false });
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
  for (const part of databaseParts) {
    await disk.removeTree(join(path, part));
    if ((await disk.stat(join(beside, part))) === null) continue;
    await disk.rename(join(beside, part), join(path, part));
  }
  await disk.rename(join(beside, 'control.json'), join(path, 'control.json'));
  const kept = join(path, keptName);
  await disk.makeFolder(kept);
  for (const { name } of await disk.list(path)) {
    if (levelName.test(name)) await disk.rename(join(path, name), join(kept, name));
  }
  await disk.removeTree(beside);
}
