// The reads of clients elsewhere: of now, of a snapshot, in a transaction. What demands nothing begins in the turn
// in which it came, so that it sees what was acknowledged before, and nothing that came behind it.

import { callBytesMax, PaminaError } from '@pamina/format';
import {
  BodyReader,
  type CallIterator,
  type CallOptions,
  type CallRange,
  noValue,
  readIterator,
  readKeys,
} from '@pamina/wire';
import { type CallsContext, verb } from './calls-context.js';
import type { FaceIterator, OpenIterator, Source } from './calls-readers.js';
import { readableAs } from './host-data.js';

type Value = Uint8Array | undefined;
type Entry = [key: Value, value: Value];

const asBytes = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
const entriesMax = 10_000;
/** Of many keys so many values are read first, before it is known how large they are. */
const firstKeys = 32;
/** So much is read at a time, bytes. */
const readBytesGoal = 8 * 1024 * 1024;
const iteratorBytesMin = 1024;
const iteratorBytesMax = 1024 * 1024;

interface OneKey {
  readonly source: number;
  readonly key: Uint8Array;
}

interface ManyKeys {
  readonly source: number;
  readonly keys: Uint8Array[];
}

function oneKey(bytes: Uint8Array): OneKey {
  const body = new BodyReader(bytes);
  return { source: body.u32(), key: body.rest() };
}

function manyKeys(bytes: Uint8Array): ManyKeys {
  const body = new BodyReader(bytes);
  return { source: body.u32(), keys: readKeys(body) };
}

export const get = verb<OneKey, Value>({
  decode: oneKey,
  run(context, { key, source }, options) {
    if (source === 0) {
      return ofNow(context, options, ({ database }) => {
        return database.reader.get('user', key) as Promise<Value>;
      });
    }
    return inSource(context, source, ({ snapshot, transaction }) =>
      snapshot === null
        ? transaction.call((one) => one.get(key, options))
        : context.face.get(key, { snapshot }),
    );
  },
  answer(answers, number, value) {
    if (value === undefined) answers.nothing(number);
    else answers.with(number, (writer) => writer.datum(value));
  },
});

export const getMany = verb<ManyKeys, Value[]>({
  decode: manyKeys,
  run(context, { keys, source }, options) {
    if (source === 0) return ofNow(context, options, () => manyOfNow(context, keys));
    return inSource(context, source, ({ snapshot, transaction }) =>
      snapshot === null
        ? inSteps(keys, (some) => transaction.call((one) => one.getMany(some, options)))
        : inSteps(keys, (some) => context.face.getMany(some, { snapshot })),
    );
  },
  answer(answers, number, values) {
    answers.with(number, (writer) => {
      for (const value of values) {
        if (value === undefined) writer.u32(noValue);
        else writer.sized(value);
      }
    });
  },
});

export const has = verb<OneKey, boolean>({
  decode: oneKey,
  run(context, { key, source }, options) {
    if (source === 0) {
      return ofNow(context, options, ({ database }) => database.reader.has('user', key));
    }
    return inSource(context, source, ({ snapshot, transaction }) =>
      snapshot === null
        ? transaction.call((one) => one.has(key, options))
        : context.face.has(key, { snapshot }),
    );
  },
  answer(answers, number, isThere) {
    if (isThere) answers.done(number);
    else answers.nothing(number);
  },
});

export const hasMany = verb<ManyKeys, boolean[]>({
  decode: manyKeys,
  run(context, { keys, source }, options) {
    if (source === 0) {
      return ofNow(context, options, ({ database }) => database.reader.hasMany('user', keys));
    }
    return inSource(context, source, ({ snapshot, transaction }) =>
      snapshot === null
        ? transaction.call(async (one) => {
            const found: boolean[] = [];
            for (let at = 0; at < keys.length; at += firstKeys) {
              const some = keys.slice(at, at + firstKeys);
              found.push(...(await Promise.all(some.map((key) => one.has(key, options)))));
            }
            return found;
          })
        : context.face.hasMany(keys, { snapshot }),
    );
  },
  answer(answers, number, found) {
    answers.with(number, (writer) => {
      for (const isThere of found) writer.u8(isThere ? 1 : 0);
    });
  },
});

/** Few at once, as most are; else of one snapshot. */
async function manyOfNow({ database, face }: CallsContext, keys: Uint8Array[]): Promise<Value[]> {
  if (keys.length <= firstKeys) {
    return database.reader.getMany('user', keys, asBytes) as Promise<Value[]>;
  }
  const snapshot = face.snapshot();
  try {
    return await inSteps(keys, (some) => face.getMany(some, { snapshot }));
  } finally {
    await snapshot.close();
  }
}

/** RESPONSE_TOO_LARGE before more is read than an answer may have. */
async function inSteps(
  keys: Uint8Array[],
  read: (some: Uint8Array[]) => Promise<Value[]>,
): Promise<Value[]> {
  const values: Value[] = [];
  let bytes = 0;
  let step = firstKeys;
  for (let at = 0; at < keys.length; at += step) {
    if (at > 0) step = Math.max(1, Math.floor((readBytesGoal * at) / Math.max(bytes, at)));
    for (const value of await read(keys.slice(at, at + step))) {
      values.push(value);
      bytes += value?.length ?? 0;
    }
    if (bytes > callBytesMax) {
      const message = `the values of ${values.length} keys have ${bytes} bytes, and an answer may have ${callBytesMax}`;
      throw new PaminaError('RESPONSE_TOO_LARGE', message, {
        hint: 'Ask for fewer keys at a time.',
      });
    }
  }
  return values;
}

interface Opened extends CallIterator {
  readonly number: number;
}

export const openIterator = verb<Opened, void>({
  decode(bytes) {
    const body = new BodyReader(bytes);
    return { number: body.u32(), ...readIterator(body.rest()) };
  },
  run({ readers, ...context }, asked, options) {
    readers.requireRoom(asked.number);
    const whole = { readers, ...context };
    return readers.addIterator(asked.number, opened(whole, asked, options));
  },
  answer: (answers, number) => answers.done(number),
});

export const next = verb<{ number: number; size: number }, Entry[]>({
  decode(bytes) {
    const body = new BodyReader(bytes);
    const given = { number: body.u32(), size: body.u32() };
    body.end();
    return given;
  },
  run({ readers }, { number, size }) {
    const found = readers.iterator(number);
    const take = (one: OpenIterator): Promise<Entry[]> => takeFrom(one, Math.min(size, entriesMax));
    return found instanceof Promise ? found.then(take) : take(found);
  },
  answer(answers, number, entries) {
    if (entries.length === 0) {
      answers.nothing(number);
      return;
    }
    answers.with(number, (writer) => {
      for (const entry of entries) {
        for (const datum of entry) {
          if (datum === undefined) writer.u32(noValue);
          else writer.sized(datum);
        }
      }
    });
  },
});

export const seek = verb<OneKey, void>({
  decode: oneKey,
  async run({ readers }, { key, source: number }) {
    const found = readers.iterator(number);
    const { iterator } = found instanceof Promise ? await found : found;
    iterator.seek(key);
  },
  answer: (answers, number) => answers.done(number),
});

export const openSnapshot = verb<number, void>({
  decode: numberOf,
  run(context, number, options) {
    const { readers } = context;
    readers.requireRoom(number);
    const take = (): Source => ({ snapshot: context.face.snapshot(), transaction: null });
    if (!isDemanding(options)) {
      context.database.assertReadable();
      return readers.addSource(number, take());
    }
    return readers.addSource(number, readableAs(context.database, options).then(take));
  },
  answer: (answers, number) => answers.done(number),
});

export const close = verb<number, void>({
  decode: numberOf,
  run: ({ readers }, number) => readers.close(number),
  answer: (answers, number) => answers.done(number),
});

export function numberOf(bytes: Uint8Array): number {
  const body = new BodyReader(bytes);
  const number = body.u32();
  body.end();
  return number;
}

/** Bounds as abstract-level takes them: what is not given is left out. */
export function boundsOf({ gt, gte, lt, lte, reverse, limit }: CallRange): object {
  return {
    ...(gt && { gt }),
    ...(gte && { gte }),
    ...(lt && { lt }),
    ...(lte && { lte }),
    reverse,
    limit,
  };
}

function opened(
  context: CallsContext,
  asked: Opened,
  options: CallOptions,
): OpenIterator | Promise<OpenIterator> {
  const { face, readers } = context;
  const { keys, source, values } = asked;
  const answerBytes = Math.min(Math.max(asked.answerBytes, iteratorBytesMin), iteratorBytesMax);
  const range = { ...boundsOf(asked), keys, values, highWaterMarkBytes: answerBytes };
  const open = (more: object): FaceIterator => face.iterator({ ...range, ...more });
  if (source === 0) {
    const ofNowOpened = (): OpenIterator => ({
      iterator: open({}),
      transaction: null,
      answerBytes,
    });
    if (isDemanding(options)) return readableAs(context.database, options).then(ofNowOpened);
    return ofNowOpened();
  }
  const within = async ({ snapshot, transaction }: Source): Promise<OpenIterator> => {
    if (snapshot !== null) return { iterator: open({ snapshot }), transaction, answerBytes };
    const { lockMode } = options;
    const iterator = await transaction.call((one) => one.iterator({ ...range, lockMode }));
    return { iterator: iterator as unknown as FaceIterator, transaction, answerBytes };
  };
  const found = readers.source(source);
  return found instanceof Promise ? found.then(within) : within(found);
}

async function takeFrom(
  { answerBytes, iterator, transaction }: OpenIterator,
  size: number,
): Promise<Entry[]> {
  if (transaction === null) return (await iterator.nextv(size)) as Entry[];
  return transaction.call(async (one) => {
    const entries: Entry[] = [];
    for (let bytes = 0; entries.length < size && bytes < answerBytes;) {
      // Some may have been read ahead of the end.
      one.assertOpen();
      const entry = (await iterator.next()) as Entry | undefined;
      if (entry === undefined) break;
      entries.push(entry);
      bytes += (entry[0]?.length ?? 0) + (entry[1]?.length ?? 0);
    }
    return entries;
  });
}

function isDemanding({ after, maxStalenessMs }: CallOptions): boolean {
  return after !== undefined || maxStalenessMs !== undefined;
}

function ofNow<T>(
  context: CallsContext,
  options: CallOptions,
  read: (context: CallsContext) => Promise<T>,
): Promise<T> {
  const { database } = context;
  if (isDemanding(options)) return readableAs(database, options).then(() => read(context));
  database.assertReadable();
  return read(context);
}

function inSource<T>(
  { readers }: CallsContext,
  number: number,
  read: (source: Source) => Promise<T>,
): Promise<T> {
  const found = readers.source(number);
  return found instanceof Promise ? found.then(read) : read(found);
}
