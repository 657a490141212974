// Verifies an incremental backup: each segment is byte for byte what was proved by checksums and chain
// when it was copied.
import { createHash } from 'node:crypto';
import { PaminaError, type BackupSegment } from '@pamina/format';
import type { OpenedBackup } from './open-backup.js';
import type { BackupSource } from './source.js';
import type { VerifyOptions } from './verify.js';

/** BACKUP_INVALID with the file for the first thing that is wrong. */
export async function verifySegments(
  { manifest, source }: OpenedBackup,
  { onProgress, signal }: VerifyOptions,
): Promise<void> {
  const segments = manifest.segments ?? [];
  const total = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const segment of segments) {
    await verifySegment(source, segment, signal);
    done += segment.bytes;
    onProgress?.({ done, total, entries: 0 });
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
