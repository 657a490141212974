import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packBytes } from '../src/codec.js';
import { decodeBody, encodeBody, type SessionBody } from '../src/control-body.js';
import { PaminaError } from '../src/pamina-error.js';
import { RecordKind } from '../src/record.js';
import { atLeastOne, count, hex, history, hostile, name, tag, uint32 } from './arbitrary.js';

const session: fc.Arbitrary<SessionBody> = fc.record({
  session: atLeastOne(uint32),
  pattern: hex(32),
  timelines: history,
  instance: hex(32),
  name,
  lockData: fc.boolean(),
  version: fc.constantFrom('0.1.0', '12.0.0-next.3'),
});
const mark = fc.record(
  { backup: fc.stringMatching(/^[0-9]{16}-[0-9]$/), tag, audit: fc.constant<false>(false) },
  { requiredKeys: ['backup', 'tag'] },
);
const audit = fc.record({
  backup: fc.stringMatching(/^[0-9]{16}-[0-9]$/),
  seq: count,
  stateHash: hex(64),
});

const example: SessionBody = {
  session: 37,
  pattern: '00112233445566778899aabbccddeeff',
  timelines: [
    { timeline: 1, id: '0f3a000000000001', forkedFrom: null, atSeq: 0, why: 'created' },
    { timeline: 2, id: '0f3a000000000002', forkedFrom: '0f3a000000000001', atSeq: 9, why: 'reset' },
  ],
  instance: 'ffeeddccbbaa99887766554433221100',
  name: 'orders',
  lockData: false,
  version: '0.1.0',
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

describe('control body', () => {
  it('comes back from its bytes, for every kind', () => {
    fc.assert(
      fc.property(session, mark, audit, (one, two, three) => {
        expect(decodeBody(RecordKind.session, encodeBody(RecordKind.session, one))).toEqual(one);
        expect(decodeBody(RecordKind.mark, encodeBody(RecordKind.mark, two))).toEqual(two);
        expect(decodeBody(RecordKind.audit, encodeBody(RecordKind.audit, three))).toEqual(three);
      }),
    );
    expect(decodeBody(RecordKind.heartbeat, encodeBody(RecordKind.heartbeat, {}))).toEqual({});
  });

  it('P15 ignores fields that a newer writer adds', () => {
    const bytes = packBytes({ ...example, later: { a: 1 } });
    expect(decodeBody(RecordKind.session, bytes)).toEqual(example);
  });

  it('P14 refuses a body in which any field is missing or of another type', () => {
    for (const field of Object.keys(example)) {
      const { [field as keyof SessionBody]: _, ...rest } = example;
      for (const spoiled of [rest, { ...rest, [field]: {} }, { ...rest, [field]: 1.5 }]) {
        expect(
          codeOf(() => decodeBody(RecordKind.session, packBytes(spoiled))),
          field,
        ).toBe('BODY_INVALID');
      }
    }
    const texts = { name: '../x', version: '\u001b[2J', pattern: 'XX', instance: '' };
    for (const [field, value] of Object.entries(texts)) {
      const bytes = packBytes({ ...example, [field]: value });
      expect(codeOf(() => decodeBody(RecordKind.session, bytes))).toBe('BODY_INVALID');
    }
    const marks = [
      { backup: '../x', tag: null },
      { backup: 'a' },
      { backup: 'a', tag: 7 },
      { backup: 'a', tag: null, audit: 1 },
      null,
    ];
    for (const value of marks) {
      const bytes = packBytes(value);
      expect(codeOf(() => decodeBody(RecordKind.mark, bytes))).toBe('BODY_INVALID');
    }
  });

  it('refuses to encode what would not come back, and kinds that have no such body', () => {
    const bad = { ...example, session: 0 };
    expect(codeOf(() => encodeBody(RecordKind.session, bad))).toBe('BODY_INVALID');
    const kind = RecordKind.commit as unknown as typeof RecordKind.heartbeat;
    expect(codeOf(() => decodeBody(kind, packBytes({})))).toBe('BODY_INVALID');
  });

  it('P14 answers hostile bytes with its own error only', () => {
    fc.assert(
      fc.property(hostile(encodeBody(RecordKind.session, example)), (bytes) => {
        for (const kind of [2, 3, 4, 8] as const) {
          expect(['none', 'BODY_INVALID']).toContain(codeOf(() => decodeBody(kind, bytes)));
        }
      }),
      { numRuns: 1000 },
    );
  });
});
