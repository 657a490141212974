// One step of a random sequence, and what all steps draw their arguments from.
import fc from 'fast-check';
import { spaces, type Range } from './range.js';
import { settled } from './rest.js';
import type { Subject } from './subject.js';

export type Step = fc.AsyncCommand<Subject, null>;

/** `text` is what a failure prints. `check` says whether it makes sense at this moment. */
export function step(
  text: string,
  run: (subject: Subject) => Promise<void>,
  check: (subject: Readonly<Subject>) => boolean = () => true,
): Step {
  return {
    check,
    toString: () => text,
    run: async (subject) => {
      if (subject.history.isCrowded) await settled(subject);
      await run(subject);
      subject.throwFailure();
    },
  };
}

// Not `!s"`: abstract-level itself takes the key just above a sublevel for one of the sublevel.
const textKeys = ['', 'a', 'a\0', 'aa', 'b', '!', '!s!', '!s!a', '!s!!t!b', '!s#', '\x7f'];
const byteKeys = ['\xff', '\xff\xff', 'a\xff', '\x80'];

export const allKeys: readonly string[] = [...textKeys, ...byteKeys];
/** Some keys are met again and again, so that commits and reads that overlap have keys in common. */
export const keyArbitrary = fc.oneof(fc.constantFrom('a', 'b', 'aa'), fc.constantFrom(...allKeys));
export const spaceArbitrary = fc.constantFrom(...spaces);
/** Most steps do not wait for their end. */
export const isAwaitedArbitrary = fc.constantFrom(false, false, true);
/** Which of the living snapshots is read; those that are not there mean none. */
export const snapshotArbitrary = fc.constantFrom(0, 1, 2, 3, 4);

export const rangeArbitrary: fc.Arbitrary<Range> = fc
  .tuple(
    fc.oneof(fc.constant({}), fc.record({ gt: keyArbitrary }), fc.record({ gte: keyArbitrary })),
    fc.oneof(fc.constant({}), fc.record({ lt: keyArbitrary }), fc.record({ lte: keyArbitrary })),
    fc.record({ reverse: fc.boolean() }),
    fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, fc.record({ limit: fc.nat(4) })),
  )
  .map(([lower, upper, reverse, limit]) => ({ ...lower, ...upper, ...reverse, ...limit }));
