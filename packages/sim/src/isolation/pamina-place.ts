// A database of this process as a place for transactions.
import type { Pamina, PaminaTransaction } from '@pamina/engine';
import { isolationLevels, parsePosition, type Isolation, type ReadLockMode } from '@pamina/format';
import { master } from './history.js';
import type { OpenTransaction, Place } from './place.js';

type Bytes = Uint8Array;

/** How long whoever holds a token waits for it. */
const tokenMs = 5000;

/** `lockTimeoutMs`: how long one of its calls waits for a lock. `name`: of a replica. */
export function paminaPlace(db: Pamina<Bytes, Bytes>, lockTimeoutMs: number, name = master): Place {
  return {
    name,
    levels: isolationLevels,
    offers: name === master ? 'writes' : 'reads',
    async begin(isolation: Isolation, after) {
      if (after !== null) await db.waitFor(after, { timeoutMs: tokenMs });
      return openTransaction(await db.begin({ isolation, lockTimeoutMs }));
    },
    write: (entries) =>
      db.database.commit(entries.map(([key, value]) => ({ type: 'put', key, value }))),
  };
}

function openTransaction(transaction: PaminaTransaction<Bytes, Bytes>): OpenTransaction {
  return {
    async get(key: string, lockMode?: ReadLockMode) {
      const value = await transaction.get(Buffer.from(key), { lockMode });
      return value === undefined ? null : text(value);
    },
    async range(prefix, lockMode) {
      const range = { gte: Buffer.from(prefix), lt: Buffer.from(`${prefix}\u{ffff}`), lockMode };
      const entries = await transaction.iterator(range).all();
      return entries.map(([key, value]) => [text(key), text(value)]);
    },
    put: (key, value) => transaction.put(Buffer.from(key), Buffer.from(value)),
    async commit() {
      await transaction.commit();
      const { position } = transaction;
      return position === null ? null : parsePosition(position);
    },
    rollback: () => transaction.rollback(),
  };
}

function text(bytes: Bytes): string {
  return new TextDecoder().decode(bytes);
}
