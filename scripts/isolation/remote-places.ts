// A served database as a place for transactions: a master with all levels, a replica with those that it has.
import type { RemoteAdministration } from '@pamina/client';
import {
  formatPosition,
  isolationLevels,
  isPaminaError,
  parsePosition,
  type Isolation,
} from '@pamina/format';
import type { WriteOptions } from '@pamina/wire';
import { master } from '../../packages/sim/src/isolation/history.js';
import type { OpenTransaction, Place } from '../../packages/sim/src/isolation/place.js';

/** What a replica can be asked for: those that take no locks. */
export const replicaLevels: readonly Isolation[] = ['uncommittedDocument', 'snapshot'];

const lockTimeoutMs = 2000;
/** What a client leaves open whose server is gone for a moment is soon free again. */
const leaseMs = 3000;
const tokenMs = 5000;

export interface MasterOptions {
  readonly administration: RemoteAdministration;
  readonly database: string;
  readonly durability?: WriteOptions['durability'];
}

export function masterPlace({ administration, database, durability }: MasterOptions): Place {
  const { transactions } = administration;
  return {
    name: master,
    levels: isolationLevels,
    offers: 'writes',
    async begin(isolation) {
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
    },
    async write(entries) {
      const puts = entries.map(([key, value]) => ({ type: 'put', key, value }) as const);
      const { position } = await administration.batch(database, puts, { durability });
      return parsePosition(position);
    },
  };
}

const refuse = (): Promise<never> => Promise.reject(new TypeError('a replica takes no writes'));

/** Each transaction is one query. */
export function replicaPlace(administration: RemoteAdministration, database: string): Place {
  return {
    name: database,
    levels: replicaLevels,
    offers: 'one read',
    async begin(isolation, after): Promise<OpenTransaction> {
      const token = after === null ? {} : { after: formatPosition(after), timeoutMs: tokenMs };
      const read: OpenTransaction['range'] = async (prefix, lockMode) => {
        const entries: [string, string][] = [];
        const found = administration.query(database, { prefix, isolation, lockMode, ...token });
        for await (const { key, value } of found) entries.push([key, value]);
        return entries;
      };
      return {
        range: read,
        async get(key, lockMode) {
          const entries = await read(key, lockMode);
          return entries.find(([other]) => other === key)?.[1] ?? null;
        },
        put: refuse,
        commit: () => Promise.resolve(null),
        rollback: () => Promise.resolve(),
      };
    },
    write: refuse,
  };
}
