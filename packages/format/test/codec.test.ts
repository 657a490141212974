import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packBytes, unpackBytes } from '../src/codec.js';
import { scanDocument } from '../src/document-scan.js';
import { documentDepthMax } from '../src/limits.js';
import { PaminaError } from '../src/pamina-error.js';
import { forEachFlippedBit, hostile } from './arbitrary.js';

const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: true }).map((value) => value + 0),
  fc.maxSafeInteger(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: 'grapheme', minLength: 40, maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
);
const fieldName = fc.string({ unit: 'grapheme' }).filter((text) => text !== '__proto__');
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 20 }),
    fc.dictionary(fieldName, tie('tree'), { maxKeys: 20, noNullPrototype: true }),
  ),
}));

const example = { a: [1, -2, 3.5, null, true], b: { c: 'text'.repeat(20), d: 2 ** 40 } };

function codeOf(bytes: Uint8Array): string {
  try {
    unpackBytes(bytes, 'MESSAGE_INVALID');
  } catch (error) {
    expect(error).toBeInstanceOf(PaminaError);
    return (error as PaminaError).code;
  }
  return 'none';
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

describe('codec', () => {
  it('gives every plain value back', () => {
    fc.assert(
      fc.property(tree, (value) => {
        expect(unpackBytes(packBytes(value), 'BODY_INVALID')).toEqual(value);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves out fields that are undefined, as JSON does', () => {
    const bytes = packBytes({ a: 1, b: undefined });
    expect(Object.keys(unpackBytes(bytes, 'BODY_INVALID') as object)).toEqual(['a']);
  });

  it('takes objects without a prototype, and Buffers as bytes', () => {
    const bare = Object.assign(Object.create(null) as object, { a: 1 });
    expect(unpackBytes(packBytes(bare), 'BODY_INVALID')).toEqual({ a: 1 });
    const bytes = unpackBytes(packBytes(Buffer.from([1, 2])), 'BODY_INVALID');
    expect(bytes).toEqual(Uint8Array.of(1, 2));
  });

  it('gives bytes that nothing else writes to, and takes them without leaving a mark', () => {
    const one = packBytes({ a: 'one' });
    const kept = one.slice();
    packBytes({ a: 'two' });
    expect(one).toEqual(kept);
    const source = packBytes({ blob: Uint8Array.of(1, 2, 3) });
    const { blob } = unpackBytes(source, 'BODY_INVALID') as { blob: Uint8Array };
    source.fill(0);
    expect([...blob]).toEqual([1, 2, 3]);
    expect(Object.keys(source)).not.toContain('dataView');
  });

  it('reads a part of a larger buffer and only that', () => {
    const inner = packBytes(example);
    const outer = new Uint8Array(inner.length + 20).fill(0xa5);
    outer.set(inner, 10);
    const part = outer.subarray(10, 10 + inner.length);
    expect(unpackBytes(part, 'BODY_INVALID')).toEqual(example);
  });

  it('refuses to encode what would not come back', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    const values: unknown[] = [
      undefined,
      [undefined],
      new Date(),
      new Set([1]),
      /x/,
      2n ** 70n,
      loop,
    ];
    values.push(() => 1, Symbol('x'), new Map([[1, 2]]), new Float64Array(2), nested(100), 5n);
    values.push(
      new Error('x'),
      { a: [() => 1] },
      { toJSON: () => 7 },
      JSON.parse('{"__proto__":1}'),
    );
    for (const [i, value] of values.entries()) {
      expect(() => packBytes(value), `value ${i}`).toThrow(TypeError);
    }
  });

  it('P13 a tiny input that claims 4 GiB is refused before anything is allocated', () => {
    const heads = [0xc6, 0xc9, 0xdb, 0xdd, 0xdf];
    for (const head of heads) {
      const claim = Uint8Array.of(head, 0xff, 0xff, 0xff, 0xff);
      for (const bytes of [claim, Uint8Array.of(0x91, ...claim), Uint8Array.of(...claim, 1, 2)]) {
        expect(scanDocument(bytes)).not.toBeNull();
        expect(codeOf(bytes)).toBe('MESSAGE_INVALID');
      }
    }
  });

  it('P13 lists that each claim all that is left are refused before anything is allocated', () => {
    const bytes = new Uint8Array(1024 * 1024).fill(0xc0);
    for (let i = 0; i < 10; i++) bytes.set([0xdd, 0x00, 0x0f, 0x00, 0x00], 5 * i);
    expect(scanDocument(bytes)).not.toBeNull();
  });

  it('P13 nesting is limited, however short the input', () => {
    expect(unpackBytes(packBytes(nested(documentDepthMax)), 'BODY_INVALID')).toEqual(
      nested(documentDepthMax),
    );
    for (const head of [0x91, 0x81]) {
      expect(codeOf(new Uint8Array(100_000).fill(head))).toBe('MESSAGE_INVALID');
    }
    expect(() => packBytes(nested(documentDepthMax + 1))).toThrow(TypeError);
    const deep = new Uint8Array(documentDepthMax + 2).fill(0x91);
    deep[deep.length - 1] = 0xc0;
    expect(codeOf(deep)).toBe('MESSAGE_INVALID');
    // An empty list or object is a level too: nothing is read that could not have been written.
    for (const empty of [0x90, 0x80]) {
      deep[deep.length - 2] = empty;
      expect(codeOf(deep.subarray(0, -1))).toBe('MESSAGE_INVALID');
    }
  });

  it('P14 any truncation and any byte too many is refused', () => {
    const bytes = packBytes(example);
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(bytes.subarray(0, length))).toBe('MESSAGE_INVALID');
    }
    expect(codeOf(new Uint8Array([...bytes, 0xc0]))).toBe('MESSAGE_INVALID');
  });

  it('P14 extensions, the unused byte and field names that are no text are refused', () => {
    const refused = [
      [0xc1],
      [0xd4, 0x00, 0x00],
      [0xd4, 0x72, 0x40],
      [0xd6, 0xff, 0, 0, 0, 0],
      [0xc7, 0x01, 0x05, 0x00],
      [0x81, 0x01, 0x01],
      [0x81, 0xc0, 0x01],
      [0x81, 0x90, 0x01],
    ];
    for (const bytes of refused) expect(codeOf(Uint8Array.from(bytes))).toBe('MESSAGE_INVALID');
  });

  it('P14 answers hostile bytes with the code it was given only', () => {
    const valid = packBytes(example);
    const look = (bytes: Uint8Array): void => {
      expect(['none', 'MESSAGE_INVALID']).toContain(codeOf(bytes));
    };
    fc.assert(fc.property(hostile(valid), look), { numRuns: 3000 });
    forEachFlippedBit(valid.slice(), look);
  });

  it('P14 a field named __proto__ changes no prototype', () => {
    const inner = packBytes({ polluted: true });
    const key = new TextEncoder().encode('__proto__');
    const bytes = new Uint8Array([0x81, 0xa9, ...key, ...inner]);
    const value = unpackBytes(bytes, 'MESSAGE_INVALID') as Record<string, unknown>;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value['polluted']).toBeUndefined();
  });
});
