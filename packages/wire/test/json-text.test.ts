import { expect, it } from 'vitest';
import { requireFewParts } from '../src/json-text.js';

const check = (text: string) => () => requireFewParts(text, 'REQUEST_INVALID');
const refused = expect.objectContaining({ code: 'REQUEST_INVALID' });

it.each(['[],', '{},', '0,', '"",', '[[', '"\\\\",'])(
  'P13 text of more parts than anything has is refused unparsed: %s',
  (part) => {
    expect(check(`[${part.repeat(1_100_000)}]`)).toThrow(refused);
  },
);

it('a large value is one part, whatever is in it', () => {
  expect(check(JSON.stringify({ key: 'a', value: '[,{\\"\n'.repeat(2_000_000) }))).not.toThrow();
  expect(check(`"${'\\\\'.repeat(1_000_000)}"`)).not.toThrow();
  expect(check(`"${','.repeat(2_000_000)}`)).not.toThrow();
});

it('a batch of the largest number of operations passes', () => {
  const operation = { type: 'put', key: 'k', value: 'v' };
  const operations = Array.from({ length: 100_000 }, () => operation);
  expect(check(JSON.stringify({ operations }))).not.toThrow();
});
