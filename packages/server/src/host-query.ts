// Reading a range in one transaction. Where nobody else can write meanwhile, or no locks are asked for, a snapshot is
// all that the level asks for, and nothing has to be begun.

import { type Pamina, type PaminaTransaction, readsLock } from '@pamina/engine';
import type { Entry, QueryOptions } from '@pamina/wire';
import { byteRange, textOf } from './entry-text.js';
import type { Held, HostCore } from './host-core.js';
import { readableAs } from './host-data.js';
import { byteFace } from './remote-transactions.js';

type Face = Pamina<Uint8Array, Uint8Array>;

/** ISOLATION_UNAVAILABLE on a replica that takes locks where its log has no lock data. */
export async function* query(
  core: HostCore,
  name: string,
  options: QueryOptions = {},
): AsyncIterable<Entry> {
  const held = await core.holdData(name, 'read');
  const face = byteFace(held.database);
  const { limit = -1, reverse, signal } = options;
  try {
    await face.open();
    await readableAs(held.database, options);
    const transaction = await transactionFor(held, face, options);
    const range = { ...byteRange(options), limit, reverse, ...(signal && { signal }) };
    try {
      for await (const [key, value] of (transaction ?? face).iterator(range)) {
        held.online?.signal.throwIfAborted();
        const text = textOf(key, 'a key');
        yield { key: text, value: textOf(value, `the value of ${JSON.stringify(text)}`) };
      }
    } finally {
      await transaction?.rollback();
    }
  } finally {
    await face.close();
    await held.release();
  }
}

/** Null: a snapshot is enough. */
async function transactionFor(
  { database, online }: Held,
  face: Face,
  { isolation = 'snapshot', lockMode }: QueryOptions,
): Promise<PaminaTransaction<Uint8Array, Uint8Array> | null> {
  if (online === null || !readsLock(isolation, lockMode)) return null;
  // Nobody commits and nothing is replayed, so that nothing can come between.
  if (!database.isWriter && database.queries === null) return null;
  return face.begin({ isolation, lockMode, signal: online.signal });
}
