// The transactions of clients, through the host. Keys and values are text (UTF-8).

import { formatPosition } from '@pamina/format';
import type { BegunTransaction, Committed, TransactionCalls, WriteOptions } from '@pamina/wire';
import { byteRange, bytesOf, keyBytes, operationOf, textOf } from './entry-text.js';
import type { HostCore } from './host-core.js';
import { answeredInTime, keyNotFound } from './host-data.js';
import type { OnlineDatabase } from './online-database.js';
import type { RemoteTransaction } from './remote-transaction.js';

export interface HostTransactionCalls extends TransactionCalls {
  commit(
    name: string,
    id: string,
    options?: WriteOptions & {
      /** FORBIDDEN. Asked where something was written. */
      readonly requireWrite?: (() => void) | undefined;
    },
  ): Promise<Committed>;
}

export function transactionCalls(core: HostCore): HostTransactionCalls {
  const inDatabase = <T>(name: string, task: (online: OnlineDatabase) => Promise<T>): Promise<T> =>
    using(core, name, task);
  const withOne = <T>(name: string, id: string, task: (one: RemoteTransaction) => Promise<T>) =>
    inDatabase(name, ({ transactions }) => task(transactions.find(id)));
  return {
    begin: (name, options = {}) =>
      inDatabase(name, async ({ transactions }) => begun(await transactions.begin(options))),
    get: (name, id, key, options = {}) =>
      withOne(name, id, async (one) => {
        const value = await one.call((transaction) => transaction.get(keyBytes(key), options));
        if (value === undefined) throw keyNotFound(name, key);
        return textOf(value, `the value of ${JSON.stringify(key)}`);
      }),
    put: (name, id, key, value) =>
      withOne(name, id, (one) =>
        one.write((transaction) => transaction.put(keyBytes(key), bytesOf(value))),
      ),
    del: (name, id, key) =>
      withOne(name, id, (one) => one.write((transaction) => transaction.del(keyBytes(key)))),
    batch: (name, id, operations) => {
      return withOne(name, id, (one) => {
        const encoded = operations.map(operationOf) as BytesOperation[];
        return one.write((transaction) => transaction.batch(encoded));
      });
    },
    range: (name, id, options = {}) => range(core, name, id, options),
    renew: (name, id) =>
      withOne(name, id, (one) =>
        one.call((transaction) => {
          transaction.assertOpen();
          return begun(one);
        }),
      ),
    commit: (name, id, { durability, requireWrite = () => undefined } = {}) =>
      inDatabase(name, ({ database, transactions }) =>
        transactions.find(id).commit(
          (transaction) =>
            answeredInTime(database, durability, async (signal) => {
              await transaction.commit({ durability, signal });
              const present = formatPosition(database.positions.current);
              return { position: transaction.position ?? present };
            }),
          requireWrite,
        ),
      ),
    rollback: (name, id) =>
      withOne(name, id, (one) => one.call((transaction) => transaction.rollback())),
  };
}

type BytesOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

/** DATABASE_NOT_FOUND, DATABASE_OFFLINE */
async function using<T>(
  core: HostCore,
  name: string,
  task: (online: OnlineDatabase) => Promise<T>,
): Promise<T> {
  await core.control(name);
  const online = core.requireOnline(name);
  const release = online.use();
  try {
    return await task(online);
  } finally {
    release();
  }
}

async function* range(
  core: HostCore,
  name: string,
  id: string,
  { limit, lockMode, reverse, ...bounds }: Parameters<TransactionCalls['range']>[2] & object,
): ReturnType<TransactionCalls['range']> {
  await core.control(name);
  const online = core.requireOnline(name);
  const release = online.use();
  try {
    const asked = { ...byteRange(bounds), limit, lockMode, reverse };
    for await (const [key, value] of online.transactions.find(id).range(asked)) {
      const text = textOf(key, 'a key');
      yield { key: text, value: textOf(value, `the value of ${JSON.stringify(text)}`) };
    }
  } finally {
    release();
  }
}

function begun({ id, isolation, leaseMs }: RemoteTransaction): BegunTransaction {
  return { id, isolation, leaseMs };
}
