// The writes and transactions of clients elsewhere.

import { formatPosition, toPaminaError } from '@pamina/format';
import {
  type BeginOptions,
  BodyReader,
  type CallOptions,
  type CallRange,
  readBegin,
  readOperations,
  readRange,
  type WireOperation,
} from '@pamina/wire';
import { type CallsContext, verb } from './calls-context.js';
import { boundsOf, numberOf } from './calls-reading.js';
import type { Source } from './calls-readers.js';
import { answeredInTime } from './host-data.js';

interface Pair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export const put = verb<Pair, void>({
  decode(bytes) {
    const body = new BodyReader(bytes);
    return { key: body.sized(), value: body.rest() };
  },
  run({ access, database }, { key, value }, options) {
    access.requireWrite();
    if (isPlain(database, options)) return database.put(key, value);
    const { durability } = options;
    return answeredInTime(database, durability, (signal) =>
      database.put(key, value, { durability, signal }),
    );
  },
  answer: (answers, number) => answers.done(number),
});

export const del = verb<Uint8Array, void>({
  decode: (bytes) => bytes,
  run({ access, database }, key, options) {
    access.requireWrite();
    if (isPlain(database, options)) return database.del(key);
    const { durability } = options;
    return answeredInTime(database, durability, (signal) =>
      database.del(key, { durability, signal }),
    );
  },
  answer: (answers, number) => answers.done(number),
});

export const batch = verb<WireOperation[], void>({
  decode: readOperations,
  async run({ access, database }, operations, { durability }) {
    access.requireWrite();
    if (operations.length === 0) return;
    await answeredInTime(database, durability, (signal) =>
      database.commit(operations, { durability, signal }),
    );
  },
  answer: (answers, number) => answers.done(number),
});

export const clear = verb<CallRange, void>({
  decode: readRange,
  async run({ access, database, face, readers }, range, { durability }) {
    access.requireWrite();
    // Begun before anything is awaited, unless what it is of is still being opened.
    const source = range.source === 0 ? null : readers.source(range.source);
    const { snapshot } = (source instanceof Promise ? await source : source) ?? {};
    await answeredInTime(database, durability, (signal) =>
      face.clear({
        ...boundsOf(range),
        ...(snapshot && { snapshot }),
        durability,
        signal,
      }),
    );
  },
  answer: (answers, number) => answers.done(number),
});

export const begin = verb<{ number: number; asked: BeginOptions }, void>({
  decode(bytes) {
    const body = new BodyReader(bytes);
    return { number: body.u32(), asked: readBegin(body.rest()) };
  },
  run({ access, database, online, readers }, { asked, number }) {
    // Its locks hold up those who write.
    if (database.isWriter) access.requireWrite();
    readers.requireRoom(number);
    const opening = online.transactions
      .begin(asked)
      .then((transaction): Source => ({ snapshot: null, transaction }));
    return readers.addSource(number, opening);
  },
  answer: (answers, number) => answers.done(number),
});

export const write = verb<{ number: number; operations: WireOperation[] }, void>({
  decode(bytes) {
    const body = new BodyReader(bytes);
    return { number: body.u32(), operations: readOperations(body.rest()) };
  },
  async run({ access, readers }, { number, operations }) {
    access.requireWrite();
    const transaction = await readers.transaction(number);
    await transaction.write((one) => one.batch(operations));
  },
  answer: (answers, number) => answers.done(number),
});

export const commit = verb<number, void>({
  decode: numberOf,
  async run({ access, database, readers }, number, { durability }) {
    const transaction = await readers.transaction(number);
    try {
      await transaction.commit(
        (one) =>
          answeredInTime(database, durability, async (signal) => {
            await one.commit({ durability, signal });
            return { position: one.position ?? formatPosition(database.positions.current) };
          }),
        () => {
          try {
            access.requireWrite();
          } catch (error) {
            // It is open still, and nobody can name it any more.
            transaction.rollBack(toPaminaError(error));
            throw error;
          }
        },
      );
    } finally {
      // Who lost the answer asks nobody: the transaction ended with its connection.
      readers.forget(number);
      transaction.forget();
    }
  },
  answer: (answers, number) => answers.done(number),
});

export const rollback = verb<number, void>({
  decode: numberOf,
  async run({ readers }, number) {
    const transaction = await readers.transaction(number);
    readers.forget(number);
    await transaction.call((one) => one.rollback());
    transaction.forget();
  },
  answer: (answers, number) => answers.done(number),
});

export const renew = verb<number, void>({
  decode: numberOf,
  async run({ readers }, number) {
    const transaction = await readers.transaction(number);
    await transaction.call((one) => one.assertOpen());
  },
  answer: (answers, number) => answers.done(number),
});

/** Nothing is asked for, and nothing but the disk waited for. */
function isPlain(database: CallsContext['database'], { durability }: CallOptions): boolean {
  return durability === undefined && database.synchronous.byDefault === null;
}
