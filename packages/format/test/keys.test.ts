import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keyName, metaKey, systemKey, userKey } from '../src/keys.js';
import { PaminaError } from '../src/pamina-error.js';

describe('keys', () => {
  it('stand in three spaces by their first byte', () => {
    expect([...metaKey('ab')]).toEqual([0, 0x61, 0x62]);
    expect([...systemKey('ab')]).toEqual([1, 0x61, 0x62]);
    expect([...userKey(Uint8Array.of(0, 255))]).toEqual([2, 0, 255]);
  });

  it('give their name back', () => {
    const names = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(names, (name) => {
        expect(keyName(systemKey(name))).toBe(name);
        expect(keyName(metaKey(name))).toBe(name);
      }),
    );
    expect(keyName(systemKey('\ufeffx'))).toBe('\ufeffx');
  });

  it('P14 refuse a name that is not text', () => {
    expect(() => keyName(Uint8Array.of(1, 0xff))).toThrow(PaminaError);
  });
});
