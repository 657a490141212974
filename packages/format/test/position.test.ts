import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PaminaError } from '../src/pamina-error.js';
import { formatPosition, parsePosition } from '../src/position.js';
import { atLeastOne, count, uint32 } from './arbitrary.js';

describe('position', () => {
  it('comes back from its text', () => {
    const positions = fc.record({ timeline: atLeastOne(uint32), seq: count });
    fc.assert(
      fc.property(positions, (position) => {
        expect(parsePosition(formatPosition(position))).toEqual(position);
      }),
    );
    expect(formatPosition({ timeline: 1, seq: 48213 })).toBe('1/48213');
  });

  it('P14 has exactly one text: everything else is refused', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9/]{0,24}$/)), (text) => {
        try {
          expect(formatPosition(parsePosition(text))).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(PaminaError);
          expect(error).toMatchObject({ code: 'POSITION_INVALID' });
        }
      }),
    );
    for (const text of ['', '1', '1/', '/1', '0/1', '01/1', '1/01', '1/-1', '1/1 ', '1/1\n']) {
      expect(() => parsePosition(text), text).toThrow(PaminaError);
    }
    for (const text of ['4294967296/1', '1/9007199254740992', '1/1.5', '1/1e3']) {
      expect(() => parsePosition(text), text).toThrow(PaminaError);
    }
    expect(() => parsePosition(null as unknown as string)).toThrow(PaminaError);
  });
});
