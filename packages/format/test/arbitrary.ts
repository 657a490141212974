// What the property tests of this package draw from, and the two ways to spoil bytes.
import fc from 'fast-check';
import type { Timeline } from '../src/timeline.js';

export const uint32 = fc.oneof(
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
);

/** An integer from 0 to 2^53 - 1, with the places where halves of a u64 meet. */
export const count = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER),
);

export function atLeastOne(values: fc.Arbitrary<number>): fc.Arbitrary<number> {
  return values.map((value) => Math.max(1, value));
}

export function hex(digits: number): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...Array.from('0123456789abcdef')), {
      minLength: digits,
      maxLength: digits,
    })
    .map((list) => list.join(''));
}

export const name = fc
  .stringMatching(/^[a-z0-9][a-z0-9_-]{0,40}$/)
  .filter((text) => text.length <= 64);

export const tag = fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9._:+ -]{0,40}$/));

const printable = fc.stringMatching(/^[a-zA-Z0-9 äö€-]{0,30}$/);

/** A history that could be: rising numbers, forks that do not go back, ids that differ. */
export const history: fc.Arbitrary<Timeline[]> = fc
  .uniqueArray(fc.tuple(hex(16), fc.nat({ max: 9 }), fc.nat({ max: 1000 }), printable), {
    minLength: 1,
    maxLength: 6,
    selector: ([id]) => id,
  })
  .map((steps) => {
    const timelines: Timeline[] = [];
    for (const [id, numberStep, seqStep, why] of steps) {
      const before = timelines.at(-1);
      timelines.push({
        timeline: before === undefined ? 1 + numberStep : before.timeline + 1 + numberStep,
        id,
        forkedFrom: before?.id ?? null,
        atSeq: before === undefined ? 0 : before.atSeq + seqStep,
        why,
      });
    }
    return timelines;
  });

/** Calls `look` with each variant of `bytes` in which exactly one bit differs; restores it after. */
export function forEachFlippedBit(
  bytes: Uint8Array,
  look: (spoiled: Uint8Array, bit: number) => void,
): void {
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const at = bit >> 3;
    const before = bytes[at] ?? 0;
    bytes[at] = before ^ (1 << (bit & 7));
    look(bytes, bit);
    bytes[at] = before;
  }
}

/** Bytes as a peer or a broken disk may give them: noise, or something valid with noise in it. */
export function hostile(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const edits = fc.array(fc.tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 })), {
    minLength: 1,
    maxLength: 8,
  });
  return fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    edits.map((list) => {
      const spoiled = valid.slice();
      for (const [at, byte] of list) spoiled[at] = byte;
      return spoiled;
    }),
    fc.nat({ max: valid.length }).map((length) => valid.slice(0, length)),
  );
}
