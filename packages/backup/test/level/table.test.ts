import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteCursor, MalformedBytes, encodeVarint } from '../../src/level/byte-cursor.js';
import { crc32c, maskChecksum } from '../../src/level/crc32c.js';
import { decompressSnappy } from '../../src/level/snappy.js';
import { TableCheck } from '../../src/level/table-check.js';
import { lastKeyOf, readTableLayout } from '../../src/level/table-layout.js';
import {
  bytesOf,
  damageInTable,
  firstFile,
  flipped,
  memoryFile,
  storeOfTables,
} from './support.js';

async function tableBytes(entries: number, options: object): Promise<Uint8Array> {
  const path = await firstFile(await storeOfTables(entries, options), /\.ldb$/);
  return bytesOf(path);
}

describe('the checksum', () => {
  test('is CRC-32C: the test vectors of RFC 3720', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8_ab43);
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe306_9283);
  });

  test('continues over any split', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, split) => {
        const front = crc32c(bytes.subarray(0, split));
        expect(crc32c(bytes.subarray(split), front)).toBe(crc32c(bytes));
      }),
    );
  });

  test('is masked as the format says', () => {
    expect(maskChecksum(0)).toBe(0xa282_ead8);
    expect(maskChecksum(0x8000)).toBe(0xa282_ead9);
  });
});

describe('a table', () => {
  test.each([
    ['compressed', { compression: true, blockSize: 1024 }],
    ['not compressed', { compression: false, blockSize: 1024 }],
  ])('P6 any flipped byte is found, %s: the format leaves none unchecked', async (_, options) => {
    const bytes = await tableBytes(120, options);
    expect(await damageInTable(bytes)).toEqual([]);
    for (let at = 0; at < bytes.length; at++) {
      const mask = 1 << (at % 8);
      expect(await damageInTable(flipped(bytes, at, mask)), `byte ${at}`).not.toEqual([]);
    }
    for (const at of [bytes.length - 48, bytes.length - 20, bytes.length - 1]) {
      for (let mask = 1; mask < 256; mask++) {
        expect(await damageInTable(flipped(bytes, at, mask)), `byte ${at}`).not.toEqual([]);
      }
    }
  });

  test('P6 a table that is cut off, or longer than it was, is found', async () => {
    const bytes = await tableBytes(120, { blockSize: 1024 });
    for (let length = 0; length < bytes.length; length += 7) {
      expect(await damageInTable(bytes.subarray(0, length)), `${length} bytes`).not.toEqual([]);
    }
    expect(await damageInTable(Buffer.concat([bytes, Buffer.alloc(1)]))).not.toEqual([]);
  });

  test('damage in a block of data names its offset, length and last key', async () => {
    const bytes = await tableBytes(400, { blockSize: 1024 });
    const layout = await readTableLayout(memoryFile('table', bytes));
    expect(layout.dataBlocks).toBeGreaterThan(3);
    const offset = (layout.blockBytes[0] ?? 0) + 5;
    const [damage, ...others] = await damageInTable(flipped(bytes, offset + 10, 4));
    expect(others).toEqual([]);
    expect(damage).toMatchObject({
      file: 'table',
      offset,
      bytes: (layout.blockBytes[1] ?? 0) + 5,
    });
    const key = Buffer.from(damage?.lastKey ?? '', 'hex').toString();
    expect(key).toMatch(/^document/);
    const before = Buffer.from(lastKeyOf(layout, 0) ?? []).toString();
    const behind = Buffer.from(lastKeyOf(layout, 2) ?? []).toString();
    expect(before < key && key < behind).toBe(true);
  });

  test('the pieces in which it comes change nothing', async () => {
    const bytes = await tableBytes(400, { blockSize: 512 });
    const damaged = flipped(flipped(bytes, 100, 1), bytes.length >> 1, 1);
    const layout = await readTableLayout(memoryFile('table', bytes));
    const expected = await damageInTable(damaged);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1 }), (sizes) => {
        const found: unknown[] = [];
        const check = new TableCheck(layout, (damage) => found.push(damage));
        for (let at = 0, index = 0; at < damaged.length; index++) {
          const size = sizes[index % sizes.length] ?? 1;
          check.update(damaged.subarray(at, at + size));
          at += size;
        }
        check.finish();
        expect(found).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});

describe('numbers and compression', () => {
  test('a number is read as it was written, and any cut of it is refused', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const bytes = Uint8Array.from(encodeVarint(value));
        expect(new ByteCursor(bytes).varint()).toBe(value);
        expect(() => new ByteCursor(bytes.subarray(0, -1)).varint()).toThrow(MalformedBytes);
      }),
    );
  });

  test('Snappy: literals, copies of each kind, and copies that overlap themselves', () => {
    // 'abc' as it is, then 9 bytes from 3 back (two bytes of tag), 4 from 12 back (three), 4 from 1 back (five)
    const stored = [
      20,
      2 << 2,
      97,
      98,
      99,
      (5 << 2) | 1,
      3,
      (3 << 2) | 2,
      12,
      0,
      (3 << 2) | 3,
      1,
      0,
      0,
      0,
    ];
    const raw = Buffer.from(decompressSnappy(Uint8Array.from(stored)));
    expect(raw.toString()).toBe('abcabcabcabcabcaaaaa');
  });

  test('P13 Snappy: bytes of any kind give bytes of the claimed length or are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (stored) => {
        try {
          expect(decompressSnappy(stored)).toHaveLength(new ByteCursor(stored).varint());
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedBytes);
        }
      }),
      { numRuns: 5000 },
    );
  });
});
