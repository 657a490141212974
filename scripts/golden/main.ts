// Writes the golden files of this version: `npx tsx --conditions=pamina-source scripts/golden/main.ts`.
// README.md says when.
import { cp, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { folderSource, listBackups, restore, takeBackup, takeIncremental } from '@pamina/backup';
import { Database, createDatabase, version, type Operation } from '@pamina/engine';
import { segmentBytesMin } from '@pamina/format';
import { printDirectory } from '../../packages/directory/src/directory-content.js';
import { carryLog } from './carry.js';
import { checksumsFile, goldenFolder, listChecksums } from './checksums.js';
import {
  describeBackup,
  describeDatabase,
  type DatabaseDescription,
  type ExpectedBackup,
} from './description.js';
import { fixedEnv } from './fixed-env.js';
import { restoreAny } from './restore-any.js';

const env = fixedEnv();
const target = join(goldenFolder, version);
/** Belong to the run of a process or to LevelDB's own log of events, and are no part of a database. */
const passing = /^(LOCK|LOG|LOG\.old|open-in-.*)$/;

const open = (folder: string, access: 'read' | 'write' = 'write'): Promise<Database> =>
  Database.open(folder, { env, access, segmentBytes: segmentBytesMin });

async function commitAll(
  database: Database,
  commits: readonly (readonly Operation[])[],
): Promise<void> {
  for (const operations of commits) {
    env.tick();
    const { seq } = await database.commit(operations);
    // How commits are joined for the store is a matter of time.
    await database.whenApplied(seq);
  }
}

/** Keys and values of every kind: text, bytes that are no text, nothing at all, and one that is long. */
function commitsOf(session: number): Operation[][] {
  const key = (rest: string): string => `${session}/${rest}`;
  return [
    [{ type: 'put', key: key('papageno'), value: '{"items":["bells"]}' }],
    [
      { type: 'put', key: key('tamino'), value: '{"items":["flute"]}' },
      { type: 'put', key: Uint8Array.of(session, 0, 255), value: Uint8Array.of(0, 255, 1) },
      { type: 'put', key: key('empty'), value: '' },
    ],
    [
      { type: 'put', key: key('long'), value: 'Zauberflöte '.repeat(300) },
      { type: 'del', key: key('papageno') },
      { type: 'del', key: key('never was') },
    ],
    [{ type: 'put', key: key('papageno'), value: 'again' }],
  ];
}

/** A replica of `orders` from its backup `id`, which has received all that is durable there. */
async function makeReplica(master: Database, id: string, name: string): Promise<Database> {
  const source = folderSource(env, join('orders/backups', id));
  await restore({ env, source, folder: name, name });
  const copy = await open(name, 'read');
  await copy.updateControl({ type: 'replica', master: 'orders', simultaneousQuery: true });
  await copy.close();
  const replica = await open(name);
  await carryLog(master, replica, 300);
  return replica;
}

async function writeDatabases(): Promise<void> {
  await createDatabase('orders', { env });
  const first = await open('orders');
  await commitAll(first, commitsOf(1));
  await first.close();
  env.tick();
  const orders = await open('orders');
  await orders.permit('orders-replica', { simultaneousQuery: true });
  await commitAll(orders, commitsOf(2));
  const { id } = await takeBackup(orders, { tag: 'first', compression: 'none' });
  await commitAll(orders, commitsOf(3));
  await restore({
    env,
    source: folderSource(env, join('orders/backups', id)),
    folder: 'orders-copy',
    name: 'orders-copy',
  });
  const replica = await makeReplica(orders, id, 'orders-replica');
  orders.slots.report(replica.identity.instance, 'orders-replica', {
    received: 20,
    durable: 20,
    applied: 19,
  });
  await replica.close();
  const promoted = await makeReplica(orders, id, 'orders-promoted');
  await promoted.becomeNormal('takeover of orders');
  await commitAll(promoted, commitsOf(4).slice(0, 2));
  await promoted.close();
  await takeBackup(orders, { compression: 'brotli-1' });
  await commitAll(orders, commitsOf(5).slice(0, 3));
  await takeIncremental(orders, { tag: 'increment' });
  await commitAll(orders, commitsOf(7).slice(0, 2));
  await takeBackup(orders, { form: 'physical', tag: 'tables' });
  await commitAll(orders, commitsOf(8).slice(1, 3));
  await takeIncremental(orders);
  await orders.close();
  const crashed = await open('orders');
  await commitAll(crashed, commitsOf(6).slice(0, 2));
  // As kill -9 leaves it: LevelDB open, no trailer, space reserved behind the last record.
  const isPart = (path: string): boolean =>
    basename(path) !== 'LOCK' && basename(path) !== 'backups';
  await cp('orders', 'orders-crashed', { recursive: true, filter: isPart });
  await crashed.close();
  const directory = new Map([
    ['orders', { address: 'http://127.0.0.1:7474', instance: null, since: env.clock.now() }],
  ]);
  await writeFile('directory.json', printDirectory(directory));
}

async function copyPublished(work: string): Promise<void> {
  await cp(work, target, {
    recursive: true,
    filter: (path) => !passing.test(basename(path)) && !basename(path).startsWith('.'),
  });
}

/** Opens copies: to read a database changes its store. */
async function describe(): Promise<void> {
  const databases: Record<string, DatabaseDescription> = {};
  const backups: Record<string, ExpectedBackup> = {};
  for (const entry of await readdir('.', { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const copy = `.described-${entry.name}`;
    await cp(join(target, entry.name), copy, { recursive: true });
    const database = await open(copy, 'read');
    databases[entry.name] = await describeDatabase(database);
    await database.close();
    const folder = `${entry.name}/backups`;
    if ((await stat(folder).catch(noFolder)) === null) continue;
    for (const { id } of await listBackups(env, folder)) {
      const restored = `.restored-${id}`;
      await restoreAny(env, folder, id, restored);
      const state = await open(restored, 'read');
      const { stateHash } = await describeDatabase(state);
      await state.close();
      const described = await describeBackup(folderSource(env, `${folder}/${id}`));
      backups[`${folder}/${id}`] = { ...described, restoredHash: stateHash };
    }
  }
  const expected = { databases, backups };
  await writeFile(join(target, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`);
}

function noFolder(error: NodeJS.ErrnoException): null {
  if (error.code !== 'ENOENT') throw error;
  return null;
}

async function main(): Promise<void> {
  if (process.argv.includes('--replace')) await rm(target, { recursive: true, force: true });
  if ((await stat(target).catch(noFolder)) !== null) {
    throw new Error(
      `${target} is there: golden files of a released version are never written again`,
    );
  }
  const work = await mkdtemp(join(tmpdir(), 'pamina-golden-'));
  // Paths stand in job logs; relative ones are the same everywhere.
  process.chdir(work);
  try {
    await writeDatabases();
    await copyPublished(work);
    await describe();
  } finally {
    process.chdir(tmpdir());
    await rm(work, { recursive: true, force: true });
  }
  await writeFile(checksumsFile, await listChecksums());
  process.stdout.write(`written: ${target}\n`);
}

await main();
