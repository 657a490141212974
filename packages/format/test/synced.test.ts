import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PaminaError } from '../src/pamina-error.js';
import { decodeSynced, encodeSynced } from '../src/synced.js';
import { count, forEachFlippedBit, hostile, uint32 } from './arbitrary.js';

const synced = fc.record({ seq: count, offset: count, chain: uint32, segmentFirstSeq: count });
const example = { seq: 48215, offset: 4096, chain: 0xdead_beef, segmentFirstSeq: 48213 };

describe('synced', () => {
  it('comes back from its bytes, also out of a reused buffer', () => {
    const buffer = new Uint8Array(32).fill(0xff);
    fc.assert(
      fc.property(synced, (point) => {
        expect(decodeSynced(encodeSynced(point))).toEqual(point);
        expect(decodeSynced(encodeSynced(point, buffer))).toEqual(point);
      }),
    );
  });

  it('P6 proves nothing when a single bit is flipped or bytes are missing', () => {
    const bytes = encodeSynced(example);
    forEachFlippedBit(bytes, (spoiled) => expect(decodeSynced(spoiled)).toBeNull());
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeSynced(bytes.subarray(0, length))).toBeNull();
    }
    expect(decodeSynced(new Uint8Array([...bytes, 0]))).toBeNull();
    expect(decodeSynced(new Uint8Array(32))).toBeNull();
  });

  it('P6 a write that was torn between two points proves nothing', () => {
    const before = encodeSynced(example);
    const after = encodeSynced({ ...example, seq: 48300, offset: 9000, chain: 7 });
    for (let cut = 1; cut < 32; cut++) {
      const torn = new Uint8Array([...after.subarray(0, cut), ...before.subarray(cut)]);
      const decoded = decodeSynced(torn);
      if (decoded !== null) expect([example.seq, 48300]).toContain(decoded.seq);
    }
  });

  it('P14 never throws on hostile bytes', () => {
    fc.assert(
      fc.property(hostile(encodeSynced(example)), (bytes) => {
        decodeSynced(bytes);
      }),
    );
  });

  it('refuses to write what would not fit', () => {
    for (const seq of [-1, 1.5, 2 ** 53, Number.NaN]) {
      expect(() => encodeSynced({ ...example, seq })).toThrow(PaminaError);
    }
  });
});
