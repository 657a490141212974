// What comes over the channel of calls: messages of clients with the bodies of their calls, and answers of servers.
import { isPaminaError, packBytes } from '@pamina/format';
import {
  BodyReader,
  callVerb,
  decodeCallsControl,
  decodeCallsHello,
  encodeCallsControl,
  FrameReader,
  FrameWriter,
  readBegin,
  readCallOptions,
  readEntries,
  readIterator,
  readKeys,
  readOperations,
  readPlace,
  readRange,
  readReplicaNames,
  readValues,
  type WireItem,
} from '@pamina/wire';
import { hold, type Target } from '../target.js';
import { holdEqual, joined, packed, shapeOf, signless } from './forms.js';
import { pattern, timelines } from './samples.js';

const bodies: Readonly<Record<number, (bytes: Uint8Array) => unknown>> = {
  [callVerb.get]: (bytes) => {
    const body = new BodyReader(bytes);
    return [body.u32(), body.rest()];
  },
  [callVerb.getMany]: (bytes) => {
    const body = new BodyReader(bytes);
    return [body.u32(), readKeys(body)];
  },
  [callVerb.put]: (bytes) => {
    const body = new BodyReader(bytes);
    return [body.sized(), body.rest()];
  },
  [callVerb.batch]: readOperations,
  [callVerb.clear]: readRange,
  [callVerb.openIterator]: readIterator,
  [callVerb.begin]: readBegin,
};

function calls(): Uint8Array {
  const writer = new FrameWriter('calls');
  const call = (verb: number, write: () => void, options: Uint8Array | null = null): void => {
    writer.begin(verb, verb, options);
    write();
    writer.end();
  };
  const range = { source: 0, gte: Uint8Array.of(1), reverse: true, limit: -1 };
  call(callVerb.get, () => {
    writer.u32(0);
    writer.datum('key');
  });
  call(callVerb.getMany, () => {
    writer.u32(0);
    writer.u32(2);
    writer.sized('one');
    writer.sized('two');
  });
  const options = packBytes({ durability: { replicas: 1 }, after: '1/7', maxStalenessMs: 3 });
  call(
    callVerb.put,
    () => {
      writer.sized('key');
      writer.datum('value');
    },
    options,
  );
  call(callVerb.batch, () =>
    writer.operations([
      { type: 'put', key: 'a', value: 'b' },
      { type: 'del', key: 'c' },
    ]),
  );
  call(callVerb.clear, () => writer.datum(packBytes(range)));
  call(callVerb.openIterator, () =>
    writer.datum(packBytes({ ...range, keys: true, values: false, answerBytes: 1000 })),
  );
  call(callVerb.begin, () => writer.datum(packBytes({ isolation: 'snapshot', leaseMs: 1000 })));
  return joined(...writer.take());
}

function answers(): Uint8Array {
  const writer = new FrameWriter('answers');
  writer.begin(1, 0);
  writer.sized('key');
  writer.sized('value');
  writer.end();
  writer.begin(2, 1);
  writer.end();
  return joined(...writer.take({ timeline: 1, atLeast: 5, atMost: 6 }));
}

function written(kind: 'calls' | 'answers', items: readonly WireItem[]): Uint8Array {
  const writer = new FrameWriter(kind);
  for (const { body, code, number, options } of items) {
    writer.begin(number, code, options);
    writer.datum(body);
    writer.end();
  }
  return joined(...writer.take());
}

/** What was read is written and read again as it was. */
function readTwice(kind: 'calls' | 'answers', message: Uint8Array): WireItem[] {
  const items = new FrameReader(kind).read(message);
  if (items.length > 0) {
    holdEqual(new FrameReader(kind).read(written(kind, items)), items, 'calls come back');
  }
  return items;
}

const messages: Target = {
  name: 'calls',
  about: 'messages of the channel of calls, with the bodies and options of the calls in them',
  seeds: [calls()],
  codes: ['MESSAGE_INVALID', 'BODY_INVALID', 'REQUEST_INVALID'],
  run(message) {
    let heard = '';
    for (const { body, code, options } of readTwice('calls', message)) {
      heard += ` ${code}`;
      if (options !== null) heard += shapeOf(readCallOptions(options), 1);
      heard += shapeOf(bodies[code]?.(body), 1);
    }
    return heard.slice(0, 200);
  },
};

const answered: Target = {
  name: 'answers',
  about: 'answers of the channel of calls: where the place is, values, entries, names',
  seeds: [answers()],
  codes: ['MESSAGE_INVALID'],
  run(message) {
    const place = readPlace(message);
    hold(Number.isSafeInteger(place.atMost), 'a position is a whole number');
    let heard = '';
    for (const { body } of readTwice('answers', message)) {
      for (const read of [
        readEntries,
        (bytes: Uint8Array) => readValues(bytes, 2),
        readReplicaNames,
      ]) {
        try {
          heard += shapeOf(read(body), 1);
        } catch (error) {
          if (!isPaminaError(error, 'MESSAGE_INVALID')) throw error;
        }
      }
    }
    return heard.slice(0, 200);
  },
};

const begins: Target = {
  name: 'calls-control',
  about: 'how a connection of calls begins and ends',
  seeds: [
    encodeCallsControl({ type: 'hello', protocol: 1 }),
    encodeCallsControl({
      type: 'welcome',
      protocol: 1,
      name: 'orders',
      instance: pattern,
      databaseType: 'normal',
      timelines,
      position: { timeline: 2, seq: 9 },
    }),
    encodeCallsControl({ type: 'refuse', code: 'DATABASE_OFFLINE', message: 'no', context: {} }),
  ],
  words: ['hello', 'welcome', 'refuse', 'databaseType', 'position'],
  document: packed(1, 0, (bytes) => joined(Uint8Array.of(1), bytes)),
  codes: ['MESSAGE_INVALID', 'VERSION_MISMATCH'],
  run(message) {
    let refusal: unknown = null;
    for (const decode of [decodeCallsHello, decodeCallsControl]) {
      try {
        const said = decode(message);
        holdEqual(decode(encodeCallsControl(said)), signless(said), 'a message comes back');
        return shapeOf(said, 1);
      } catch (error) {
        if (!isPaminaError(error)) throw error;
        refusal = error;
      }
    }
    throw refusal;
  },
};

export const wireCalls: readonly Target[] = [messages, answered, begins];
