import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lines } from '../../src/ndjson/lines.js';
import { each } from '../fake-administration.js';

async function linesOf(pieces: Uint8Array[], lineBytesMax = 1000): Promise<string[]> {
  const found: string[] = [];
  for await (const line of lines(each(pieces), { where: 'test', lineBytesMax })) {
    expect(line.number).toBe(found.length + 1);
    found.push(line.text);
  }
  return found;
}

it('lines are the same however the bytes were cut', async () => {
  const text = fc.array(
    fc.string({ unit: 'binary', maxLength: 12 }).map((line) => line.replace(/[\r\n\ufeff]/g, '')),
  );
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(20)), async (expected, cuts) => {
      const bytes = new TextEncoder().encode(expected.map((line) => `${line}\n`).join(''));
      const pieces: Uint8Array[] = [];
      let at = 0;
      for (const cut of cuts) {
        pieces.push(bytes.subarray(at, at + cut));
        at = Math.min(bytes.length, at + cut);
      }
      pieces.push(bytes.subarray(at));
      expect(await linesOf(pieces)).toEqual(expected);
    }),
  );
});

it('the last line needs no end, CRLF ends a line, a byte order mark is dropped', async () => {
  const bytes = (text: string) => [new TextEncoder().encode(text)];
  expect(await linesOf(bytes('a\r\n\nb'))).toEqual(['a', '', 'b']);
  expect(await linesOf(bytes('\ufeffa\n'))).toEqual(['a']);
  expect(await linesOf([])).toEqual([]);
});

it('P13 a line of exactly the limit is taken, a longer one refused by number', async () => {
  const bytes = new TextEncoder().encode('12345\n123456\n');
  await expect(linesOf([bytes], 5)).rejects.toMatchObject({
    code: 'IMPORT_INVALID',
    message: 'test, line 2: longer than 5 bytes',
  });
  expect(await linesOf([bytes], 6)).toEqual(['12345', '123456']);
});
