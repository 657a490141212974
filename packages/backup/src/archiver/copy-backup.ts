// Copies one backup into an archive: every file proved by the manifest before it leaves, the manifest last,
// so that a backup in an archive is whole from the moment that it can be seen (P8). What the archive has
// already, of tables by their hash and of closed log, is not sent again; where it is encrypted only what it
// has for the recipients of now, so that whoever can read the manifest can read all of the backup.
import { createHash } from 'node:crypto';
import {
  PaminaError,
  decodeManifest,
  segmentHeaderBytes,
  segmentTrailerBytes,
  type BackupManifest,
  type BackupSegment,
} from '@pamina/format';
import { readRange, type Archive } from '@pamina/archive';
import type { Env } from '@pamina/env';
import { manifestFileName, storedFiles } from '../layout.js';
import { orderedParallel } from '../ordered-parallel.js';
import { folderSource } from '../source.js';
import {
  backupObject,
  groupBackups,
  recipientsFileName,
  recipientsIdIn,
  type ArchivePlace,
} from './archive-layout.js';
import {
  isSharedTable,
  SharedFiles,
  sharedKeepMsMin,
  tableKey,
  tableObject,
} from './shared-files.js';

export interface CopyBackupOptions {
  readonly env: Env;
  readonly archive: Archive;
  readonly place: ArchivePlace;
  readonly signal: AbortSignal;
}

type Stored = ReturnType<typeof storedFiles>[number];
/** Where a file is to stand; null where it is there already. */
type Aim = { readonly isShared: boolean; readonly object: string | null };

const recipientsBytes = new TextEncoder().encode('{"pamina":"recipients","formatVersion":1}\n');
const underWay = { countMax: 3, weightMax: 64 * 1024 * 1024 };
/**
 * What was found there is counted on for so long before the manifest is put: what nobody needs is marked
 * first, and removed `sharedKeepMsMin` later at the earliest.
 */
const trustedMs = sharedKeepMsMin / 2;

export async function copyBackup(
  options: CopyBackupOptions,
  folder: string,
  id: string,
): Promise<void> {
  const { archive, env, place, signal } = options;
  const manifestBytes = await folderSource(env, folder).readManifest();
  const copy = new BackupCopy(options, folder, decodeManifest(manifestBytes));
  await copy.send();
  await archive.putIfAbsent(backupObject(place, id, manifestFileName), manifestBytes, { signal });
}

class BackupCopy {
  readonly #options: CopyBackupOptions;
  readonly #folder: string;
  readonly #manifest: BackupManifest;
  #shared!: SharedFiles;
  #lookedMs = 0;

  constructor(options: CopyBackupOptions, folder: string, manifest: BackupManifest) {
    this.#options = options;
    this.#folder = folder;
    this.#manifest = manifest;
  }

  /** Everything but the manifest is there when it resolves, and stays for `trustedMs` at least. */
  async send(): Promise<void> {
    const { clock } = this.#options.env;
    await this.#addressFiles();
    let files = storedFiles(this.#manifest);
    for (;;) {
      this.#look();
      const counted = await this.#sendAll(files);
      if (clock.monotonic() - this.#lookedMs < trustedMs) return;
      // It took long: what was counted on is looked at again.
      files = counted;
    }
  }

  /**
   * Says for whom the files are. What a copy that did not end has left for other recipients goes first: half a
   * backup for these and half for those could be read by nobody.
   */
  async #addressFiles(): Promise<void> {
    const { archive, place, signal } = this.#options;
    const { recipientsId } = archive;
    if (recipientsId === null) return;
    const { id } = this.#manifest;
    const objects = await archive.list(backupObject(place, id, ''), { signal });
    const files = groupBackups(place, objects).get(id) ?? new Map<string, never>();
    if (files.has(manifestFileName) || recipientsIdIn(files.keys()) === recipientsId) return;
    for (const { name } of objects) await archive.delete(name, { signal });
    const mark = backupObject(place, id, recipientsFileName(recipientsId));
    await archive.putIfAbsent(mark, recipientsBytes, { signal });
  }

  #look(): void {
    const { archive, env, place, signal } = this.#options;
    this.#lookedMs = env.clock.monotonic();
    this.#shared = new SharedFiles(archive, place, signal);
  }

  /** Those that are shared now. */
  async #sendAll(files: readonly Stored[]): Promise<Stored[]> {
    const { archive, signal } = this.#options;
    const counted: Stored[] = [];
    const parallel = { ...underWay, weigh: ({ bytes }: Stored) => bytes };
    const sent = orderedParallel(files, parallel, async (stored) => {
      signal.throwIfAborted();
      const { isShared, object } = await this.#aimOf(stored);
      if (isShared) counted.push(stored);
      if (object === null) return;
      await archive.putIfAbsent(object, await this.#proved(stored), { signal });
    });
    for await (const _outcome of sent) signal.throwIfAborted();
    return counted;
  }

  async #aimOf(stored: Stored): Promise<Aim> {
    const { archive, place } = this.#options;
    const own: Aim = {
      isShared: false,
      object: backupObject(place, this.#manifest.id, stored.file),
    };
    if (isSharedTable(stored.file)) {
      const key = tableKey(stored.file, archive.recipientsId);
      const table = (await this.#shared.tables()).get(key);
      if (table === undefined) return { isShared: true, object: tableObject(place, key) };
      // One that may be removed at any time is not counted on.
      const fits = archive.isEncrypted || table.object?.bytes === stored.bytes;
      return table.object !== null && table.mark === null && fits
        ? { isShared: true, object: null }
        : own;
    }
    const segment = this.#manifest.segments?.find(({ file }) => file === stored.file);
    if (segment === undefined || !(await this.#isArchived(segment))) return own;
    return { isShared: true, object: null };
  }

  /**
   * Whether continuous archiving has the segment, for the recipients of now: as long, with the same header and
   * trailer, which has the checksum of all.
   */
  async #isArchived(segment: BackupSegment): Promise<boolean> {
    const { archive, env, signal } = this.#options;
    const object = await this.#shared.segment(segment);
    if (object === null || !(await archive.isForRecipients(object.name, { signal }))) return false;
    const size = archive.isEncrypted ? await archive.size(object.name, { signal }) : object.bytes;
    if (size !== segment.bytes) return false;
    const own = await env.disk.open(`${this.#folder}/${segment.file}`, 'read');
    try {
      for (const [offset, length] of [
        [0, segmentHeaderBytes],
        [size - segmentTrailerBytes, segmentTrailerBytes],
      ] as const) {
        const here = new Uint8Array(length);
        await own.read(here, offset);
        const range = { offset, length, bytesMax: length };
        const there = await readRange(archive, object.name, range, { signal });
        if (Buffer.compare(here, there) !== 0) return false;
      }
      return true;
    } finally {
      await own.close();
    }
  }

  async #proved({ file, sha256 }: Stored): Promise<Uint8Array> {
    const bytes = await this.#options.env.disk.readFile(`${this.#folder}/${file}`);
    if (createHash('sha256').update(bytes).digest('hex') === sha256) return bytes;
    const message = `${this.#folder}/${file} is not what the manifest says; it was not archived`;
    throw new PaminaError('BACKUP_INVALID', message, {
      context: { file, path: this.#folder },
    });
  }
}
