// Reads every byte of a store and holds it against the checksums that LevelDB wrote and never looks at
// (FACTS, hazard 1). The store may be open and in use.
import { join } from 'node:path';
import { isPaminaError } from '@pamina/format';
import type { Disk, DiskFile } from '@pamina/env';
import { damageOf, type FileDamage } from './damage.js';
import { filePieces } from './file-pieces.js';
import { LogCheck } from './log-check.js';
import { readStoreFiles, tableNames, type StoreFiles } from './store-files.js';
import type { LiveTable } from './manifest.js';
import { TableCheck } from './table-check.js';
import { readTableLayout } from './table-layout.js';

export interface ScrubProgress {
  /** Bytes of files. */
  readonly done: number;
  readonly total: number;
}

export interface ScrubOptions {
  readonly signal?: AbortSignal | undefined;
  /** After each piece. */
  readonly onProgress?: ((progress: ScrubProgress) => void) | undefined;
}

export interface ScrubReport {
  readonly tables: number;
  readonly logs: number;
  /** In the tables; each has a checksum of its own. */
  readonly blocks: number;
  readonly bytes: number;
  /** The first of what was found, at most damageMax; empty in a sound store. */
  readonly damage: readonly FileDamage[];
  /** All that was found. */
  readonly damageCount: number;
}

/** Each damaged block is one; a list without bound helps nobody. */
const damageMax = 1000;

/**
 * Checks MANIFEST, every live table and every live log; tables that a compaction removes meanwhile are
 * left out. The unfinished end of a log is not damage: a writer may be there. DISK_ERROR, `signal.reason`.
 */
export function scrubTables(
  disk: Disk,
  storeFolder: string,
  options: ScrubOptions = {},
): Promise<ScrubReport> {
  return new Scrub(disk, storeFolder, options).run();
}

class Scrub {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #options: ScrubOptions;
  readonly #damage: FileDamage[] = [];
  #damageCount = 0;
  #tables = 0;
  #logs = 0;
  #blocks = 0;
  #bytes = 0;
  #total = 0;

  constructor(disk: Disk, folder: string, options: ScrubOptions) {
    this.#disk = disk;
    this.#folder = folder;
    this.#options = options;
  }

  async run(): Promise<ScrubReport> {
    this.#options.signal?.throwIfAborted();
    const files = await this.#collect(() => readStoreFiles(this.#disk, this.#folder));
    if (files !== null) await this.#scrubAll(files);
    return {
      tables: this.#tables,
      logs: this.#logs,
      blocks: this.#blocks,
      bytes: this.#bytes,
      damage: this.#damage,
      damageCount: this.#damageCount,
    };
  }

  async #scrubAll(files: StoreFiles): Promise<void> {
    const sum = (sizes: readonly { readonly bytes: number }[]): number =>
      sizes.reduce((total, { bytes }) => total + bytes, 0);
    this.#bytes = files.manifestBytes.length;
    this.#total = this.#bytes + sum(files.tables) + sum(files.logs);
    for (const log of files.logs) await this.#scrubLog(join(this.#folder, log.name));
    for (const table of files.tables) await this.#scrubTable(table);
  }

  async #scrubLog(path: string): Promise<void> {
    const file = await this.#open(path);
    // It has become a table, one that was not live when this began.
    if (file === null) return;
    try {
      const check = new LogCheck({ file: path, onDamage: (damage) => this.#report(damage) });
      await this.#readThrough(file, (piece) => check.update(piece));
      this.#logs++;
    } finally {
      await file.close();
    }
  }

  async #scrubTable(table: LiveTable): Promise<void> {
    const file = await this.#openTable(table);
    if (file === null) return;
    try {
      await this.#collect(async () => {
        if ((await file.size()) !== table.bytes) {
          const what = `it has ${await file.size()} bytes instead of ${table.bytes}`;
          this.#report({ file: file.path, offset: 0, bytes: null, what, lastKey: null });
        }
        const layout = await readTableLayout(file);
        const check = new TableCheck(layout, (damage) => this.#report(damage));
        await this.#readThrough(file, (piece) => check.update(piece));
        check.finish();
        this.#blocks += layout.blockBytes.length;
      });
      this.#tables++;
    } finally {
      await file.close();
    }
  }

  async #readThrough(file: DiskFile, take: (piece: Uint8Array) => void): Promise<void> {
    const { signal, onProgress } = this.#options;
    for await (const piece of filePieces(file, 0, await file.size(), signal)) {
      take(piece);
      this.#bytes += piece.length;
      // A log may have grown since it was measured.
      this.#total = Math.max(this.#total, this.#bytes);
      onProgress?.({ done: this.#bytes, total: this.#total });
    }
  }

  /** Null where a compaction has removed it; a table that is still live and not there is damage. */
  async #openTable(table: LiveTable): Promise<DiskFile | null> {
    const names = tableNames(table.number);
    for (const name of names) {
      const file = await this.#open(join(this.#folder, name));
      if (file !== null) return file;
    }
    const now = await this.#collect(() => readStoreFiles(this.#disk, this.#folder));
    if (now?.tables.some(({ number }) => number === table.number) ?? false) {
      const file = join(this.#folder, names[0]);
      const what = 'the file is missing';
      this.#report({ file, offset: 0, bytes: table.bytes, what, lastKey: null });
    }
    return null;
  }

  async #open(path: string): Promise<DiskFile | null> {
    try {
      return await this.#disk.open(path, 'read');
    } catch (error) {
      if (isPaminaError(error, 'FILE_NOT_FOUND')) return null;
      throw error;
    }
  }

  /** Damage is told and passed over; null then. */
  async #collect<T>(step: () => Promise<T>): Promise<T | null> {
    try {
      return await step();
    } catch (error) {
      const damage = damageOf(error);
      if (damage === null) throw error;
      this.#report(damage);
      return null;
    }
  }

  #report(damage: FileDamage): void {
    this.#damageCount++;
    if (this.#damage.length < damageMax) this.#damage.push(damage);
  }
}
