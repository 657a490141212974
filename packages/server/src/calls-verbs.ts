// What a connection of calls can be asked for, by the number that stands in a call.

import { packBytes } from '@pamina/format';
import { type CallVerb, callVerb } from '@pamina/wire';
import { type Verb, verb } from './calls-context.js';
import * as reading from './calls-reading.js';
import * as writing from './calls-writing.js';

const look = verb<void, void>({
  decode: () => undefined,
  run: () => Promise.resolve(),
  answer: (answers, number) => answers.done(number),
});

const replicas = verb<void, readonly string[]>({
  decode: () => undefined,
  async run({ database }) {
    const permitted = await database.permitted();
    return permitted.filter((one) => one.simultaneousQuery).map(({ name }) => name);
  },
  answer(answers, number, names) {
    answers.with(number, (writer) => writer.datum(packBytes({ names })));
  },
});

const byNumber: Readonly<Record<CallVerb, Verb<never, never>>> = {
  [callVerb.get]: reading.get,
  [callVerb.getMany]: reading.getMany,
  [callVerb.has]: reading.has,
  [callVerb.hasMany]: reading.hasMany,
  [callVerb.put]: writing.put,
  [callVerb.del]: writing.del,
  [callVerb.batch]: writing.batch,
  [callVerb.clear]: writing.clear,
  [callVerb.openIterator]: reading.openIterator,
  [callVerb.next]: reading.next,
  [callVerb.seek]: reading.seek,
  [callVerb.close]: reading.close,
  [callVerb.openSnapshot]: reading.openSnapshot,
  [callVerb.begin]: writing.begin,
  [callVerb.write]: writing.write,
  [callVerb.commit]: writing.commit,
  [callVerb.rollback]: writing.rollback,
  [callVerb.renew]: writing.renew,
  [callVerb.look]: look,
  [callVerb.replicas]: replicas,
};

/** Null for a number that no verb has. */
export function verbOf(code: number): Verb<never, never> | null {
  return Object.hasOwn(byNumber, code) ? byNumber[code as CallVerb] : null;
}
