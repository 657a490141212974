import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packBytes } from '../src/codec.js';
import {
  decodeLockBody,
  encodeLockBody,
  isLockKind,
  type LockBody,
  type LocksBody,
} from '../src/lock-body.js';
import { PaminaError } from '../src/pamina-error.js';
import { RecordKind } from '../src/record.js';
import { atLeastOne, count, hostile } from './arbitrary.js';

const names = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 5 });
const yes = fc.constant<true>(true);
const lock: fc.Arbitrary<LockBody> = fc.record(
  {
    transaction: atLeastOne(count),
    database: yes,
    collections: names,
    documents: names,
    commits: yes,
  },
  { requiredKeys: ['transaction'] },
);
const locks: fc.Arbitrary<LocksBody> = fc.record(
  { held: fc.array(lock, { maxLength: 4 }), more: yes },
  { requiredKeys: ['held'] },
);

describe('lock data', () => {
  it('P15 comes back from its bytes, for every kind', () => {
    fc.assert(
      fc.property(lock, locks, atLeastOne(count), (one, all, transaction) => {
        expect(decodeLockBody(RecordKind.lock, encodeLockBody(RecordKind.lock, one))).toEqual(one);
        expect(decodeLockBody(RecordKind.locks, encodeLockBody(RecordKind.locks, all))).toEqual(
          all,
        );
        const abort = encodeLockBody(RecordKind.abort, { transaction });
        expect(decodeLockBody(RecordKind.abort, abort)).toEqual({ transaction });
      }),
    );
  });

  it('P14 is refused with BODY_INVALID where a field does not fit', () => {
    const bad: unknown[] = [
      {},
      { transaction: 0 },
      { transaction: 1, documents: ['a'] },
      { transaction: 1, documents: [[1]] },
      { transaction: 1, collections: 7 },
      { transaction: 1, commits: false },
    ];
    for (const value of bad) {
      expect(() => decodeLockBody(RecordKind.lock, packBytes(value))).toThrow(PaminaError);
    }
    expect(() => decodeLockBody(RecordKind.locks, packBytes({ held: [{}] }))).toThrow(PaminaError);
    expect(() => decodeLockBody(RecordKind.abort, packBytes({}))).toThrow(PaminaError);
  });

  it('P14 never ends with anything but BODY_INVALID, whatever the bytes', () => {
    const held = [{ transaction: 3, documents: [Uint8Array.of(97, 98)] }];
    const valid = encodeLockBody(RecordKind.locks, { held, more: true });
    fc.assert(
      fc.property(hostile(valid), (bytes) => {
        try {
          decodeLockBody(RecordKind.locks, bytes);
        } catch (error) {
          expect((error as PaminaError).code).toBe('BODY_INVALID');
        }
      }),
    );
  });

  it('is told from other records by its kind', () => {
    const kinds = Object.entries(RecordKind).filter(([, kind]) => isLockKind(kind));
    expect(kinds.map(([name]) => name)).toEqual(['lock', 'abort', 'locks']);
  });
});
