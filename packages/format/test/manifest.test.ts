import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../src/checksum.js';
import { packBytes } from '../src/codec.js';
import { viewOf } from '../src/integers.js';
import { manifestBytesMax } from '../src/limits.js';
import { writeManifestBody, type BackupManifest } from '../src/manifest-body.js';
import { decodeManifest, encodeManifest } from '../src/manifest.js';
import { PaminaError } from '../src/pamina-error.js';
import { count, forEachFlippedBit, hex, history, hostile, name, tag, uint32 } from './arbitrary.js';

const chunks = fc
  .array(fc.record({ bytes: uint32, rawBytes: uint32, entries: uint32, sha256: hex(64) }), {
    maxLength: 8,
  })
  .map((list) => {
    return list.map((chunk, i) => ({ file: `chunk-${String(i).padStart(6, '0')}.pbk`, ...chunk }));
  });
const manifest: fc.Arbitrary<BackupManifest> = fc
  .record({
    tag,
    database: name,
    pattern: fc.option(hex(32)),
    timelines: history,
    session: uint32,
    records: fc.nat(),
    chain: uint32,
    createdAt: count,
    startedAt: count,
    codec: fc.constantFrom('brotli-1' as const, 'lz4' as const, 'none' as const),
    chunks,
    stateHash: fc.option(hex(64)),
  })
  .map(({ records, ...rest }) => {
    const last = rest.timelines.at(-1);
    const seq = (last?.atSeq ?? 0) + records;
    const sum = (key: 'entries' | 'rawBytes'): number =>
      rest.chunks.reduce((total, chunk) => total + chunk[key], 0);
    return {
      ...rest,
      id: `${String(seq).padStart(16, '0')}-1`,
      form: 'logical' as const,
      kind: rest.pattern === null ? ('initial' as const) : ('full' as const),
      position: { timeline: last?.timeline ?? 1, seq },
      entries: sum('entries'),
      rawBytes: sum('rawBytes'),
      version: '0.1.0',
    };
  });

const example: BackupManifest = {
  id: '0000000000048213-1',
  form: 'logical',
  kind: 'full',
  tag: 'demo',
  database: 'orders',
  pattern: '00112233445566778899aabbccddeeff',
  timelines: [{ timeline: 1, id: '0f3a000000000001', forkedFrom: null, atSeq: 0, why: 'created' }],
  session: 37,
  position: { timeline: 1, seq: 48213 },
  chain: 7,
  createdAt: 1_785_325_085_000,
  startedAt: 1_785_325_085_001,
  codec: 'brotli-1',
  chunks: [
    { file: 'chunk-000000.pbk', bytes: 10, rawBytes: 90, entries: 3, sha256: 'ab'.repeat(32) },
    { file: 'chunk-000001.pbk', bytes: 5, rawBytes: 10, entries: 1, sha256: 'cd'.repeat(32) },
  ],
  entries: 4,
  rawBytes: 100,
  stateHash: 'ef'.repeat(32),
  version: '0.1.0',
};

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(PaminaError);
    return (error as PaminaError).code;
  }
  return 'none';
}

/** A manifest file around any body, sealed as a faulty or hostile writer would. */
function sealed(body: unknown): Uint8Array {
  const packed = packBytes(body);
  const bytes = new Uint8Array(16 + packed.length + 4);
  bytes.set(encodeManifest(example).subarray(0, 12));
  viewOf(bytes).setUint32(12, packed.length, true);
  bytes.set(packed, 16);
  const at = bytes.length - 4;
  viewOf(bytes).setUint32(at, crc32(bytes.subarray(0, at)), true);
  return bytes;
}

describe('manifest', () => {
  it('comes back from its bytes', () => {
    fc.assert(
      fc.property(manifest, (fields) => {
        expect(decodeManifest(encodeManifest(fields))).toEqual(fields);
      }),
    );
  });

  it('P8 any single flipped bit and any truncation is noticed', () => {
    const bytes = encodeManifest(example);
    forEachFlippedBit(bytes, (spoiled, bit) => {
      const expected = bit >= 64 && bit < 80 ? 'FORMAT_UNKNOWN' : 'MANIFEST_INVALID';
      expect(codeOf(() => decodeManifest(spoiled))).toBe(expected);
    });
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => decodeManifest(bytes.subarray(0, length)))).toBe('MANIFEST_INVALID');
    }
    expect(codeOf(() => decodeManifest(new Uint8Array([...bytes, 0])))).toBe('MANIFEST_INVALID');
  });

  it('P15 another version is refused as such', () => {
    const bytes = encodeManifest(example);
    for (const version of [0, 3, 65_535]) {
      viewOf(bytes).setUint16(8, version, true);
      expect(codeOf(() => decodeManifest(bytes))).toBe('FORMAT_UNKNOWN');
    }
  });

  it('P14 a field that is missing or of another type is refused, even in a sealed file', () => {
    const body = writeManifestBody(example);
    expect(decodeManifest(sealed({ ...body, later: 1 }))).toEqual(example);
    for (const field of Object.keys(body)) {
      const { [field]: _, ...rest } = body;
      for (const spoiled of [rest, { ...rest, [field]: {} }, { ...rest, [field]: -1 }]) {
        expect(
          codeOf(() => decodeManifest(sealed(spoiled))),
          field,
        ).toBe('MANIFEST_INVALID');
      }
    }
  });

  it('P14 file names that could lead out of the backup are refused', () => {
    const names = [
      '../x',
      '/etc/passwd',
      'a/b',
      'a\\b',
      '..',
      '.',
      '',
      'a..b',
      'manifest',
      'A',
      'ä',
    ];
    const [first] = example.chunks;
    for (const file of names) {
      const spoiled = { ...example, chunks: [{ ...first, file }] } as BackupManifest;
      const bytes = sealed({ ...writeManifestBody(spoiled), entries: 3, rawBytes: 90 });
      expect(
        codeOf(() => decodeManifest(bytes)),
        file,
      ).toBe('MANIFEST_INVALID');
    }
  });

  it('P9 contradictions within are refused', () => {
    const contradictions: Partial<BackupManifest>[] = [
      { entries: 5 },
      { rawBytes: 99 },
      { kind: 'initial' },
      { pattern: null },
      { position: { timeline: 2, seq: 48213 } },
      { chunks: [example.chunks[0], example.chunks[0]] as BackupManifest['chunks'] },
      { timelines: [] },
      { id: '../0' },
    ];
    for (const fields of contradictions) {
      const spoiled = { ...example, ...fields };
      expect(codeOf(() => encodeManifest(spoiled))).toBe('MANIFEST_INVALID');
      const bytes = sealed(writeManifestBody(spoiled));
      expect(codeOf(() => decodeManifest(bytes))).toBe('MANIFEST_INVALID');
    }
  });

  it('P13 a claimed length is compared with what is there, and the whole is limited', () => {
    const bytes = encodeManifest(example);
    viewOf(bytes).setUint32(12, 0xffff_ffff, true);
    expect(codeOf(() => decodeManifest(bytes))).toBe('MANIFEST_INVALID');
    const huge = new Uint8Array(manifestBytesMax + 1);
    expect(codeOf(() => decodeManifest(huge))).toBe('MANIFEST_INVALID');
  });

  it('P14 answers hostile bytes with its own errors only', () => {
    fc.assert(
      fc.property(hostile(encodeManifest(example)), (bytes) => {
        expect(['none', 'MANIFEST_INVALID', 'FORMAT_UNKNOWN']).toContain(
          codeOf(() => decodeManifest(bytes)),
        );
      }),
      { numRuns: 1000 },
    );
  });
});
