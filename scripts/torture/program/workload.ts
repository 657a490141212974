// What the writers commit: a pure function of seed, writer and number, so that every process can tell
// what must stand in the log and in the store. Each writer has its own few keys, which its commits
// put, replace and delete; what is there after commit n follows from the commits since the last sweep.
import { createCipheriv } from 'node:crypto';
import { Dice } from './dice.js';

export interface Plan {
  readonly seed: number;
  readonly writers: number;
  readonly valueBytesMax: number;
}

export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer }
  | { readonly type: 'del'; readonly key: string };

const slots = 24;
/** A commit that decides every key of its writer: nobody needs to look at what was before it. */
export const sweepEvery = 50;
const batchChangesMax = 9;
const smallBytesMax = 400;
const middleBytesMax = 4096;
const largeBytesMax = 16_384;

export function commitOf(plan: Plan, writer: number, number: number): Change[] {
  const dice = new Dice(plan.seed, writer, number);
  if (number % sweepEvery === 0) {
    return Array.from({ length: slots }, (_, slot) => change(plan, dice, writer, number, slot));
  }
  const kind = dice.fraction();
  if (kind < 0.15) return [{ type: 'del', key: keyOf(writer, dice.below(slots)) }];
  if (kind < 0.55) return [put(plan, dice, writer, number, dice.below(slots))];
  const first = dice.below(slots);
  return Array.from({ length: dice.between(2, batchChangesMax) }, (_, index) =>
    change(plan, dice, writer, number, (first + index) % slots),
  );
}

/** The writer that a key belongs to; null for a key of nobody. */
export function writerOf(plan: Plan, key: string): number | null {
  const match = /^w(\d\d)\/\d\d$/.exec(key);
  const writer = Number(match?.[1] ?? Number.NaN);
  return writer < plan.writers ? writer : null;
}

/** What is there of a writer after its commit `last`, without those that are not there. */
export function stateAfter(
  plan: Plan,
  writer: number,
  last: number,
  isThere: (number: number) => boolean,
): Map<string, Buffer> {
  const decided = new Map<string, Buffer | null>();
  for (let number = last; number > 0; number -= 1) {
    if (!isThere(number)) continue;
    for (const one of commitOf(plan, writer, number)) {
      if (decided.has(one.key)) continue;
      decided.set(one.key, one.type === 'put' ? one.value : null);
    }
    if (number % sweepEvery === 0) break;
  }
  const state = new Map<string, Buffer>();
  for (const [key, value] of decided) if (value !== null) state.set(key, value);
  return state;
}

function keyOf(writer: number, slot: number): string {
  return `w${String(writer).padStart(2, '0')}/${String(slot).padStart(2, '0')}`;
}

function change(plan: Plan, dice: Dice, writer: number, number: number, slot: number): Change {
  if (dice.fraction() < 0.3) return { type: 'del', key: keyOf(writer, slot) };
  return put(plan, dice, writer, number, slot);
}

function put(plan: Plan, dice: Dice, writer: number, number: number, slot: number): Change {
  const stamp = Buffer.from(`${writer} ${number} ${slot} `);
  const from = dice.below(filling.length);
  const rest = filling.subarray(from, from + valueBytes(plan, dice));
  return { type: 'put', key: keyOf(writer, slot), value: Buffer.concat([stamp, rest]) };
}

function valueBytes(plan: Plan, dice: Dice): number {
  const kind = dice.fraction();
  if (kind < 0.6) return dice.between(0, Math.min(smallBytesMax, plan.valueBytesMax));
  if (kind < 0.9) return dice.between(0, Math.min(middleBytesMax, plan.valueBytesMax));
  if (kind < 0.995) return dice.between(0, Math.min(largeBytesMax, plan.valueBytesMax));
  return dice.between(0, plan.valueBytesMax);
}

/** Does not compress, so that what is written is as long as what was given. */
const filling = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(
  Buffer.alloc(512 * 1024),
);
