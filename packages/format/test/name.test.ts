import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PaminaError } from '../src/pamina-error.js';
import { validateName, validateTag } from '../src/name.js';

describe('validateName', () => {
  it('accepts ordinary names', () => {
    for (const name of ['orders', 'cities-replica', 'A1', '7', 'a.b_c-d', 'x'.repeat(64)]) {
      expect(validateName(name)).toBe(name);
    }
  });

  it('P14 refuses names that could leave a folder, hide, or clash with own files', () => {
    const refused = ['', '.', '..', '.a', 'a..b', 'a/b', 'a\\b', 'a b', '-a', 'ä', 'a\n', 'a\0'];
    refused.push('x'.repeat(65), 'server.json', 'a.TMP', 'a.lock', 'a.partial', 'a.');
    for (const name of refused) {
      expect(() => validateName(name), JSON.stringify(name)).toThrow(
        expect.objectContaining({ code: 'NAME_INVALID' }),
      );
    }
  });

  it('P14 answers anything from outside with its own error only', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        // a text form that throws is a fault of the caller's program, not input from outside
        fc.pre(typeof value !== 'object' && typeof value !== 'symbol');
        for (const validate of [validateName, validateTag]) {
          try {
            expect(validate(value)).toBe(value);
          } catch (error) {
            expect(error).toBeInstanceOf(PaminaError);
          }
        }
      }),
    );
  });
});

describe('validateTag', () => {
  it('accepts what people call backups and refuses the rest', () => {
    for (const tag of ['demo', 'before upgrade 2.1', '2026-07-29T13:38+02:00']) {
      expect(validateTag(tag)).toBe(tag);
    }
    for (const tag of ['', ' a', 'a/b', 'a\nb', 'x'.repeat(65), 7, null]) {
      expect(() => validateTag(tag)).toThrow(expect.objectContaining({ code: 'TAG_INVALID' }));
    }
  });
});
