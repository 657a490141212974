// A served database as a place for transactions: a master with all levels, a replica with those that it has.
import type { RemoteAdministration } from '@pamina/client';
import {
  formatPosition,
  isolationLevels,
  isPaminaError,
  parsePosition,
  type Isolation,
  type Position,
} from '@pamina/format';
import type { WriteOptions } from '@pamina/wire';
import { master } from '../../packages/sim/src/isolation/history.js';
import type { OpenTransaction, Place } from '../../packages/sim/src/isolation/place.js';

/** What a replica can be asked for. */
export const replicaLevels: readonly Isolation[] = isolationLevels;

const lockTimeoutMs = 2000;
/** What a client leaves open whose server is gone for a moment is soon free again. */
const leaseMs = 3000;
const tokenMs = 5000;
/** No key begins so. */
const nobody = 'nobody/';

export interface MasterOptions {
  readonly administration: RemoteAdministration;
  readonly database: string;
  readonly durability?: WriteOptions['durability'];
}

export function masterPlace({ administration, database, durability }: MasterOptions): Place {
  return {
    name: master,
    levels: isolationLevels,
    offers: 'writes',
    begin: (isolation) => begin({ administration, database, durability }, isolation),
    async write(entries) {
      const puts = entries.map(([key, value]) => ({ type: 'put', key, value }) as const);
      const { position } = await administration.batch(database, puts, { durability });
      return parsePosition(position);
    },
  };
}

export function replicaPlace(administration: RemoteAdministration, database: string): Place {
  return {
    name: database,
    levels: replicaLevels,
    offers: 'reads',
    async begin(isolation, after): Promise<OpenTransaction> {
      if (after !== null) await waitFor(administration, database, after);
      return begin({ administration, database }, isolation);
    },
    write: () => Promise.reject(new TypeError('a replica takes no writes')),
  };
}

/** A query that finds nothing, and holds the token. */
async function waitFor(
  administration: RemoteAdministration,
  database: string,
  position: Position,
): Promise<void> {
  const after = formatPosition(position);
  const found = administration.query(database, { prefix: nobody, after, timeoutMs: tokenMs });
  for await (const { key } of found) throw new Error(`there is a key ${key}`);
}

async function begin(
  { administration, database, durability }: MasterOptions,
  isolation: Isolation,
): Promise<OpenTransaction> {
  const { transactions } = administration;
  const { id } = await transactions.begin(database, { isolation, lockTimeoutMs, leaseMs });
  return {
    async get(key, lockMode) {
      try {
        return await transactions.get(database, id, key, { lockMode });
      } catch (error) {
        if (isPaminaError(error) && error.code === 'KEY_NOT_FOUND') return null;
        throw error;
      }
    },
    async range(prefix, lockMode) {
      const entries: [string, string][] = [];
      const found = transactions.range(database, id, { prefix, lockMode });
      for await (const { key, value } of found) entries.push([key, value]);
      return entries;
    },
    put: (key, value) => transactions.put(database, id, key, value),
    async commit() {
      const { position } = await transactions.commit(database, id, { durability });
      return parsePosition(position);
    },
    rollback: () => transactions.rollback(database, id),
  };
}
