import { describe, expect, it } from 'vitest';
import { backupTableBytesMax, manifestHeaderBytes } from '../src/limits.js';
import { crc32 } from '../src/checksum.js';
import { packBytes } from '../src/codec.js';
import { viewOf } from '../src/integers.js';
import { writeManifestBody, type BackupManifest } from '../src/manifest-body.js';
import { backupTableFile, isManifestTable, type BackupTable } from '../src/manifest-tables.js';
import { decodeManifest, encodeManifest } from '../src/manifest.js';

function table(name: string, digit: string, bytes = 10): BackupTable {
  const sha256 = digit.repeat(64);
  return { file: backupTableFile(sha256, name), bytes, sha256, name };
}

const tables = [
  table('000005.ldb', '1'),
  table('000007.sst', '2'),
  table('000009.log', '3'),
  table('000009.log', '4'),
  table('MANIFEST-000008', '5'),
];

const physical: BackupManifest = {
  id: '0000000000048213-1',
  form: 'physical',
  kind: 'full',
  tag: null,
  database: 'orders',
  pattern: '00112233445566778899aabbccddeeff',
  timelines: [{ timeline: 1, id: '0f3a000000000001', forkedFrom: null, atSeq: 0, why: 'created' }],
  session: 37,
  position: { timeline: 1, seq: 48213 },
  chain: 7,
  createdAt: 1_785_325_085_000,
  startedAt: 1_785_325_085_001,
  codec: 'none',
  chunks: [],
  tables,
  entries: null,
  rawBytes: null,
  stateHash: null,
  version: '0.1.0',
};

/** Decodes a sealed manifest whose body was changed. */
function decodeChanged(change: object): BackupManifest {
  const body = packBytes({ ...writeManifestBody(physical), ...change });
  const bytes = new Uint8Array(manifestHeaderBytes + body.length + 4);
  bytes.set(encodeManifest(physical).subarray(0, 12));
  viewOf(bytes).setUint32(12, body.length, true);
  bytes.set(body, manifestHeaderBytes);
  const at = bytes.length - 4;
  viewOf(bytes).setUint32(at, crc32(bytes.subarray(0, at)), true);
  return decodeManifest(bytes);
}

const item = (name: unknown, bytes: unknown = 10, hash: unknown = new Uint8Array(32)) => [
  name,
  bytes,
  hash,
];
const manifestItem = item('MANIFEST-000008');

describe('the manifest of a physical backup', () => {
  it('comes back from its bytes, with and without the hash of its state', () => {
    expect(decodeManifest(encodeManifest(physical))).toEqual(physical);
    const hashed = { ...physical, stateHash: 'ab'.repeat(32), entries: 3, rawBytes: 100 };
    expect(decodeManifest(encodeManifest(hashed))).toEqual(hashed);
  });

  it('names its files by what they hold', () => {
    expect(tables.map(({ file }) => file.slice(62))).toEqual([
      '11.ldb',
      '22.sst',
      '33.log',
      '44.log',
      '55.manifest',
    ]);
    expect(tables.map(isManifestTable)).toEqual([false, false, false, false, true]);
  });

  it.each([
    ['no MANIFEST', { tables: [item('000005.ldb')] }],
    ['two MANIFESTs', { tables: [manifestItem, item('MANIFEST-000009')] }],
    ['pieces of a file apart', { tables: [item('000005.log'), manifestItem, item('000005.log')] }],
    ['no list', { tables: null }],
    ['a name that leads out', { tables: [manifestItem, item('../000005.ldb')] }],
    ['an absolute name', { tables: [manifestItem, item('/000005.ldb')] }],
    ['the lock', { tables: [manifestItem, item('LOCK')] }],
    ['CURRENT', { tables: [manifestItem, item('CURRENT')] }],
    ['a line break', { tables: [manifestItem, item('000005.ldb\n')] }],
    ['a negative size', { tables: [manifestItem, item('000005.ldb', -1)] }],
    ['a huge size', { tables: [manifestItem, item('000005.ldb', backupTableBytesMax + 1)] }],
    ['a size that is no number', { tables: [manifestItem, item('000005.ldb', '10')] }],
    ['a short hash', { tables: [manifestItem, item('000005.ldb', 10, new Uint8Array(31))] }],
    ['an item of another length', { tables: [manifestItem, ['000005.ldb', 10]] }],
    ['chunks beside tables', { chunks: [['c.pbk', 1, 1, 1, new Uint8Array(32)]] }],
    ['entries without a hash', { entries: 3 }],
    ['bytes without a hash', { rawBytes: 3 }],
    ['a hash without entries', { stateHash: 'ab'.repeat(32), rawBytes: 3 }],
    ['a logical one without sums', { form: 'logical' }],
  ])('P14 %s is refused', (_, change) => {
    expect(() => decodeChanged(change)).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID' }),
    );
  });
});
