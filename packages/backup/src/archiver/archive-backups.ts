// Backups in an archive: what there is, and each as a source that restores and verification read from.
import { createHash } from 'node:crypto';
import {
  PaminaError,
  decodeManifest,
  isPaminaError,
  manifestBytesMax,
  toPaminaError,
  type AuditBody,
  type BackupManifest,
} from '@pamina/format';
import { readObject, type Archive, type ArchiveObject } from '@pamina/archive';
import { auditFileName, manifestFileName, storedFiles } from '../layout.js';
import { orderedParallel } from '../ordered-parallel.js';
import { auditFileBytesMax, parseRecordedAudit } from '../recorded-audit.js';
import type { BackupSource } from '../source.js';
import { holdArchivedBackup } from './archive-holds.js';
import {
  backupObject,
  groupBackups,
  isMarkFile,
  placePrefix,
  recipientsIdIn,
  refutedFileName,
  retiredFileName,
  type ArchivePlace,
} from './archive-layout.js';
import { fetchRanges } from './fetch-ranges.js';
import { SharedFiles } from './shared-files.js';

export interface ArchivedBackup {
  readonly id: string;
  /** Null if it cannot be read; `problem` says why. */
  readonly manifest: BackupManifest | null;
  /** As stored, all files of its own together. */
  readonly bytes: number;
  /** Of the manifest, or what an audit recorded later; null if it is not known. */
  readonly stateHash: string | null;
  readonly problem: PaminaError | null;
  /** Every file that is there, shared ones too. */
  readonly objects: readonly { readonly file: string; readonly object: ArchiveObject }[];
  /** sha256 of the manifest's bytes; null if they cannot be read. */
  readonly manifestHash: string | null;
  /** It expired, and stays for those who read it; `since` by the storage's clock, where that says it. */
  readonly retired: { readonly since: number | null } | null;
}

/** Of a note that is there and says nothing: gone since, damaged, or for other keys. */
const unreadableCodes: ReadonlySet<string> = new Set([
  'ARCHIVE_DAMAGED',
  'ARCHIVE_KEY_INVALID',
  'ARCHIVE_OBJECT_NOT_FOUND',
]);
const manifests = { countMax: 8, weightMax: 8, weigh: () => 1 };

type Files = ReadonlyMap<string, ArchiveObject>;
const unreadable = { manifest: null, objects: [], manifestHash: null, stateHash: null } as const;

/**
 * Newest first; those that cannot be read last. What has no manifest was never finished, or is half
 * removed, and is none; what is retired is on its way out, and only told of where it is asked for.
 */
export async function listArchivedBackups(
  archive: Archive,
  place: ArchivePlace,
  signal?: AbortSignal,
  { withRetired = false }: { readonly withRetired?: boolean } = {},
): Promise<ArchivedBackup[]> {
  const objects = await archive.list(`${placePrefix(place)}backups/`, { signal });
  const found = [...groupBackups(place, objects)].filter(
    ([, files]) => files.has(manifestFileName) && (withRetired || !files.has(retiredFileName)),
  );
  const shared = new SharedFiles(archive, place, signal);
  return readArchivedBackups(archive, place, { found, shared, signal });
}

export interface FoundBackups {
  /** Files of each, as they were listed; each must have a manifest. */
  readonly found: Iterable<readonly [id: string, files: Files]>;
  readonly shared: SharedFiles;
  readonly signal?: AbortSignal | undefined;
}

/** Those that were found in a list of objects. */
export async function readArchivedBackups(
  archive: Archive,
  place: ArchivePlace,
  { found, shared, signal }: FoundBackups,
): Promise<ArchivedBackup[]> {
  const backups: ArchivedBackup[] = [];
  const read = orderedParallel(found, manifests, async ([id, files]) => {
    const bytes = [...files.values()].reduce((sum, file) => sum + file.bytes, 0);
    const mark = files.get(retiredFileName);
    const retired = mark === undefined ? null : { since: wholeMs(mark.modifiedMs) };
    try {
      const encoded = await readManifest(archive, place, id, signal);
      const manifestHash = createHash('sha256').update(encoded).digest('hex');
      const manifest = decodeManifest(encoded);
      const objects = await objectsOf(manifest, files, shared);
      const problem = files.has(refutedFileName)
        ? refuted(archive, id)
        : missingFile(archive, manifest, objects);
      const audit = await readAudit(archive, place, manifest, { files, signal });
      const stateHash = manifest.stateHash ?? audit?.stateHash ?? null;
      const known = { manifest, manifestHash, stateHash, objects: asList(objects) };
      return { id, bytes, problem, retired, ...known };
    } catch (error) {
      // Whether the storage answers at all is not a matter of this one backup.
      const isAway = isPaminaError(error) && (error.retryable || error.code === 'ARCHIVE_DENIED');
      if (isAway || signal?.aborted === true) throw error;
      const problem = toPaminaError(error);
      return { ...unreadable, id, bytes, problem, retired };
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
  const files = new BackupFiles(archive, place, id, signal);
  return {
    describe: () => `${archive.describe()} (${place.database}, backup ${id})`,
    readManifest: () => readManifest(archive, place, id, signal),
    async *readFile(file) {
      const { name, bytes } = await files.require(file);
      yield* fetchRanges(archive, name, 0, bytes, signal);
    },
    async *readRange(file, offset, length) {
      const { name } = await files.require(file);
      yield* fetchRanges(archive, name, offset, offset + length, signal);
    },
    listFiles: () => files.names(),
    audited: (manifest) => files.audit(manifest),
    hold: () => holdArchivedBackup(archive, place, id),
  };
}

/** Where the files of one backup are: beside its manifest, or shared with others. */
class BackupFiles {
  readonly #archive: Archive;
  readonly #place: ArchivePlace;
  readonly #id: string;
  readonly #signal: AbortSignal | undefined;
  readonly #shared: SharedFiles;
  #own: Promise<Files> | null = null;
  #manifest: Promise<BackupManifest> | null = null;

  constructor(archive: Archive, place: ArchivePlace, id: string, signal: AbortSignal | undefined) {
    this.#archive = archive;
    this.#place = place;
    this.#id = id;
    this.#signal = signal;
    this.#shared = new SharedFiles(archive, place, signal);
  }

  /** The object, and as many bytes as can be read of it. BACKUP_INVALID if there is none. */
  async require(file: string): Promise<{ readonly name: string; readonly bytes: number }> {
    const object = (await this.#listed()).get(file) ?? (await this.#findShared(file));
    const bytes =
      object !== null && this.#archive.isEncrypted
        ? await this.#archive.size(object.name, { signal: this.#signal })
        : (object?.bytes ?? null);
    if (object !== null && bytes !== null) return { name: object.name, bytes };
    const name = backupObject(this.#place, this.#id, file);
    const message = `${this.#archive.describe()}: the file ${name} is missing`;
    throw new PaminaError('BACKUP_INVALID', message, { context: { file: name } });
  }

  /** All that stand beside the manifest, and of shared ones those that it names. */
  async names(): Promise<string[]> {
    const own = await this.#listed();
    const manifest = await this.#read();
    const names = new Set([...own.keys()].filter((file) => !isMarkFile(file)));
    for (const { file } of storedFiles(manifest)) {
      if (!names.has(file) && (await this.#findShared(file)) !== null) names.add(file);
    }
    return [...names];
  }

  async #findShared(file: string): Promise<ArchiveObject | null> {
    const recipientsId = recipientsIdIn((await this.#listed()).keys());
    return this.#shared.find(await this.#read(), file, recipientsId);
  }

  async audit(manifest: BackupManifest): Promise<AuditBody | null> {
    const files = await this.#listed();
    return readAudit(this.#archive, this.#place, manifest, { files, signal: this.#signal });
  }

  #listed(): Promise<Files> {
    const prefix = `${placePrefix(this.#place)}backups/${this.#id}/`;
    this.#own ??= this.#archive
      .list(prefix, { signal: this.#signal })
      .then((objects) => groupBackups(this.#place, objects).get(this.#id) ?? new Map());
    return this.#own;
  }

  #read(): Promise<BackupManifest> {
    this.#manifest ??= readManifest(this.#archive, this.#place, this.#id, this.#signal).then(
      decodeManifest,
    );
    return this.#manifest;
  }
}

/** What an audit recorded of a physical backup; null if nothing is there, or cannot be read: it is only a help. */
async function readAudit(
  archive: Archive,
  place: ArchivePlace,
  manifest: BackupManifest,
  { files, signal }: { readonly files: Files; readonly signal?: AbortSignal | undefined },
): Promise<AuditBody | null> {
  const isOne = manifest.form === 'physical' && manifest.stateHash === null;
  if (!isOne || !files.has(auditFileName)) return null;
  try {
    const name = backupObject(place, manifest.id, auditFileName);
    const audit = parseRecordedAudit(
      await readObject(archive, name, auditFileBytesMax, { signal }),
      manifest,
    );
    return audit === null || audit.differsFrom !== null ? null : audit;
  } catch (error) {
    if (isPaminaError(error) && unreadableCodes.has(error.code)) return null;
    throw error;
  }
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

/** Those beside the manifest, and of shared ones those that it names. */
async function objectsOf(
  manifest: BackupManifest,
  files: Files,
  shared: SharedFiles,
): Promise<Files> {
  const objects = new Map([...files].filter(([file]) => !isMarkFile(file)));
  const recipientsId = recipientsIdIn(files.keys());
  for (const { file } of storedFiles(manifest)) {
    const found = objects.get(file) ?? (await shared.find(manifest, file, recipientsId));
    if (found !== null) objects.set(file, found);
  }
  return objects;
}

function asList(objects: Files): ArchivedBackup['objects'] {
  return [...objects].map(([file, object]) => ({ file, object }));
}

function missingFile(
  archive: Archive,
  manifest: BackupManifest,
  objects: Files,
): PaminaError | null {
  for (const { bytes, file } of storedFiles(manifest)) {
    const found = objects.get(file);
    const fits = found !== undefined && (archive.isEncrypted || found.bytes === bytes);
    if (fits) continue;
    const what =
      found === undefined ? 'is missing' : `has ${found.bytes} bytes instead of ${bytes}`;
    const message = `${archive.describe()}, backup ${manifest.id}: ${file} ${what}`;
    return new PaminaError('BACKUP_INVALID', message, { context: { file, backup: manifest.id } });
  }
  return null;
}

function refuted(archive: Archive, id: string): PaminaError {
  const message = `${archive.describe()}, backup ${id}: it was found to be of a damaged store`;
  return new PaminaError('STATE_HASH_MISMATCH', message, { context: { backup: id } });
}

function wholeMs(time: number | null): number | null {
  return time === null ? null : Math.round(time);
}

function newestFirst(one: ArchivedBackup, other: ArchivedBackup): number {
  const [a, b] = [one.manifest, other.manifest];
  if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
  return b.createdAt - a.createdAt || b.position.seq - a.position.seq || b.startedAt - a.startedAt;
}
