// Queries on the replica while it replays: what a snapshot sees stays as it is, whatever is applied meanwhile, and a
// query under locks sees what has come.
import type { Administration } from 'pamina';
import { seqOf } from './proof.js';
import { until } from './stage.js';

const replica = 'cities-replica';
const visits = { prefix: 'visit-' } as const;

export interface QueriedBeside {
  /** What the snapshot saw, both times. */
  readonly snapshot: number;
  /** Records that were applied between the two. */
  readonly applied: number;
  readonly later: number;
}

export async function queryBesideReplay(there: Administration): Promise<QueriedBeside> {
  const { transactions } = there;
  const appliedSeq = async (): Promise<number> => seqOf((await there.status(replica)).applied);
  const before = await appliedSeq();
  const { id } = await transactions.begin(replica, { isolation: 'snapshot' });
  const count = (): Promise<number> => countOf(transactions.range(replica, id, visits));
  const snapshot = await count();
  const after = await until('the replica went on', async () => {
    const seq = await appliedSeq();
    return seq > before ? seq : null;
  });
  const again = await count();
  await transactions.rollback(replica, id);
  if (again !== snapshot) throw new Error(`a snapshot saw ${snapshot}, then ${again} visits`);
  const later = await countOf(there.query(replica, { ...visits, isolation: 'committedCommand' }));
  if (later < snapshot) throw new Error(`${later} visits are there, ${snapshot} were before`);
  return { snapshot, applied: after - before, later };
}

async function countOf(entries: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const entry of entries) if (entry !== undefined) count += 1;
  return count;
}
