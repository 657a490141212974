import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  commitBodyHeaderBytes,
  forEachOperation,
  operationBytes,
  writeDelete,
  writePut,
} from '../src/commit-body.js';
import { viewOf } from '../src/integers.js';
import { storeKeyBytesMax, valueBytesMax } from '../src/limits.js';
import { PaminaError } from '../src/pamina-error.js';
import { forEachFlippedBit, hostile } from './arbitrary.js';

interface Operation {
  readonly key: Uint8Array;
  /** null for a delete */
  readonly value: Uint8Array | null;
}

const operation: fc.Arbitrary<Operation> = fc.record({
  key: fc.uint8Array({ maxLength: 60 }),
  value: fc.option(fc.uint8Array({ maxLength: 60 })),
});

function encode(operations: readonly Operation[], before = 0, after = 0): Uint8Array {
  let size = before + commitBodyHeaderBytes + after;
  for (const { key, value } of operations) size += operationBytes(key.length, value?.length ?? -1);
  const bytes = new Uint8Array(size);
  const view = viewOf(bytes);
  view.setUint32(before, operations.length, true);
  let at = before + commitBodyHeaderBytes;
  for (const { key, value } of operations) {
    at = value === null ? writeDelete(bytes, view, at, key) : writePut(bytes, view, at, key, value);
  }
  expect(at + after).toBe(size);
  return bytes;
}

function decode(bytes: Uint8Array, start = 0, end = bytes.length): Operation[] {
  const operations: Operation[] = [];
  forEachOperation(bytes, viewOf(bytes), start, end, {
    put(keyStart, keyEnd, valueStart, valueEnd) {
      expect(start <= keyStart && keyStart <= keyEnd && keyEnd <= valueStart).toBe(true);
      expect(valueStart <= valueEnd && valueEnd <= end).toBe(true);
      const key = bytes.slice(keyStart, keyEnd);
      operations.push({ key, value: bytes.slice(valueStart, valueEnd) });
    },
    delete(keyStart, keyEnd) {
      expect(start <= keyStart && keyStart <= keyEnd && keyEnd <= end).toBe(true);
      operations.push({ key: bytes.slice(keyStart, keyEnd), value: null });
    },
  });
  return operations;
}

function refuses(bytes: Uint8Array, start = 0, end = bytes.length): void {
  expect(() => decode(bytes, start, end)).toThrow(
    expect.objectContaining({ code: 'BODY_INVALID' }),
  );
}

const example = encode([
  { key: Uint8Array.of(2, 97), value: Uint8Array.of(1, 2, 3) },
  { key: Uint8Array.of(2, 98), value: null },
]);

describe('commit body', () => {
  it('comes back from its bytes, wherever it stands', () => {
    const bodies = fc.tuple(
      fc.array(operation, { maxLength: 20 }),
      fc.nat({ max: 9 }),
      fc.nat({ max: 9 }),
    );
    fc.assert(
      fc.property(bodies, ([operations, before, after]) => {
        const bytes = encode(operations, before, after);
        expect(decode(bytes, before, bytes.length - after)).toEqual(operations);
      }),
    );
  });

  it('P2 any truncation and any byte too many is noticed', () => {
    for (let end = 0; end < example.length; end++) refuses(example, 0, end);
    refuses(new Uint8Array([...example, 0]));
  });

  it('P2 a count that does not match, or an unknown type, is noticed', () => {
    for (const count of [0, 1, 3, 0xffff_ffff]) {
      const bytes = example.slice();
      viewOf(bytes).setUint32(0, count, true);
      refuses(bytes);
    }
    for (const type of [0, 3, 255]) {
      const bytes = example.slice();
      bytes[4] = type;
      refuses(bytes);
    }
  });

  it('P13 lengths are limited and checked before they are used', () => {
    const bytes = example.slice();
    for (const length of [0xffff_ffff, storeKeyBytesMax + 1, storeKeyBytesMax]) {
      viewOf(bytes).setUint32(5, length, true);
      refuses(bytes);
    }
    bytes.set(example);
    for (const length of [0xffff_ffff, valueBytesMax + 1, valueBytesMax]) {
      viewOf(bytes).setUint32(9, length, true);
      refuses(bytes);
    }
  });

  it('P14 answers hostile bytes with its own error only', () => {
    const look = (bytes: Uint8Array): void => {
      try {
        decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(PaminaError);
        expect(error).toMatchObject({ code: 'BODY_INVALID' });
      }
    };
    fc.assert(fc.property(hostile(example), look), { numRuns: 1000 });
    forEachFlippedBit(example.slice(), look);
  });
});
