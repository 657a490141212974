// Writes the files of one backup into a folder that nobody reads yet. Chunks are compressed and
// written a few at a time; each file is on disk before it is counted.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { crc32, encodeManifest, type BackupChunk, type BackupManifest } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { chunkFileName, encodeChunkHeader, type ChunkCodec } from './chunk-format.js';
import { chunkRuns, type ChunkRun } from './chunk-runs.js';
import { compress } from './compression.js';
import type { StateSnapshot } from './contract.js';
import { manifestFileName } from './layout.js';
import { orderedParallel } from './ordered-parallel.js';
import type { Pacer } from './pacer.js';
import { updateInSlices } from './state-hash.js';

export interface ChunksWritten {
  readonly chunks: readonly BackupChunk[];
  readonly entries: number;
  /** Before compression. */
  readonly rawBytes: number;
  /** Of the files. */
  readonly bytes: number;
}

export interface WriteOptions {
  readonly disk: Disk;
  readonly folder: string;
  readonly codec: ChunkCodec;
  readonly signal: AbortSignal | undefined;
  readonly pacer: Pacer;
  /** After each chunk. */
  readonly onChunk: (written: Omit<ChunksWritten, 'chunks'>) => void;
}

/** Two at a time: the thread pool has four threads, and the syncs of commits need theirs. */
const underWay = { countMax: 2, weightMax: 8 * 1024 * 1024 };

/** Writes all chunks and gives back their list with the state hash. */
export async function writeChunks(
  snapshot: StateSnapshot,
  options: WriteOptions,
): Promise<ChunksWritten & { readonly stateHash: string }> {
  const hash = createHash('sha256');
  const parallel = { ...underWay, weigh: (run: ChunkRun) => 2 * run.raw.length };
  const chunks: BackupChunk[] = [];
  let entries = 0;
  let rawBytes = 0;
  let bytes = 0;
  async function* hashedRuns(): AsyncGenerator<ChunkRun> {
    for await (const run of chunkRuns(snapshot, options.signal, options.pacer)) {
      options.signal?.throwIfAborted();
      await updateInSlices(hash, run.raw, options.pacer);
      yield run;
    }
  }
  const written = orderedParallel(hashedRuns(), parallel, (run) => writeChunk(run, options));
  for await (const chunk of written) {
    chunks.push(chunk);
    entries += chunk.entries;
    rawBytes += chunk.rawBytes;
    bytes += chunk.bytes;
    options.onChunk({ entries, rawBytes, bytes });
  }
  options.signal?.throwIfAborted();
  return { chunks, entries, rawBytes, bytes, stateHash: hash.digest('hex') };
}

async function writeChunk(run: ChunkRun, options: WriteOptions): Promise<BackupChunk> {
  const file = chunkFileName(run.index);
  const packed = options.codec === 'none' ? null : await compress(run.raw, options.codec);
  // What does not shrink is stored as it is.
  const isPacked = packed !== null && packed.length < run.raw.length;
  const stored = isPacked ? packed : run.raw;
  const header = encodeChunkHeader({
    codec: isPacked ? options.codec : 'none',
    rawBytes: run.raw.length,
    storedBytes: stored.length,
    entries: run.entries,
    rawChecksum: crc32(run.raw),
  });
  await writeSynced(options.disk, join(options.folder, file), [header, stored]);
  const hash = createHash('sha256').update(header);
  await updateInSlices(hash, stored, options.pacer);
  return {
    file,
    bytes: header.length + stored.length,
    rawBytes: run.raw.length,
    entries: run.entries,
    sha256: hash.digest('hex'),
  };
}

/** The manifest last: with it the folder is a whole backup, once it has its name. */
export async function writeManifest(
  disk: Disk,
  folder: string,
  manifest: BackupManifest,
): Promise<void> {
  await writeSynced(disk, join(folder, manifestFileName), [encodeManifest(manifest)]);
  await disk.syncFolder(folder);
}

async function writeSynced(disk: Disk, path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await disk.open(path, 'create');
  try {
    let at = 0;
    for (const part of parts) {
      await file.write(part, at);
      at += part.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
