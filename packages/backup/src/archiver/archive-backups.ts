// Backups in an archive: what there is, and each as a source that restores and verification read from.
import {
  PaminaError,
  decodeManifest,
  isPaminaError,
  manifestBytesMax,
  toPaminaError,
  type BackupManifest,
} from '@pamina/format';
import { readObject, type Archive } from '@pamina/archive';
import { manifestFileName, storedFiles } from '../layout.js';
import { orderedParallel } from '../ordered-parallel.js';
import type { BackupSource } from '../source.js';
import { holdArchivedBackup } from './archive-holds.js';
import {
  backupObject,
  groupBackups,
  placePrefix,
  retiredFileName,
  type ArchivePlace,
} from './archive-layout.js';
import { fetchRanges } from './fetch-ranges.js';

export interface ArchivedBackup {
  readonly id: string;
  /** Null if it cannot be read; `problem` says why. */
  readonly manifest: BackupManifest | null;
  /** As stored, all files together. */
  readonly bytes: number;
  readonly problem: PaminaError | null;
}

const manifests = { countMax: 8, weightMax: 8, weigh: () => 1 };

type Files = ReadonlyMap<string, { readonly bytes: number }>;

/**
 * Newest first; those that cannot be read last. What has no manifest was never finished, or is half
 * removed, and is none; what is retired is on its way out.
 */
export async function listArchivedBackups(
  archive: Archive,
  place: ArchivePlace,
  signal?: AbortSignal,
): Promise<ArchivedBackup[]> {
  const objects = await archive.list(`${placePrefix(place)}backups/`, { signal });
  const found = [...groupBackups(place, objects)].filter(
    ([, files]) => files.has(manifestFileName) && !files.has(retiredFileName),
  );
  return readArchivedBackups(archive, place, found, signal);
}

/** Those whose files were found in a list of objects; each must have a manifest. */
export async function readArchivedBackups(
  archive: Archive,
  place: ArchivePlace,
  found: Iterable<readonly [id: string, files: Files]>,
  signal?: AbortSignal,
): Promise<ArchivedBackup[]> {
  const backups: ArchivedBackup[] = [];
  const read = orderedParallel(found, manifests, async ([id, files]) => {
    const bytes = [...files.values()].reduce((sum, file) => sum + file.bytes, 0);
    try {
      const manifest = decodeManifest(await readManifest(archive, place, id, signal));
      const problem = missingFile(archive, manifest, files);
      return { id, manifest, bytes, problem };
    } catch (error) {
      // Whether the storage answers at all is not a matter of this one backup.
      const isAway = isPaminaError(error) && (error.retryable || error.code === 'ARCHIVE_DENIED');
      if (isAway || signal?.aborted === true) throw error;
      return { id, manifest: null, bytes, problem: toPaminaError(error) };
    }
  });
  for await (const backup of read) backups.push(backup);
  return backups.sort(newestFirst);
}

/** One backup, by its id. Whoever reads proves every file by the manifest. */
export function archiveBackupSource(
  archive: Archive,
  place: ArchivePlace,
  id: string,
  signal?: AbortSignal,
): BackupSource {
  return {
    describe: () => `${archive.describe()} (${place.database}, backup ${id})`,
    readManifest: () => readManifest(archive, place, id, signal),
    readFile: (file) => readFile(archive, backupObject(place, id, file), signal),
    readRange: (file, offset, length) =>
      fetchRanges(archive, backupObject(place, id, file), offset, offset + length, signal),
    async listFiles() {
      const objects = await archive.list(`${placePrefix(place)}backups/${id}/`, { signal });
      const files = [...(groupBackups(place, objects).get(id)?.keys() ?? [])];
      return files.filter((file) => file !== retiredFileName);
    },
    hold: () => holdArchivedBackup(archive, place, id),
  };
}

/** BACKUP_NOT_FOUND; BACKUP_INVALID if what is stored there is the manifest of another backup. */
async function readManifest(
  archive: Archive,
  place: ArchivePlace,
  id: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const where = `${archive.describe()} (${place.database})`;
  try {
    const name = backupObject(place, id, manifestFileName);
    const bytes = await readObject(archive, name, manifestBytesMax, { signal });
    const { id: found, pattern } = decodeManifest(bytes);
    if (found === id && pattern === place.pattern) return bytes;
    throw new PaminaError('BACKUP_INVALID', `${where}: the manifest of ${id} is that of ${found}`, {
      context: { backup: id, found },
    });
  } catch (cause) {
    if (!isPaminaError(cause, 'ARCHIVE_OBJECT_NOT_FOUND')) throw cause;
    const context = { backup: id, archive: archive.describe() };
    throw new PaminaError('BACKUP_NOT_FOUND', `${where} has no backup ${id}`, { cause, context });
  }
}

async function* readFile(
  archive: Archive,
  name: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const size = await archive.size(name, { signal });
  if (size === null) {
    const message = `${archive.describe()}: the file ${name} is missing`;
    throw new PaminaError('BACKUP_INVALID', message, { context: { file: name } });
  }
  yield* fetchRanges(archive, name, 0, size, signal);
}

function missingFile(archive: Archive, manifest: BackupManifest, files: Files): PaminaError | null {
  for (const { bytes, file } of storedFiles(manifest)) {
    const found = files.get(file);
    const fits = found !== undefined && (archive.isEncrypted || found.bytes === bytes);
    if (fits) continue;
    const what =
      found === undefined ? 'is missing' : `has ${found.bytes} bytes instead of ${bytes}`;
    const message = `${archive.describe()}, backup ${manifest.id}: ${file} ${what}`;
    return new PaminaError('BACKUP_INVALID', message, { context: { file, backup: manifest.id } });
  }
  return null;
}

function newestFirst(one: ArchivedBackup, other: ArchivedBackup): number {
  const [a, b] = [one.manifest, other.manifest];
  if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
  return b.createdAt - a.createdAt || b.position.seq - a.position.seq || b.startedAt - a.startedAt;
}
