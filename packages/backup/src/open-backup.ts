// Opens a backup for reading: the manifest first, then the chunks, each proved before it is handed on.
import { createHash } from 'node:crypto';
import {
  PaminaError,
  chunkBytesMax,
  crc32,
  decodeManifest,
  isPaminaError,
  type BackupChunk,
  type BackupManifest,
} from '@pamina/format';
import {
  chunkFileBytesMax,
  chunkInvalid,
  decodeChunkHeader,
  decodeEntries,
} from './chunk-format.js';
import { decompress } from './compression.js';
import { orderedParallel } from './ordered-parallel.js';
import type { BackupSource } from './source.js';

export interface OpenedBackup {
  readonly source: BackupSource;
  readonly manifest: BackupManifest;
}

/** A chunk whose checksums, lengths and order of keys are right. */
export interface VerifiedChunk {
  readonly chunk: BackupChunk;
  readonly raw: Uint8Array;
  /** Views into `raw`, in key order. */
  readonly entries: readonly (readonly [Uint8Array, Uint8Array])[];
}

/** What is read ahead of its consumer. */
const ahead = { countMax: 3, weightMax: 16 * 1024 * 1024 };

/** A full or initial backup. BACKUP_INCREMENTAL, and what openAnyBackup throws. */
export function openBackup(source: BackupSource): Promise<OpenedBackup> {
  return open(source, ({ after }) => {
    if (after !== undefined) throw incremental(after);
  });
}

/** Also an incremental backup. MANIFEST_INVALID, FORMAT_UNKNOWN, BACKUP_NOT_FOUND, BACKUP_INVALID. */
export function openAnyBackup(source: BackupSource): Promise<OpenedBackup> {
  return open(source, () => undefined);
}

/** Reads and checks the manifest. */
async function open(
  source: BackupSource,
  check: (manifest: BackupManifest) => void,
): Promise<OpenedBackup> {
  const bytes = await source.readManifest();
  try {
    const manifest = decodeManifest(bytes);
    check(manifest);
    for (const chunk of manifest.chunks) checkClaims(chunk);
    return { source, manifest };
  } catch (cause) {
    if (!isPaminaError(cause)) throw cause;
    const context = { ...cause.context, backup: source.describe() };
    throw new PaminaError(cause.code, `${source.describe()}: ${cause.message}`, { cause, context });
  }
}

function incremental(after: string): PaminaError {
  const message = `it is incremental: it holds log, and builds on the backup ${after}`;
  return new PaminaError('BACKUP_INCREMENTAL', message, { context: { after } });
}

/** No chunk may claim more than one can hold: the claims bound what is read and decompressed. */
function checkClaims(chunk: BackupChunk): void {
  const fits =
    chunk.rawBytes <= chunkBytesMax &&
    chunk.bytes <= chunkFileBytesMax(chunk.rawBytes) &&
    chunk.entries > 0;
  if (!fits) throw chunkInvalid(chunk.file, 'the manifest claims a size that no chunk can have');
}

/** All chunks in order, read ahead with bounded memory. BACKUP_INVALID names the file. */
export async function* verifiedChunks(
  backup: OpenedBackup,
  signal?: AbortSignal,
): AsyncGenerator<VerifiedChunk, void, undefined> {
  const options = {
    ...ahead,
    weigh: (chunk: BackupChunk) => chunk.bytes + chunk.rawBytes,
  };
  let keyBefore: Uint8Array | null = null;
  const runs = orderedParallel(backup.manifest.chunks, options, async (chunk) => {
    signal?.throwIfAborted();
    return { chunk, raw: await readChunk(backup.source, chunk) };
  });
  for await (const { chunk, raw } of runs) {
    signal?.throwIfAborted();
    const entries = decodeEntries(raw, chunk.entries, keyBefore, chunk.file);
    // A copy: the last key must not keep a whole chunk in memory.
    keyBefore = entries.at(-1)?.[0].slice() ?? keyBefore;
    yield { chunk, raw, entries };
  }
}

/** The run of entries of one chunk, proved by the manifest's sha256 and the chunk's own checksums. */
async function readChunk(source: BackupSource, chunk: BackupChunk): Promise<Uint8Array> {
  const file = await readWhole(source, chunk);
  const sha256 = createHash('sha256').update(file).digest('hex');
  if (sha256 !== chunk.sha256) {
    throw chunkInvalid(chunk.file, 'its content is not what the manifest says');
  }
  const header = decodeChunkHeader(file, chunk.file);
  if (header.rawBytes !== chunk.rawBytes || header.entries !== chunk.entries) {
    throw chunkInvalid(chunk.file, 'its header is not what the manifest says');
  }
  const stored = file.subarray(file.length - header.storedBytes);
  const raw =
    header.codec === 'none'
      ? stored
      : await decompress(stored, header.codec, header.rawBytes, chunk.file);
  if (crc32(raw) !== header.rawChecksum) {
    throw chunkInvalid(chunk.file, 'the checksum of its entries is wrong');
  }
  return raw;
}

/** Collects what comes and never more than the manifest allows. */
async function readWhole(source: BackupSource, chunk: BackupChunk): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of source.readFile(chunk.file)) {
    bytes += piece.length;
    if (bytes > chunk.bytes) throw chunkInvalid(chunk.file, 'it is longer than the manifest says');
    pieces.push(piece);
  }
  if (bytes < chunk.bytes) throw chunkInvalid(chunk.file, 'it is shorter than the manifest says');
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces, bytes);
}
