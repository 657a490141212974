import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../src/checksum.js';
import { crc32Span as byNode } from '../src/crc32-node.js';
import { crc32Span as byTable } from '../src/crc32-table.js';
import { uint32 } from './arbitrary.js';

describe('checksum', () => {
  it('has the published check value', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf4_3926);
  });

  it('is zlib’s in both implementations, for any span and any start', () => {
    const inputs = fc.tuple(fc.uint8Array({ maxLength: 400 }), fc.nat(), fc.nat(), uint32);
    fc.assert(
      fc.property(inputs, ([bytes, one, two, initial]) => {
        const [start, end] = [one % (bytes.length + 1), two % (bytes.length + 1)].toSorted(
          (a, b) => a - b,
        ) as [number, number];
        // zlib itself answers 0 for no bytes, which would forget the chain
        const expected = start === end ? initial : zlibCrc32(bytes.subarray(start, end), initial);
        expect(byTable(bytes, start, end, initial)).toBe(expected);
        expect(byNode(bytes, start, end, initial)).toBe(expected);
      }),
    );
  });

  it('P5 keeps the chain over an empty span', () => {
    for (const span of [byNode, byTable]) {
      expect(span(new Uint8Array(0), 0, 0, 0x8000_0001)).toBe(0x8000_0001);
    }
  });

  it('continues: the checksum of two parts is that of the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), uint32, (head, tail, initial) => {
        const whole = new Uint8Array([...head, ...tail]);
        expect(crc32(tail, crc32(head, initial))).toBe(crc32(whole, initial));
      }),
    );
  });
});
