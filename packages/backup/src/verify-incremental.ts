// Verifies an incremental backup: each segment is byte for byte what was proved by checksums and chain
// when it was copied, and nothing lies beside them.
import { createHash } from 'node:crypto';
import {
  PaminaError,
  decodeManifest,
  type BackupManifest,
  type BackupSegment,
} from '@pamina/format';
import { manifestFileName } from './layout.js';
import type { BackupSource } from './source.js';
import type { VerifyOptions } from './verify.js';

/** MANIFEST_INVALID, FORMAT_UNKNOWN; BACKUP_INVALID with the file for the first thing that is wrong. */
export async function verifyIncremental(
  source: BackupSource,
  options: VerifyOptions = {},
): Promise<BackupManifest> {
  const release = source.hold?.();
  try {
    const manifest = decodeManifest(await source.readManifest());
    const segments = manifest.segments ?? [];
    const known = new Set([manifestFileName, ...segments.map(({ file }) => file)]);
    const names = (await source.listFiles?.()) ?? [];
    const stranger = names.find((name) => !known.has(name));
    if (stranger !== undefined) {
      throw invalid(source, stranger, 'the manifest does not name it');
    }
    const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    for (const segment of segments) {
      await verifySegment(source, segment, options.signal);
      done += segment.bytes;
      options.onProgress?.({ done, total, entries: 0 });
    }
    return manifest;
  } finally {
    release?.();
  }
}

async function verifySegment(
  source: BackupSource,
  { bytes, file, sha256 }: BackupSegment,
  signal: AbortSignal | undefined,
): Promise<void> {
  const hash = createHash('sha256');
  let read = 0;
  for await (const piece of source.readFile(file)) {
    signal?.throwIfAborted();
    read += piece.length;
    if (read > bytes) throw invalid(source, file, 'it is longer than the manifest says');
    hash.update(piece);
  }
  if (read < bytes) throw invalid(source, file, 'it is shorter than the manifest says');
  if (hash.digest('hex') !== sha256) {
    throw invalid(source, file, 'its content is not what the manifest says');
  }
}

function invalid(source: BackupSource, file: string, what: string): PaminaError {
  return new PaminaError('BACKUP_INVALID', `${file} of ${source.describe()}: ${what}`, {
    context: { file, backup: source.describe() },
  });
}
