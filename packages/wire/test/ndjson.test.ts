import { describe, expect, it } from 'vitest';
import { encodeLine, parseLines } from '../src/ndjson.js';

async function* pieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(lines: AsyncIterable<unknown>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of lines) values.push(value);
  return values;
}

const text = (content: string) => new TextEncoder().encode(content);

describe('lines of JSON', () => {
  it('come out as they went in, however the bytes are cut', async () => {
    const values = [{ key: 'Zürich', value: '𝄞 "\n" \u2028' }, 1, null, [true]];
    const bytes = text(values.map((value) => new TextDecoder().decode(encodeLine(value))).join(''));
    for (const size of [1, 2, 3, 7, bytes.length]) {
      expect(await collect(parseLines(pieces(bytes, size), 1000))).toEqual(values);
    }
  });

  it('may be empty', async () => {
    expect(await collect(parseLines(pieces(text('\n\r\n 1\n\n'), 2), 10))).toEqual([1]);
  });

  it('P13 may not be longer than allowed, and are not kept to find that out', async () => {
    let sent = 0;
    async function* endless(): AsyncIterable<Uint8Array> {
      for (;;) {
        sent += 10;
        yield new Uint8Array(10).fill(0x20);
      }
    }
    await expect(collect(parseLines(endless(), 100))).rejects.toMatchObject({
      code: 'MESSAGE_INVALID',
      message: expect.stringContaining('line 1 is longer'),
    });
    expect(sent).toBe(110);
  });

  it('P14 are refused with their number when they are no JSON, no UTF-8, or cut off', async () => {
    const cases: [Uint8Array, RegExp][] = [
      [text('1\nx\n'), /line 2 is not JSON/],
      [Uint8Array.of(0x31, 0x0a, 0x22, 0xff, 0x22, 0x0a), /line 2 is not UTF-8/],
      [text('1\n2'), /ends within line 2/],
    ];
    for (const [bytes, message] of cases) {
      await expect(collect(parseLines(pieces(bytes, 2), 100))).rejects.toThrow(message);
    }
  });
});
