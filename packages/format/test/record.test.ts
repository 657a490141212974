import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { viewOf } from '../src/integers.js';
import { commitBytesMax, recordBytesMax, recordHeaderBytes } from '../src/limits.js';
import { PaminaError } from '../src/pamina-error.js';
import {
  RecordKind,
  checkRecord,
  newRecordHeader,
  sealRecord,
  type RecordCheck,
  type RecordHeader,
} from '../src/record.js';
import { count, forEachFlippedBit, hostile, uint32 } from './arbitrary.js';

const record = fc.record({
  before: fc.nat({ max: 9 }),
  body: fc.uint8Array({ maxLength: 300 }),
  kind: fc.constantFrom(...Object.values(RecordKind)),
  seq: count,
  time: count,
  syncedTo: uint32,
  chain: uint32,
});
type Sample = typeof record extends fc.Arbitrary<infer T> ? T : never;

const example: Sample = {
  before: 0,
  body: Uint8Array.of(1, 2, 3, 4, 5),
  kind: RecordKind.commit,
  seq: 48213,
  time: 1_785_325_085_000,
  syncedTo: 128,
  chain: 0x1234_5678,
};

function seal(sample: Sample, after = 0): { bytes: Uint8Array; end: number; chain: number } {
  const end = sample.before + recordHeaderBytes + sample.body.length;
  const bytes = new Uint8Array(end + after);
  bytes.set(sample.body, sample.before + recordHeaderBytes);
  const { before, kind, seq, time, syncedTo, body } = sample;
  const view = viewOf(bytes);
  const chain = sealRecord(
    bytes,
    view,
    before,
    body.length,
    kind,
    seq,
    time,
    syncedTo,
    sample.chain,
  );
  return { bytes, end, chain };
}

function check(bytes: Uint8Array, sample: Sample, end = bytes.length): [RecordCheck, RecordHeader] {
  const out = newRecordHeader();
  const { before, seq, chain } = sample;
  return [checkRecord(bytes, viewOf(bytes), before, end, seq, chain, out), out];
}

describe('record', () => {
  it('comes back from its bytes, wherever it stands and whatever follows', () => {
    fc.assert(
      fc.property(record, fc.nat({ max: 40 }), (sample, after) => {
        const { bytes, end, chain } = seal(sample, after);
        bytes.fill(0xff, end);
        const [verdict, out] = check(bytes, sample);
        expect(verdict).toBe('record');
        const { kind, seq, time, syncedTo } = sample;
        const length = end - sample.before;
        expect(out).toEqual({ checksum: chain, length, kind, flags: 0, syncedTo, seq, time });
        expect(bytes.subarray(sample.before + recordHeaderBytes, end)).toEqual(sample.body);
      }),
    );
  });

  it('P6 any single flipped bit in it is noticed, in short records and in long ones', () => {
    for (const sample of [example, { ...example, body: new Uint8Array(300).fill(0x5a) }]) {
      const { bytes } = seal(sample);
      forEachFlippedBit(bytes, (spoiled, bit) => {
        expect(check(spoiled, sample)[0], `bit ${bit}`).not.toBe('record');
      });
    }
  });

  it('P5 any single flipped bit in the chain before it is noticed', () => {
    const { bytes } = seal(example);
    for (let bit = 0; bit < 32; bit++) {
      const chain = (example.chain ^ (1 << bit)) >>> 0;
      expect(check(bytes, { ...example, chain })[0]).toBe('damaged');
    }
  });

  it('P4 a record with another seq than the next one is not taken', () => {
    const { bytes } = seal(example);
    for (const seq of [example.seq - 1, example.seq + 1, example.seq + 2 ** 32]) {
      expect(check(bytes, { ...example, seq })[0]).toBe('damaged');
    }
  });

  it('P6 any truncation is a partial record that says what it needs', () => {
    const { bytes } = seal(example);
    for (let end = 1; end < bytes.length; end++) {
      const [verdict, out] = check(bytes, example, end);
      expect(verdict).toBe('partial');
      expect(out.length).toBe(end < recordHeaderBytes ? 0 : bytes.length);
    }
  });

  it('reserved zeros and the end of the bytes are the end', () => {
    for (const length of [0, 1, 31, 32, 100]) {
      const out = newRecordHeader();
      const bytes = new Uint8Array(length);
      expect(checkRecord(bytes, viewOf(bytes), 0, length, 1, 7, out)).toBe('end');
    }
  });

  it('P14 never throws, and never takes hostile bytes for a record', () => {
    const { bytes: valid } = seal(example);
    fc.assert(
      fc.property(hostile(valid), (bytes) => {
        const [verdict, out] = check(bytes, example);
        if (verdict !== 'record') return;
        expect(bytes.subarray(0, out.length)).toEqual(valid);
      }),
      { numRuns: 1000 },
    );
  });

  it('P13 a claimed length beyond the limit is damage, not a reason to wait or allocate', () => {
    const { bytes } = seal(example);
    for (const length of [0xffff_ffff, recordBytesMax + 1, recordHeaderBytes - 1, 1]) {
      viewOf(bytes).setUint32(4, length, true);
      expect(check(bytes, example)[0]).toBe('damaged');
    }
    viewOf(bytes).setUint32(4, recordBytesMax, true);
    expect(check(bytes, example)).toMatchObject(['partial', { length: recordBytesMax }]);
  });

  it('an unknown kind, a flag or a byte that should be zero is damage even under a right seal', () => {
    for (const [at, value] of [
      [8, 0],
      [8, 9],
      [9, 1],
      [10, 1],
      [11, 1],
      [23, 0x20],
      [31, 0x20],
    ] as const) {
      const { bytes } = seal(example);
      bytes[at] = value;
      expect(check(bytes, example)[0], `byte ${at}`).toBe('damaged');
    }
  });

  it('refuses to seal what would not come back', () => {
    const bytes = new Uint8Array(100);
    const view = viewOf(bytes);
    const refused: [number, number, number, number][] = [
      [69, 1, 1, 0],
      [-1, 1, 1, 0],
      [commitBytesMax + 1, 1, 1, 0],
      [1, -1, 1, 0],
      [1, 2 ** 53, 1, 0],
      [1, 1, 1.5, 0],
      [1, 1, 1, 2 ** 32],
      [1, Number.NaN, 1, 0],
    ];
    for (const [bodyBytes, seq, time, syncedTo] of refused) {
      const call = () =>
        sealRecord(bytes, view, 0, bodyBytes, RecordKind.commit, seq, time, syncedTo, 0);
      expect(call).toThrow(PaminaError);
    }
  });
});
