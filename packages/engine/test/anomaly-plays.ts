// Each anomaly as a play among transactions of one level: it tells whether it happened.
import { join } from 'node:path';
import type { Env } from '@pamina/env';
import type { Isolation } from '@pamina/format';
import { Pamina } from '../src/pamina.js';
import { Actor, actorsOf } from './transaction-actor.js';

export const anomalies = [
  'dirty write',
  'dirty read',
  'cursor lost update',
  'lost update',
  'non-repeatable read',
  'phantom',
  'write skew',
  'range write skew',
  'long fork',
] as const;

export type Anomaly = (typeof anomalies)[number];

/** Plays it among transactions of one level. True: it happened, and all of them committed. */
type Play = (db: Pamina, begin: () => Promise<Actor>) => Promise<boolean>;

const increment = async (actor: Actor): Promise<void> => {
  await actor.do(async (tx) => tx.put('x', `${Number(actor.seen['x']) + 1}`));
};

const plays: Readonly<Record<Anomaly, Play>> = {
  'dirty write': async (db, begin) => {
    const [a, b] = await actorsOf(begin, 2);
    await a.do((tx) => tx.put('x', 'a'));
    await b.do((tx) => tx.put('x', 'b'));
    await b.do((tx) => tx.put('y', 'b'));
    await b.commit();
    await a.do((tx) => tx.put('y', 'a'));
    await a.commit();
    await Promise.all([a.end(), b.end()]);
    const [x, y] = await db.getMany(['x', 'y']);
    return x !== y;
  },
  'dirty read': async (_, begin) => {
    const [writer, reader] = await actorsOf(begin, 2);
    await writer.do((tx) => tx.put('x', 'dirty'));
    await reader.read('x');
    await writer.do((tx) => tx.rollback());
    await reader.end();
    return reader.seen['x'] === 'dirty';
  },
  'cursor lost update': async (db, begin) => {
    const [a, b] = await actorsOf(begin, 2);
    await a.read('x');
    await b.read('x');
    await increment(a);
    await increment(b);
    await a.commit();
    await b.commit();
    return (await a.end()) && (await b.end()) && (await db.get('x')) === '1';
  },
  'lost update': async (db, begin) => {
    const [a, b] = await actorsOf(begin, 2);
    for (const actor of [a, b]) {
      await actor.read('x');
      await actor.read('y');
    }
    await increment(a);
    await increment(b);
    await a.commit();
    await b.commit();
    return (await a.end()) && (await b.end()) && (await db.get('x')) === '1';
  },
  'non-repeatable read': async (_, begin) => {
    const [reader, writer] = await actorsOf(begin, 2);
    await reader.read('x');
    await reader.read('y');
    const before = reader.seen['x'];
    await writer.do((tx) => tx.put('x', 'new'));
    await writer.commit();
    await reader.read('x');
    await reader.commit();
    return (await reader.end()) && (await writer.end()) && reader.seen['x'] !== before;
  },
  phantom: async (_, begin) => {
    const [reader, writer] = await actorsOf(begin, 2);
    const counts: number[] = [];
    const count = (): Promise<void> =>
      reader.do(
        async (tx) => void counts.push((await tx.keys({ gte: 'a', lt: 'b' }).all()).length),
      );
    await count();
    await writer.do((tx) => tx.put('a2', 'new'));
    await writer.commit();
    await count();
    await reader.commit();
    return (await reader.end()) && (await writer.end()) && counts[0] !== counts[1];
  },
  'write skew': async (_, begin) => {
    const [a, b] = await actorsOf(begin, 2);
    for (const actor of [a, b]) {
      await actor.read('x');
      await actor.read('y');
    }
    await a.do((tx) => tx.put('x', 'a'));
    await b.do((tx) => tx.put('y', 'b'));
    await a.commit();
    await b.commit();
    return (await a.end()) && (await b.end());
  },
  'range write skew': async (_, begin) => {
    const [a, b] = await actorsOf(begin, 2);
    for (const actor of [a, b]) {
      await actor.do(async (tx) => void (await tx.keys({ gte: 'a', lt: 'b' }).all()));
    }
    await a.do((tx) => tx.put('a2', 'a'));
    await b.do((tx) => tx.put('a3', 'b'));
    await a.commit();
    await b.commit();
    return (await a.end()) && (await b.end());
  },
  'long fork': async (_, begin) => {
    const [first, second, one, other] = await actorsOf(begin, 4);
    await other.read('x');
    await other.read('z');
    await first.do((tx) => tx.put('x', 'new'));
    await first.commit();
    await one.read('x');
    await one.read('y');
    await one.read('z');
    await second.do((tx) => tx.put('y', 'new'));
    await second.commit();
    await other.read('y');
    for (const actor of [one, other]) await actor.commit();
    const ends = [await first.end(), await second.end(), await one.end(), await other.end()];
    const isForked =
      one.seen['x'] === 'new' &&
      one.seen['y'] !== 'new' &&
      other.seen['x'] !== 'new' &&
      other.seen['y'] === 'new';
    return ends.every(Boolean) && isForked;
  },
};

/** In a database of its own. Nobody is left behind, whoever lost: that is an error. */
export async function happensAt(
  env: Env,
  anomaly: Anomaly,
  isolation: Isolation,
): Promise<boolean> {
  const folder = await env.disk.temporaryFolder('pamina-anomaly-');
  const db = new Pamina(join(folder, 'orders'), { env });
  try {
    await db.batch(
      Object.entries({ a1: '', x: '0', y: '0', z: '0' }).map(([key, value]) => ({
        type: 'put',
        key,
        value,
      })),
    );
    const begin = async (): Promise<Actor> => new Actor(db, await db.begin({ isolation }));
    const hasHappened = await plays[anomaly](db, begin);
    if (db.database.transactions.isLocking) throw new Error(`locks are left of ${anomaly}`);
    return hasHappened;
  } finally {
    await db.close();
    await env.disk.removeTree(folder);
  }
}
