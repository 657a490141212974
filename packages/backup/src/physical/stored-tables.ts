// The tables that earlier backups in a folder hold already. One that is needed again is linked from
// there, after it was read and found to be what its name says: damage must not be inherited (P9).
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { isPaminaError, type BackupTable } from '@pamina/format';
import type { Disk } from '@pamina/env';
import type { ListedBackup } from '../backup-list.js';
import { filePieces } from '../level/file-pieces.js';

export class StoredTables {
  readonly #disk: Disk;
  /** Path by file name. */
  readonly #paths = new Map<string, string>();
  readonly #likely = new Set<string>();

  /** Newest first: of several copies the newest is taken. */
  constructor(disk: Disk, backups: readonly ListedBackup[]) {
    this.#disk = disk;
    for (const { folder, manifest, problem } of backups) {
      if (problem !== null) continue;
      for (const table of manifest?.tables ?? []) {
        if (!this.#paths.has(table.file)) this.#paths.set(table.file, join(folder, table.file));
        this.#likely.add(likeness(table));
      }
    }
  }

  /** Whether a file of this name and size is stored: then it is worth reading it before it is copied. */
  mayHold(table: Pick<BackupTable, 'name' | 'bytes'>): boolean {
    return this.#likely.has(likeness(table));
  }

  /**
   * Gives the stored file a second name at `to`. `missing`: there is none, or it can have no other name
   * here. `damaged`: its content is not what it was.
   */
  async link(
    table: BackupTable,
    to: string,
    signal?: AbortSignal,
  ): Promise<'linked' | 'missing' | { readonly damaged: string }> {
    const path = this.#paths.get(table.file);
    if (path === undefined) return 'missing';
    try {
      await this.#disk.link(path, to);
      // By its new name: the old one may go at any time.
      if ((await hashFile(this.#disk, to, signal)) === table.sha256) return 'linked';
      await this.#disk.remove(to);
      return { damaged: path };
    } catch (error) {
      // FILE_EXISTS: two files of one backup hold the same.
      const codes = ['FILE_NOT_FOUND', 'LINK_REFUSED', 'FILE_EXISTS'] as const;
      if (!codes.some((code) => isPaminaError(error, code))) throw error;
      return 'missing';
    }
  }
}

function likeness({ name, bytes }: Pick<BackupTable, 'name' | 'bytes'>): string {
  return `${name} ${bytes}`;
}

async function hashFile(disk: Disk, path: string, signal?: AbortSignal): Promise<string> {
  const file = await disk.open(path, 'read');
  try {
    const hash = createHash('sha256');
    for await (const piece of filePieces(file, 0, await file.size(), signal)) hash.update(piece);
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}
