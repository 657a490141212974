import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../src/checksum.js';
import { viewOf } from '../src/integers.js';
import { segmentHeaderBytes, segmentTrailerBytes, timeMsMax } from '../src/limits.js';
import { PaminaError } from '../src/pamina-error.js';
import { checkRecord, newRecordHeader } from '../src/record.js';
import {
  decodeSegmentHeader,
  decodeSegmentTrailer,
  encodeSegmentHeader,
  encodeSegmentTrailer,
  isSegmentTrailer,
  segmentTrailerMagic,
  type SegmentHeader,
  type SegmentTrailer,
} from '../src/segment.js';
import { atLeastOne, count, forEachFlippedBit, hex, hostile, uint32 } from './arbitrary.js';

const header: fc.Arbitrary<SegmentHeader> = fc.record({
  pattern: hex(32),
  timeline: atLeastOne(uint32),
  timelineId: hex(16),
  session: atLeastOne(uint32),
  firstSeq: atLeastOne(count),
  chainBefore: uint32,
  startTime: count.map((time) => Math.min(time, timeMsMax)),
  lockData: fc.boolean(),
});
const trailer: fc.Arbitrary<SegmentTrailer> = fc.record({
  lastSeq: count,
  lastTime: count,
  chain: uint32,
  checksum: uint32,
  bytes: count.map((bytes) => Math.max(bytes, segmentHeaderBytes)),
});

const exampleHeader: SegmentHeader = {
  pattern: '00112233445566778899aabbccddeeff',
  timeline: 1,
  timelineId: '0f3a000000000001',
  session: 37,
  firstSeq: 48213,
  chainBefore: 7,
  startTime: 1_785_325_085_000,
  lockData: false,
};
const exampleTrailer: SegmentTrailer = {
  lastSeq: 48215,
  lastTime: 1_785_325_085_010,
  chain: 9,
  checksum: 8,
  bytes: 4096,
};

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(PaminaError);
    return (error as PaminaError).code;
  }
  return 'none';
}

/** The same bytes with `edit` applied under a right checksum, as a faulty writer would leave them. */
function resealed(bytes: Uint8Array, edit: (view: DataView) => void): Uint8Array {
  const copy = bytes.slice();
  const view = viewOf(copy);
  edit(view);
  view.setUint32(copy.length - 4, crc32(copy.subarray(0, copy.length - 4)), true);
  return copy;
}

describe('segment header', () => {
  it('comes back from its bytes, whatever follows', () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 20 }), (fields, rest) => {
        const bytes = encodeSegmentHeader(fields);
        expect(bytes.length).toBe(segmentHeaderBytes);
        expect(decodeSegmentHeader(bytes)).toEqual(fields);
        expect(decodeSegmentHeader(new Uint8Array([...bytes, ...rest]))).toEqual(fields);
      }),
    );
  });

  it('P6 any single flipped bit and any truncation is noticed', () => {
    const bytes = encodeSegmentHeader(exampleHeader);
    forEachFlippedBit(bytes, (spoiled, bit) => {
      const expected = bit >= 64 && bit < 80 ? 'FORMAT_UNKNOWN' : 'SEGMENT_INVALID';
      expect(codeOf(() => decodeSegmentHeader(spoiled))).toBe(expected);
    });
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => decodeSegmentHeader(bytes.subarray(0, length)))).toBe('SEGMENT_INVALID');
    }
  });

  it('P15 another version is refused as such, before anything else in it is believed', () => {
    const bytes = encodeSegmentHeader(exampleHeader);
    viewOf(bytes).setUint16(8, 2, true);
    expect(codeOf(() => decodeSegmentHeader(bytes))).toBe('FORMAT_UNKNOWN');
  });

  it('P14 fields out of range, unknown flags and reserved bytes are refused even when sealed', () => {
    const bytes = encodeSegmentHeader(exampleHeader);
    const edits: ((view: DataView) => void)[] = [
      (view) => view.setUint16(10, 2, true),
      (view) => view.setUint32(12, 1, true),
      (view) => view.setUint32(32, 0, true),
      (view) => view.setUint32(36, 0, true),
      (view) => view.setUint32(48, 0, true),
      (view) => view.setUint32(52, 0x0020_0000, true),
      (view) => view.setUint32(60, 1, true),
      (view) => view.setUint32(68, 0xffff_ffff, true),
      (view) => view.setUint8(72, 1),
      (view) => view.setUint8(123, 1),
    ];
    expect(decodeSegmentHeader(resealed(bytes, () => {}))).toEqual(exampleHeader);
    for (const edit of edits) {
      expect(codeOf(() => decodeSegmentHeader(resealed(bytes, edit)))).toBe('SEGMENT_INVALID');
    }
  });

  it('P14 answers hostile bytes with its own errors only', () => {
    fc.assert(
      fc.property(hostile(encodeSegmentHeader(exampleHeader)), (bytes) => {
        expect(['none', 'SEGMENT_INVALID', 'FORMAT_UNKNOWN']).toContain(
          codeOf(() => decodeSegmentHeader(bytes)),
        );
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses to write what would not come back', () => {
    const refused: Partial<SegmentHeader>[] = [
      { pattern: 'XY' },
      { timelineId: '0F3A000000000001' },
      { timeline: 0 },
      { session: 2 ** 32 },
      { firstSeq: 0 },
      { firstSeq: 2 ** 53 },
      { chainBefore: -1 },
      { startTime: 1.5 },
      { startTime: timeMsMax + 1 },
    ];
    for (const fields of refused) {
      expect(codeOf(() => encodeSegmentHeader({ ...exampleHeader, ...fields }))).toBe(
        'SEGMENT_INVALID',
      );
    }
  });
});

describe('segment trailer', () => {
  it('comes back from its bytes', () => {
    fc.assert(
      fc.property(trailer, (fields) => {
        const bytes = encodeSegmentTrailer(fields);
        expect(bytes.length).toBe(segmentTrailerBytes);
        expect(isSegmentTrailer(bytes, viewOf(bytes), 0)).toBe(true);
        expect(decodeSegmentTrailer(bytes)).toEqual(fields);
      }),
    );
  });

  it('P6 any single flipped bit and any truncation is noticed', () => {
    const bytes = encodeSegmentTrailer(exampleTrailer);
    forEachFlippedBit(bytes, (spoiled) => {
      expect(codeOf(() => decodeSegmentTrailer(spoiled))).toBe('SEGMENT_INVALID');
    });
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.slice(0, length);
      expect(isSegmentTrailer(cut, viewOf(cut), 0)).toBe(false);
      expect(codeOf(() => decodeSegmentTrailer(cut))).toBe('SEGMENT_INVALID');
    }
  });

  it('P6 is never taken for a record, nor for the beginning of one', () => {
    fc.assert(
      fc.property(trailer, count, uint32, (fields, seq, chain) => {
        const bytes = encodeSegmentTrailer(fields);
        const out = newRecordHeader();
        expect(checkRecord(bytes, viewOf(bytes), 0, bytes.length, seq, chain, out)).toBe('damaged');
      }),
    );
    expect(segmentTrailerMagic.length).toBe(8);
  });

  it('P14 fields out of range and reserved bytes are refused even when sealed', () => {
    const bytes = encodeSegmentTrailer(exampleTrailer);
    const edits: ((view: DataView) => void)[] = [
      (view) => view.setUint32(12, 0xffff_ffff, true),
      (view) => view.setUint32(20, 0xffff_ffff, true),
      (view) => view.setUint32(36, 0xffff_ffff, true),
      (view) => view.setUint32(32, 127, true),
      (view) => view.setUint32(40, 1, true),
    ];
    for (const edit of edits) {
      expect(codeOf(() => decodeSegmentTrailer(resealed(bytes, edit)))).toBe('SEGMENT_INVALID');
    }
  });

  it('P14 answers hostile bytes with its own error only', () => {
    fc.assert(
      fc.property(hostile(encodeSegmentTrailer(exampleTrailer)), fc.integer(), (bytes, at) => {
        isSegmentTrailer(bytes, viewOf(bytes), at);
        expect(['none', 'SEGMENT_INVALID']).toContain(codeOf(() => decodeSegmentTrailer(bytes)));
      }),
      { numRuns: 1000 },
    );
  });
});
