// What the tests of this package share: databases in temporary folders, a model of what was committed
// at which position, and a disk that fails where it is told to.
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { Database, createDatabase, type Operation } from '@pamina/engine';
import { nodeEnv, type Env } from '@pamina/env';
import { segmentBytesMin, viewOf, type Position } from '@pamina/format';

export { DyingDisk } from './dying-disk.js';

export const env: Env = nodeEnv();
const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pamina-backup-test-'));
  closers.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function openDatabase(
  folder: string,
  options: { env?: Env; access?: 'read' | 'write'; segmentBytes?: number } = {},
): Promise<Database> {
  const database = await Database.open(folder, {
    env: options.env ?? env,
    access: options.access ?? 'write',
    segmentBytes: options.segmentBytes ?? segmentBytesMin,
  });
  closers.push(() => database.close());
  return database;
}

/** A new database `orders` in a folder of its own, open for writing. */
export async function newDatabase(options: { env?: Env } = {}): Promise<Database> {
  const folder = join(await temporaryFolder(), 'orders');
  await createDatabase(folder, { env: options.env ?? env, name: 'orders' });
  return openDatabase(folder, options);
}

/** What was committed is in LevelDB's tables afterwards, not in its log. */
export async function intoTables(database: Database): Promise<void> {
  const { snapshot } = await database.stateSnapshot();
  await snapshot.close();
  await database.store.reopen();
}

interface Commit {
  readonly seq: number;
  readonly operations: readonly Operation[];
}

/** Commits through it are remembered with their position. */
export class Model {
  readonly #database: Database;
  readonly #commits: Commit[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  async commit(operations: readonly Operation[]): Promise<Position> {
    const position = await this.#database.commit(operations);
    this.#commits.push({ seq: position.seq, operations });
    return position;
  }

  put(key: Uint8Array | string, value: Uint8Array | string): Promise<Position> {
    return this.commit([{ type: 'put', key, value }]);
  }

  del(key: Uint8Array | string): Promise<Position> {
    return this.commit([{ type: 'del', key }]);
  }

  /** The user's entries after record `seq`, in key order, in the short form of userEntries. */
  at(seq: number): string[] {
    return this.#entriesAt(seq).map(([key, value]) => shortForm(key, value));
  }

  #entriesAt(seq: number): [Buffer, Buffer][] {
    const entries = new Map<string, Buffer>();
    for (const commit of this.#commits.toSorted((a, b) => a.seq - b.seq)) {
      if (commit.seq > seq) break;
      for (const operation of commit.operations) {
        const key = bytesOf(operation.key).toString('hex');
        if (operation.type === 'put') entries.set(key, bytesOf(operation.value));
        else entries.delete(key);
      }
    }
    return [...entries]
      .map(([key, value]): [Buffer, Buffer] => [Buffer.from(key, 'hex'), value])
      .sort(([a], [b]) => Buffer.compare(a, b));
  }

  /** The state hash after record `seq`, of a database without system data. */
  hashAt(seq: number): string {
    const hash = createHash('sha256');
    for (const [key, value] of this.#entriesAt(seq)) {
      const header = new Uint8Array(9);
      viewOf(header).setUint32(0, key.length + 1, true);
      viewOf(header).setUint32(4, value.length, true);
      header[8] = 0x02;
      hash.update(header).update(key).update(value);
    }
    return hash.digest('hex');
  }
}

function bytesOf(datum: string | Uint8Array): Buffer {
  return typeof datum === 'string' ? Buffer.from(datum) : Buffer.from(datum);
}

/** A key and the hash of its value: quick to compare, however large they are. */
function shortForm(key: Uint8Array, value: Uint8Array): string {
  const hash = createHash('sha256').update(value).digest('hex');
  return `${Buffer.from(key).toString('hex')} ${value.length} ${hash}`;
}

/** The user's entries as they stand in the store, in a short form. */
export async function userEntries(database: Database): Promise<string[]> {
  const { snapshot } = await database.stateSnapshot();
  try {
    const found: string[] = [];
    for await (const batch of snapshot.entries()) {
      for (const [key, value] of batch) {
        if (key[0] === 0x02) found.push(shortForm(key.subarray(1), value));
      }
    }
    return found;
  } finally {
    await snapshot.close();
  }
}

/** All files below a folder with their content, by path below it. */
export async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), await readFile(path));
  }
  return files;
}

/** One hash of the names and contents of all files below a folder: it tells whether anything was touched. */
export async function hashOfFolder(folder: string): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, bytes] of [...(await filesBelow(folder))].sort(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

export async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  const index = at < 0 ? bytes.length + at : at;
  bytes.writeUInt8(bytes.readUInt8(index) ^ 0x40, index);
  await writeFile(path, bytes);
}

/** A value whose settling from outside a test waits for. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
