// Verifies a backup at its first depth: every file, checksum, count, the order of the keys, and that
// the state hash in the manifest is that of the entries.
import { createHash } from 'node:crypto';
import { isTemporaryName } from '@pamina/env';
import { PaminaError, type BackupManifest } from '@pamina/format';
import { chunkInvalid } from './chunk-format.js';
import { openAnyBackup, verifiedChunks, type OpenedBackup } from './open-backup.js';
import { auditFileName, manifestFileName, storedFiles } from './layout.js';
import { verifyTables } from './physical/verify-tables.js';
import type { BackupSource } from './source.js';
import { verifySegments } from './verify-incremental.js';

/** How far a backup has been read. `done` and `total` are bytes before compression, or of the files of a physical one. */
export interface ReadProgress {
  readonly done: number;
  readonly total: number;
  readonly entries: number;
}

export interface VerifyOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ReadProgress) => void) | undefined;
  /** Whether a file of a physical backup, which others share, was proved already: it is not read again. */
  readonly isKnown?: ((file: string) => boolean) | undefined;
}

export interface VerifiedBackup {
  readonly manifest: BackupManifest;
  /** Computed from the entries; equal to the manifest's where that has one. Null in a physical or incremental backup. */
  readonly stateHash: string | null;
  /** Of a physical backup, without what was known. */
  readonly readBytes?: number;
}

/** Throws what openAnyBackup throws, and BACKUP_INVALID with the file for the first thing that is wrong. */
export async function verifyBackup(
  source: BackupSource,
  options: VerifyOptions = {},
): Promise<VerifiedBackup> {
  const release = source.hold?.();
  try {
    const backup = await openAnyBackup(source);
    await refuseStrangers(backup);
    const { manifest } = backup;
    if (manifest.after !== undefined) {
      await verifySegments(backup, options);
      return { manifest, stateHash: null };
    }
    if (manifest.form === 'physical') {
      const readBytes = await verifyTables(backup, options);
      return { manifest, readBytes, stateHash: null };
    }
    const stateHash = await readThrough(backup, options, () => Promise.resolve());
    return { manifest, stateHash };
  } finally {
    release?.();
  }
}

/**
 * Of a logical backup. Hands each chunk's entries to `take`, in order, and gives back the state hash of all of them, which
 * it has held against the manifest.
 */
export async function readThrough(
  backup: OpenedBackup,
  options: VerifyOptions,
  take: (entries: readonly (readonly [Uint8Array, Uint8Array])[]) => Promise<void>,
): Promise<string> {
  const { manifest } = backup;
  if (manifest.form !== 'logical') throw new TypeError('only a logical backup has chunks to read');
  const hash = createHash('sha256');
  let done = 0;
  let entries = 0;
  for await (const chunk of verifiedChunks(backup, options.signal)) {
    hash.update(chunk.raw);
    await take(chunk.entries);
    done += chunk.raw.length;
    entries += chunk.entries.length;
    options.onProgress?.({ done, total: manifest.rawBytes ?? done, entries });
  }
  const stateHash = hash.digest('hex');
  if (manifest.stateHash !== null && manifest.stateHash !== stateHash) {
    const message = `${backup.source.describe()}: the state hash is not what the manifest says`;
    throw new PaminaError('BACKUP_INVALID', message, {
      context: { file: manifestFileName, expected: manifest.stateHash, found: stateHash },
    });
  }
  return stateHash;
}

/** A file that the manifest does not name was not proved by anything (P9). */
async function refuseStrangers(backup: OpenedBackup): Promise<void> {
  const names = (await backup.source.listFiles?.()) ?? [];
  const files = storedFiles(backup.manifest).map(({ file }) => file);
  const known = new Set([manifestFileName, ...files]);
  if (backup.manifest.kind === 'full') known.add(auditFileName);
  // What a crash left of an audit that was being noted is never read.
  const stranger = names.find((name) => !known.has(name) && !isTemporaryName(name));
  if (stranger !== undefined) throw chunkInvalid(stranger, 'the manifest does not name it');
}
