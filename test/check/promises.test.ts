import { describe, expect, it } from 'vitest';
import { promises } from '../../scripts/check/promises.js';
import { findingsOf, json, places } from './planted.js';

const list = (...claimed: string[]): Record<string, string> => ({
  'scripts/check/promises.json': json(
    Object.fromEntries(
      ['P1', 'P2'].map((name) => [name, { claimed: claimed.includes(name), sentence: 'x' }]),
    ),
  ),
});
const test = (text: string): Record<string, string> => ({ 'test/a.test.ts': text });

describe('the promises check', () => {
  it.each([
    "it('P1 holds', () => {});",
    "it('holds P1 and P2', async () => {});",
    "describe('P1 durability', () => { it('holds', () => {}); });",
    "it.each([1])('P1 holds with %s', () => {});",
    "it.skipIf(false)('P1 holds', () => {});",
    'it(`P1 holds for ${1}`, () => {});',
  ])('takes %j for a test of P1', async (text) => {
    expect(await findingsOf(promises, { ...list('P1'), ...test(text) })).toEqual([]);
  });

  it.each([
    '// it("P1 holds")',
    "it('P12 is another', () => {});",
    "describe('P1 durability', () => {});",
    "const name = 'P1 holds';",
    "report('P1 holds', () => {});",
  ])('does not take %j for a test of P1', async (text) => {
    const found = await findingsOf(promises, { ...list('P1'), ...test(text) });
    expect(found.map(({ message }) => message).join()).toContain(
      'P1 is claimed and no test names it',
    );
  });

  it('asks nothing for a promise that is not claimed', async () => {
    expect(await findingsOf(promises, list())).toEqual([]);
  });

  it('finds a test of a promise that does not exist', async () => {
    const found = await findingsOf(promises, { ...list(), ...test("\nit('P99 x', () => {});") });
    expect(places(found)).toEqual(['test/a.test.ts:2']);
  });
});
