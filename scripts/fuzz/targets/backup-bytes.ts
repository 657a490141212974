// What a backup consists of: its manifest and its chunks.
import { crc32, decodeManifest, encodeManifest, viewOf } from '@pamina/format';
import type { BackupManifest } from '@pamina/format';
import { createHash } from 'node:crypto';
import { brotliCompressSync } from 'node:zlib';
import {
  chunkHeaderBytes,
  chunkOffsets,
  decodeChunkHeader,
  decodeEntries,
  encodeChunkHeader,
  type ChunkCodec,
} from '../../../packages/backup/src/chunk-format.js';
import { openBackup, verifiedChunks } from '../../../packages/backup/src/open-backup.js';
import type { BackupSource } from '../../../packages/backup/src/source.js';
import { hold, holdSameBytes, type Target } from '../target.js';
import { holdEqual, joined, packed, shapeOf, textBytes } from './forms.js';
import { initialManifest, manifest as sampleManifest, physicalManifest } from './samples.js';

const manifestAround = 16 + 4;

function sealManifest(bytes: Uint8Array): void {
  if (bytes.length < manifestAround) return;
  const view = viewOf(bytes);
  view.setUint32(12, bytes.length - manifestAround, true);
  view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, bytes.length - 4)), true);
}

const manifest: Target = {
  name: 'manifest',
  about: 'the manifest of a backup',
  seeds: [sampleManifest, physicalManifest, initialManifest].map(encodeManifest),
  words: [
    'full',
    'initial',
    'logical',
    'physical',
    'none',
    'lz4',
    'brotli-1',
    'manifest',
    'chunk-000000.pbk',
    '..',
  ],
  seal: sealManifest,
  document: packed(16, 4, (document, from) => {
    const bytes = joined(from.subarray(0, 16), document, new Uint8Array(4));
    sealManifest(bytes);
    return bytes;
  }),
  codes: ['MANIFEST_INVALID', 'FORMAT_UNKNOWN'],
  run(bytes) {
    const decoded = decodeManifest(bytes);
    holdEqual(decodeManifest(encodeManifest(decoded)), decoded, 'a manifest comes back');
    return shapeOf(decoded, 2);
  },
};

type Entry = readonly [key: Uint8Array, value: Uint8Array];

function runOf(entries: readonly Entry[]): Uint8Array {
  const parts = entries.flatMap(([key, value]) => {
    const lengths = new Uint8Array(8);
    viewOf(lengths).setUint32(0, key.length, true);
    viewOf(lengths).setUint32(4, value.length, true);
    return [lengths, key, value];
  });
  return joined(...parts);
}

function chunkOf(entries: readonly (readonly [string, string])[], codec: ChunkCodec): Uint8Array {
  const raw = runOf(entries.map(([key, value]): Entry => [textBytes(key), textBytes(value)]));
  const stored = codec === 'none' ? raw : new Uint8Array(brotliCompressSync(raw));
  const header = encodeChunkHeader({
    codec,
    rawBytes: raw.length,
    storedBytes: stored.length,
    entries: entries.length,
    rawChecksum: crc32(raw),
  });
  return joined(header, stored);
}

const someEntries = [
  ['\x01settings', '{}'],
  ['\x02a', 'one'.repeat(30)],
  ['\x02b', ''],
] as const;

function sealChunk(bytes: Uint8Array): void {
  if (bytes.length < chunkHeaderBytes) return;
  const view = viewOf(bytes);
  const stored = bytes.subarray(chunkHeaderBytes);
  view.setUint32(chunkOffsets.storedBytes, stored.length, true);
  if (view.getUint8(chunkOffsets.codec) === 0) {
    view.setUint32(chunkOffsets.rawBytes, stored.length, true);
    view.setUint32(chunkOffsets.rawChecksum, crc32(stored), true);
  }
  const checksum = crc32(bytes.subarray(0, chunkOffsets.headerChecksum));
  view.setUint32(chunkOffsets.headerChecksum, checksum, true);
}

const chunk: Target = {
  name: 'chunk',
  about: 'a chunk of a backup that is not compressed: its header and its entries',
  seeds: [chunkOf(someEntries, 'none'), chunkOf([], 'none'), chunkOf(someEntries, 'brotli-1')],
  seal: sealChunk,
  codes: ['BACKUP_INVALID', 'FORMAT_UNKNOWN'],
  run(bytes) {
    const header = decodeChunkHeader(bytes, 'chunk');
    const again = encodeChunkHeader(header);
    holdSameBytes(again, bytes.subarray(0, chunkHeaderBytes), 'the header of a chunk is canonical');
    if (header.codec !== 'none') return 'compressed';
    const raw = bytes.subarray(chunkHeaderBytes);
    const entries = decodeEntries(raw, header.entries, null, 'chunk');
    hold(entries.length === header.entries, 'a chunk has as many entries as it says');
    holdSameBytes(runOf(entries), raw, 'the entries of a chunk are canonical');
    return `entries ${Math.min(entries.length, 4)}`;
  },
};

/** A backup of this one chunk, with a manifest that believes the chunk's own header. */
function backupOf(file: Uint8Array): BackupSource {
  const view = viewOf(joined(file, new Uint8Array(chunkHeaderBytes)));
  const entries = view.getUint32(chunkOffsets.entries, true);
  const rawBytes = view.getUint32(chunkOffsets.rawBytes, true);
  const sha256 = createHash('sha256').update(file).digest('hex');
  const chunks = [{ file: 'chunk-000000.pbk', bytes: file.length, rawBytes, entries, sha256 }];
  const claimed: BackupManifest = { ...sampleManifest, chunks, entries, rawBytes, stateHash: null };
  return {
    describe: () => 'the backup',
    readManifest: () => Promise.resolve(encodeManifest(claimed)),
    // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous, this is not
    readFile: async function* () {
      yield file;
    },
  };
}

const backup: Target = {
  name: 'backup',
  about: 'a backup of one chunk, compressed or not, read as verify and restore read it',
  seeds: [chunkOf(someEntries, 'brotli-1'), chunkOf(someEntries, 'none')],
  seal: sealChunk,
  codes: ['BACKUP_INVALID', 'FORMAT_UNKNOWN', 'MANIFEST_INVALID'],
  // One trip to the thread pool for each.
  share: 0.02,
  async run(bytes) {
    let count = 0;
    for await (const { chunk, entries } of verifiedChunks(await openBackup(backupOf(bytes)))) {
      hold(entries.length === chunk.entries, 'a chunk has as many entries as its manifest says');
      count += entries.length;
    }
    return `entries ${Math.min(count, 4)}`;
  },
};

export const backupBytes: readonly Target[] = [manifest, chunk, backup];
