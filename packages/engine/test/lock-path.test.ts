// What a key and a range lock, read off their bytes.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { documentPath, pathOf, rangePath } from '../src/transaction/lock-path.js';

const stored = (key: string): string => `u${key}`;
const bytes = (key: string): Buffer => Buffer.from(stored(key), 'latin1');
const namesOf = (key: string): string[] => documentPath(stored(key)).map(({ name }) => name);

test('a document stands below its sublevels and the database', () => {
  expect(namesOf('a')).toEqual(['', 'a']);
  expect(namesOf('!orders!1')).toEqual(['', '!orders!', '!orders!1']);
  expect(namesOf('!a!!b!1')).toEqual(['', '!a!', '!a!!b!', '!a!!b!1']);
  expect(namesOf('!a!')).toEqual(['', '!a!', '!a!']);
  // No name of a sublevel has these bytes.
  expect(namesOf('!a b!1')).toEqual(['', '!a b!1']);
  expect(namesOf('!'.padEnd(40, 'x!!')).length).toBeLessThanOrEqual(10);
});

test('the range of a sublevel is locked there, any other one above', () => {
  const range = (gte: string, lte?: string): string[] =>
    rangePath({
      gte: bytes(gte),
      reverse: false,
      ...(lte !== undefined && { lte: bytes(lte) }),
    }).map(({ name }) => name);
  expect(range('!a!', '!a"')).toEqual(['', '!a!']);
  expect(range('!a!b', '!a!c')).toEqual(['', '!a!']);
  expect(range('!a!!b!x', '!a!!b!y')).toEqual(['', '!a!', '!a!!b!']);
  expect(range('!a!!b!x', '!a!!c!y')).toEqual(['', '!a!']);
  expect(range('!a!', '!b"')).toEqual(['']);
  expect(range('a', 'b')).toEqual(['']);
  expect(range('!a!')).toEqual(['']);
  const toTheEnd = rangePath({ gte: bytes('!a!'), lt: Buffer.from('v'), reverse: false });
  expect(toTheEnd).toHaveLength(1);
});

test('whatever is in a range is below what the range locks', () => {
  const key = fc
    .array(fc.constantFrom('!', '"', '#', 'a', '~', ' '), { maxLength: 8 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(key, key, key, (from, to, text) => {
      if (text < from || text > to) return;
      const locked = rangePath({ gte: bytes(from), lte: bytes(to), reverse: false });
      expect(documentPath(stored(text)).slice(0, locked.length)).toEqual(locked);
    }),
    { numRuns: 20_000 },
  );
});

test('P12 the path of a document is the same whether it is read off its key or off its name', () => {
  for (const key of ['', 'a', '!orders!', '!orders!1', '!a!!b!']) {
    const path = documentPath(stored(key));
    const document = path.at(-1);
    expect(document && pathOf(document), key).toEqual(path);
  }
  const [, orders] = documentPath(stored('!orders!1'));
  if (orders === undefined) throw new Error('a sublevel is a collection');
  expect(pathOf(orders).map(({ name }) => name)).toEqual(['', '!orders!']);
});
