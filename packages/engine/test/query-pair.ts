// A master with simultaneous query permitted and a replica that is fed by hand, both with their faces.
import type { Env } from '@pamina/env';
import { RecordKind, decodeLockBody, isLockKind } from '@pamina/format';
import { expect } from 'vitest';
import type { Database } from '../src/database.js';
import { Pamina } from '../src/pamina.js';
import { cleanUp, copyAs, env, newDatabase, openDatabase, pump } from './workbench.js';

export interface QueryPair {
  readonly master: Pamina;
  readonly replica: Pamina;
  /** Carries all that the master has on disk, and waits until it is applied. */
  readonly catchUp: () => Promise<void>;
  /** Carries it, and waits for nothing. */
  readonly carry: () => Promise<void>;
}

export async function face(database: Database): Promise<Pamina> {
  const db = new Pamina(database.folder, { database });
  cleanUp(() => db.close());
  await db.open();
  return db;
}

export async function queryPair(
  content: Readonly<Record<string, string>> = { a: '0', b: '0', c: '0' },
  {
    simultaneousQuery = true,
    masterEnv = env,
    replicaEnv = env,
  }: {
    readonly simultaneousQuery?: boolean;
    readonly masterEnv?: Env;
    readonly replicaEnv?: Env;
  } = {},
): Promise<QueryPair> {
  const first = await newDatabase();
  for (const [key, value] of Object.entries(content)) await first.put(key, value);
  await first.close();
  const folder = await copyAs('replica', first.folder, 'orders-replica');
  const masterDatabase = await openDatabase(first.folder, { env: masterEnv });
  const replicaDatabase = await openDatabase(folder, { env: replicaEnv });
  await replicaDatabase.updateControl({ simultaneousQuery: true });
  if (simultaneousQuery) {
    await masterDatabase.permit('orders-replica', { simultaneousQuery: true });
    // The log has switched: this is the first record that stands in a segment with lock data.
    await masterDatabase.put('begun', '1');
  }
  const carry = async (): Promise<void> => {
    await settled(masterDatabase);
    await pump(masterDatabase, replicaDatabase);
  };
  const catchUp = async (): Promise<void> => {
    await carry();
    await replicaDatabase.whenApplied(replicaDatabase.durable().seq);
  };
  await catchUp();
  const [master, replica] = [await face(masterDatabase), await face(replicaDatabase)];
  return { master, replica, carry, catchUp };
}

/** All that is encoded is on disk, lock data too. */
export async function settled(database: Database): Promise<void> {
  await new Promise(setImmediate);
  while (database.log.encodedSeq > database.durable().seq) {
    await database.log.waitForMore(database.durable().seq);
  }
}

/** The lock data from record `seq` on, as text: `lock 1 documents a b`. */
export async function lockData(database: Database, seq = 1): Promise<string[]> {
  const lines: string[] = [];
  for await (const { header, body } of database.log.records(Math.max(seq, database.log.firstSeq))) {
    const { kind } = header;
    if (kind === RecordKind.commit) lines.push('commit');
    if (!isLockKind(kind)) continue;
    const decoded = decodeLockBody(kind, body);
    const name = kind === RecordKind.lock ? 'lock' : kind === RecordKind.abort ? 'abort' : 'locks';
    const bodies = 'held' in decoded ? decoded.held : [decoded];
    const more = 'more' in decoded ? ['more'] : [];
    lines.push([name, ...bodies.map(shown), ...more].join(' '));
  }
  return lines;
}

function shown(body: object): string {
  return Object.entries(body)
    .map(([name, value]) => {
      if (name === 'transaction') return String(value);
      if (value === true) return name;
      return [name, ...(value as Uint8Array[]).map((one) => Buffer.from(one).toString())].join(' ');
    })
    .join(' ');
}

/** Whether it is still under way a while later: everything that could have ended it has had its turn. */
export async function isPending(task: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  task.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  expect(typeof isOver).toBe('boolean');
  return !isOver;
}
