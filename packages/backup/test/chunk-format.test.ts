// Bytes of a chunk: what is written comes back, and nothing hostile gets through.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPaminaError, viewOf } from '@pamina/format';
import {
  chunkHeaderBytes,
  chunkOffsets,
  decodeChunkHeader,
  decodeEntries,
  encodeChunkHeader,
} from '../src/chunk-format.js';
import { chunkRuns } from '../src/chunk-runs.js';
import { compress, decompress } from '../src/compression.js';
import type { StateEntry } from '../src/contract.js';

const name = 'chunk-000000.pbk';
const header = {
  codec: 'none',
  rawBytes: 20,
  storedBytes: 20,
  entries: 1,
  rawChecksum: 7,
} as const;
const file = Buffer.concat([encodeChunkHeader(header), Buffer.alloc(20)]);

async function encodeRun(entries: readonly StateEntry[]): Promise<Uint8Array> {
  const snapshot = {
    async *entries() {
      await Promise.resolve();
      yield entries;
    },
    close: () => Promise.resolve(),
  };
  const runs = [];
  for await (const run of chunkRuns(snapshot)) runs.push(run.raw);
  return Buffer.concat(runs);
}

const sortedEntries = fc
  .uniqueArray(fc.uint8Array({ maxLength: 20 }), {
    selector: (key) => Buffer.from(key).toString('hex'),
  })
  .chain((keys) =>
    fc.tuple(
      fc.constant(keys),
      fc.array(fc.uint8Array({ maxLength: 30 }), {
        minLength: keys.length,
        maxLength: keys.length,
      }),
    ),
  )
  .map(([keys, values]) =>
    keys
      .map((key): Buffer => Buffer.concat([Buffer.of(2), key]))
      .sort((a, b) => Buffer.compare(a, b))
      .map((key, index): StateEntry => [key, values[index] as Uint8Array]),
  );

test('a header comes back as it was written', () => {
  expect(decodeChunkHeader(file, name)).toEqual(header);
});

test('P9 any flipped bit and any truncation of a header is noticed', () => {
  for (let bit = 0; bit < chunkHeaderBytes * 8; bit++) {
    const damaged = Buffer.from(file);
    damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    expect(() => decodeChunkHeader(damaged, name)).toThrow(name);
  }
  for (let length = 0; length < file.length; length++) {
    expect(() => decodeChunkHeader(file.subarray(0, length), name)).toThrow(name);
  }
});

test('P15 a chunk of an unknown version is refused as such', () => {
  const newer = Buffer.from(file);
  viewOf(newer).setUint16(chunkOffsets.version, 2, true);
  expect(() => decodeChunkHeader(newer, name)).toThrow(
    expect.objectContaining({ code: 'FORMAT_UNKNOWN' }),
  );
});

test('entries of any bytes come back', async () => {
  await fc.assert(
    fc.asyncProperty(sortedEntries, async (entries) => {
      const raw = await encodeRun(entries);
      const found = decodeEntries(raw, entries.length, null, name);
      expect(found.map((pair) => pair.map((bytes) => Buffer.from(bytes).toString('hex')))).toEqual(
        entries.map((pair) => pair.map((bytes) => Buffer.from(bytes).toString('hex'))),
      );
      expect(() => decodeEntries(raw, entries.length + 1, null, name)).toThrow(name);
      if (entries.length > 0) {
        expect(() => decodeEntries(raw, entries.length - 1, null, name)).toThrow(name);
        expect(() => decodeEntries(raw.subarray(1), entries.length, null, name)).toThrow(name);
      }
    }),
  );
});

test('P14 no bytes make the decoders throw anything but their own errors', () => {
  const refuses = (decode: () => unknown): void => {
    try {
      decode();
    } catch (error) {
      expect(isPaminaError(error)).toBe(true);
    }
  };
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(10), (bytes, count) => {
      refuses(() => decodeEntries(bytes, count, null, name));
      refuses(() => decodeChunkHeader(bytes, name));
      refuses(() => decodeChunkHeader(Buffer.concat([file.subarray(0, 12), bytes]), name));
    }),
  );
});

test('P9 keys out of order, twice, or of the space that does not travel are refused', async () => {
  const [a, b] = [Buffer.from([2, 1]), Buffer.from([2, 2])];
  const none = Buffer.alloc(0);
  const inOrder = await encodeRun([
    [a, none],
    [b, none],
  ]);
  decodeEntries(inOrder, 2, null, name);
  expect(() => decodeEntries(inOrder, 2, a, name)).toThrow('order');
  const swapped = Buffer.concat([inOrder.subarray(10), inOrder.subarray(0, 10)]);
  expect(() => decodeEntries(swapped, 2, null, name)).toThrow('order');
  const local = await encodeRun([[Buffer.from([0, 1]), none]]);
  expect(() => decodeEntries(local, 1, null, name)).toThrow('travels');
  const empty = await encodeRun([[none, none]]);
  expect(() => decodeEntries(empty, 1, null, name)).toThrow('length');
});

test('P9 a store that gives its keys out of order is not backed up', async () => {
  const none = Buffer.alloc(0);
  const wrong: StateEntry[] = [
    [Buffer.from([2, 2]), none],
    [Buffer.from([2, 1]), none],
  ];
  await expect(encodeRun(wrong)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
});

test.each(['brotli-1', 'lz4'] as const)(
  'P13 a bomb is not inflated beyond what its header claims: %s',
  async (codec) => {
    const bombBytes = 30 * 2 ** 20;
    const bomb = await compress(Buffer.alloc(bombBytes), codec);
    expect(bomb.length).toBeLessThan(200_000);
    const refused = expect.objectContaining({ code: 'BACKUP_INVALID' });
    for (const rawBytes of [0, 1000, bombBytes - 1, bombBytes + 1]) {
      await expect(decompress(bomb, codec, rawBytes, name)).rejects.toEqual(refused);
    }
    for (const text of ['', 'no', 'not compressed']) {
      await expect(decompress(Buffer.from(text), codec, 1000, name)).rejects.toEqual(refused);
    }
    expect(await decompress(bomb, codec, bombBytes, name)).toHaveLength(bombBytes);
  },
);

test('P13 lz4: bytes of any kind give as many bytes as are claimed or are refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.nat(300), async (block, rawBytes) => {
      const stored = new Uint8Array(4 + block.length);
      new DataView(stored.buffer).setUint32(0, rawBytes, true);
      stored.set(block, 4);
      const outcome = await decompress(stored, 'lz4', rawBytes, name).then(
        ({ length }) => length,
        (error: unknown) => (error as { code?: string }).code,
      );
      expect([rawBytes, 'BACKUP_INVALID']).toContain(outcome);
    }),
    { numRuns: 1000 },
  );
});

test('P15 the README gives the offsets that the code uses', async () => {
  const readme = await readFile(join(import.meta.dirname, '..', 'README.md'), 'utf8');
  const table = readme.slice(readme.indexOf('| offset |'), readme.indexOf('A run is'));
  const rows = table.split('\n').map((row) => row.split('|').map((cell) => cell.trim()));
  const documented = new Map(rows.map(([, at, , what = '']) => [/^\w*/.exec(what)?.[0], at]));
  expect(documented.get('the')).toBe(String(chunkHeaderBytes));
  for (const [field, offset] of Object.entries(chunkOffsets)) {
    expect(documented.get(field), field).toBe(String(offset));
  }
});
