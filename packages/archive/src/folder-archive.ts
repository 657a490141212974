// An archive in a folder, local or on a network: each object a file, written beside, synced, then linked
// to its name, which never overwrites (P8). A link whose answer a network file system lost looks as if
// the name was taken, so a name that is there is compared.
import { dirname, join } from 'node:path';
import { isPaminaError } from '@pamina/format';
import type { Clock, Disk } from '@pamina/env';
import type { Archive, ArchiveCall, ArchiveObject, PutOutcome } from './archive.js';
import { isSame } from './collect.js';
import { objectDamaged, objectMissing, objectTaken } from './object-errors.js';
import {
  byName,
  isHidden,
  isListed,
  requireName,
  requirePrefix,
  requireReplaceable,
  requireWritable,
} from './object-name.js';

const pieceBytes = 1024 * 1024;
/** What a crash left beside an object is removed when it is certain that nobody is still writing it. */
const leftoverMs = 24 * 60 * 60 * 1000;

export class FolderArchive implements Archive {
  readonly isEncrypted = false;
  readonly recipientsId = null;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #folder: string;
  /** Folders that were cleared of leftovers by this process. */
  readonly #cleared = new Set<string>();

  constructor(env: { readonly disk: Disk; readonly clock: Clock }, folder: string) {
    this.#disk = env.disk;
    this.#clock = env.clock;
    this.#folder = folder;
  }

  describe(): string {
    return this.#folder;
  }

  isForRecipients(): Promise<boolean> {
    return Promise.resolve(true);
  }

  async putIfAbsent(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<PutOutcome> {
    requireWritable(name, bytes);
    call?.signal?.throwIfAborted();
    const path = join(this.#folder, name);
    await this.#prepare(dirname(path));
    try {
      await this.#disk.createFile(path, bytes);
      return 'written';
    } catch (error) {
      if (!isPaminaError(error, 'FILE_EXISTS')) throw error;
    }
    if (!(await isSame(this.getRange(name, 0, null, call), bytes))) {
      throw objectTaken(this.#folder, name);
    }
    // Whoever wrote it may have been killed before the name was on disk.
    await this.#disk.syncFolder(dirname(path));
    return 'same';
  }

  async replace(name: string, bytes: Uint8Array, call?: ArchiveCall): Promise<void> {
    requireReplaceable(name, bytes);
    call?.signal?.throwIfAborted();
    const path = join(this.#folder, name);
    await this.#prepare(dirname(path));
    await this.#disk.replaceFile(path, bytes);
  }

  async *getRange(
    name: string,
    offset: number,
    length: number | null,
    call?: ArchiveCall,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const file = await this.#open(requireName(name));
    try {
      const size = await file.size();
      const end = length === null ? size : Math.min(size, offset + length);
      for (let at = offset; at < end;) {
        call?.signal?.throwIfAborted();
        const piece = new Uint8Array(Math.min(pieceBytes, end - at));
        const count = await file.read(piece, at);
        if (count < piece.length) {
          throw objectDamaged(this.#folder, name, 'it became shorter while it was read');
        }
        yield piece;
        at += count;
      }
    } finally {
      await file.close();
    }
  }

  async size(name: string): Promise<number | null> {
    const status = await this.#disk.stat(join(this.#folder, requireName(name)));
    return status === null || status.isFolder ? null : status.bytes;
  }

  async list(prefix: string, call?: ArchiveCall): Promise<ArchiveObject[]> {
    const objects: ArchiveObject[] = [];
    await this.#collect(requirePrefix(prefix), objects, call);
    return objects.sort(byName);
  }

  async delete(name: string): Promise<void> {
    const path = join(this.#folder, requireName(name));
    try {
      await this.#disk.remove(path);
    } catch (error) {
      if (isPaminaError(error, 'FILE_NOT_FOUND')) return;
      throw error;
    }
    await this.#disk.syncFolder(dirname(path));
  }

  async #open(name: string) {
    try {
      return await this.#disk.open(join(this.#folder, name), 'read');
    } catch (error) {
      if (isPaminaError(error, 'FILE_NOT_FOUND')) throw objectMissing(this.#folder, name);
      throw error;
    }
  }

  /**
   * What is told of is there for good: whoever stored it may have been killed, or have failed, before the name was
   * on disk, and what the object replaces is removed because of the list.
   */
  async #collect(prefix: string, into: ArchiveObject[], call?: ArchiveCall): Promise<void> {
    call?.signal?.throwIfAborted();
    const folder = join(this.#folder, prefix);
    const entries = await this.#entries(folder);
    if (entries.some(({ isFolder, name }) => !isFolder && isListed(name))) {
      await this.#disk.syncFolder(folder);
    }
    for (const entry of entries) {
      if (isHidden(entry.name) || entry.name.startsWith('.')) continue;
      const name = `${prefix}${entry.name}`;
      if (entry.isFolder) await this.#collect(`${name}/`, into, call);
      else if (isListed(name))
        into.push({ name, bytes: entry.bytes, modifiedMs: entry.modifiedMs });
    }
  }

  async #entries(path: string) {
    try {
      return await this.#disk.list(path);
    } catch (error) {
      // Not there yet, or removed since it was listed.
      if (isPaminaError(error, 'FILE_NOT_FOUND')) return [];
      throw error;
    }
  }

  async #prepare(folder: string): Promise<void> {
    if (this.#cleared.has(folder)) return;
    await this.#disk.makeFolder(folder);
    for (const entry of await this.#disk.list(folder)) {
      const isOld = entry.modifiedMs < this.#clock.now() - leftoverMs;
      if (isHidden(entry.name) && isOld) await this.#disk.removeTree(join(folder, entry.name));
    }
    this.#cleared.add(folder);
  }
}
