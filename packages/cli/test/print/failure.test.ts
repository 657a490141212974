import { PaminaError } from '@pamina/format';
import { expect, it } from 'vitest';
import { failureJson, failureText } from '../../src/print/failure.js';

it('P9 every error has a code, says what happened and what to do', () => {
  const error = new PaminaError('KEY_NOT_FOUND', 'no key k', { hint: 'Write it first.' });
  expect(failureText(error)).toBe('KEY_NOT_FOUND: no key k. Write it first.');
  expect(failureText(new PaminaError('KEY_NOT_FOUND', 'which?', { hint: 'x' }))).toContain(
    'which? x',
  );
  expect(JSON.parse(failureJson(error))).toEqual({
    error: { code: 'KEY_NOT_FOUND', message: 'no key k', hint: 'Write it first.' },
  });
});

it('P9 what is no error of ours is INTERNAL', () => {
  expect(failureText(new TypeError('x is undefined'))).toMatch(/^INTERNAL: x is undefined\. /);
  expect(failureText('text')).toMatch(/^INTERNAL: /);
});
