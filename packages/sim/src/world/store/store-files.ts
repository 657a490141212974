// The files of one simulated store: what LevelDB does to its folder, with its holes. A new store's first
// MANIFEST is not synced, CURRENT is renamed without a sync of the folder, logs are synced only by a
// synced write while they are current, damage in a log is skipped, and tables are believed.

import { posix } from 'node:path';
import { isPaminaError } from '@pamina/format';
import type { SimulatedFile } from '../disk/disk-file.js';
import type { SimulatedDisk } from '../disk/simulated-disk.js';
import { decodeOperations, encodeOperations } from './operations.js';
import type { StoreOperation } from './operations.js';
import { decodeRecords, encodeRecord } from './record-blocks.js';
import { corruption, invalidArgument } from './store-error.js';

/** A log grows to this before its content becomes a table. */
const logBytesMax = 24 * 1024;

/** What a MANIFEST says: the last readable record counts. */
interface Version {
  readonly table: number | null;
  /** Logs of smaller numbers are in the table. */
  readonly log: number;
  readonly next: number;
}

interface OpenLog {
  readonly file: SimulatedFile;
  readonly number: number;
  bytes: number;
}

export class StoreFiles {
  readonly #disk: SimulatedDisk;
  readonly #folder: string;
  #version: Version = { table: null, log: 0, next: 2 };
  #manifest: OpenLog | null = null;
  #log: OpenLog | null = null;

  constructor(disk: SimulatedDisk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /** Gives all operations that are found, oldest first; afterwards they are in a synced table. */
  async open(options: { readonly create: boolean }): Promise<StoreOperation[]> {
    if (options.create) await this.#disk.makeFolderUnsynced(this.#folder);
    const isThere = (await this.#disk.stat(this.#at('CURRENT'))) !== null;
    if (isThere && options.create)
      throw invalidArgument('exists (error_if_exists is true)', this.#folder);
    if (!isThere) {
      if (!options.create) {
        throw invalidArgument('does not exist (create_if_missing is false)', this.#folder);
      }
      await this.#writeFirstManifest();
    }
    this.#version = await this.#readVersion();
    const found = await this.#readAll();
    const table = found.length === 0 ? null : await this.#writeTable(compacted(found));
    this.#log = await this.#newFile('log');
    await this.#startManifest({ table, log: this.#log.number });
    await this.#removeObsolete();
    return found;
  }

  /** Appends one batch to the log; on disk only with `sync`. */
  async append(operations: readonly StoreOperation[], sync: boolean): Promise<void> {
    const log = this.#log as OpenLog;
    await appendRecord(log, encodeOperations(operations));
    if (sync) await log.file.datasync();
  }

  get isLogFull(): boolean {
    return (this.#log?.bytes ?? 0) >= logBytesMax;
  }

  /** Starts the next log. What the earlier ones hold is to become a table, by `flush`. */
  async rotate(): Promise<void> {
    const before = this.#log as OpenLog;
    this.#log = await this.#newFile('log');
    await before.file.close();
  }

  /** Makes these entries the table in place of everything before the current log. */
  async flush(entries: readonly StoreOperation[], log: number): Promise<void> {
    const table = await this.#writeTable(entries);
    this.#version = { table, log, next: this.#version.next };
    // As LevelDB: the names that a MANIFEST speaks of are on disk before it is.
    await this.#disk.syncFolder(this.#folder);
    const manifest = this.#manifest as OpenLog;
    await appendRecord(manifest, encodeVersion(this.#version));
    await manifest.file.datasync();
    await this.#removeObsolete();
  }

  get logNumber(): number {
    return (this.#log as OpenLog).number;
  }

  async close(): Promise<void> {
    await this.#log?.file.close();
    await this.#manifest?.file.close();
  }

  #at(name: string): string {
    return posix.join(this.#folder, name);
  }

  async #writeFirstManifest(): Promise<void> {
    const file = await this.#disk.open(this.#at(manifestName(1)), 'write');
    await file.truncate(0);
    const record = encodeVersion({ table: null, log: 0, next: 2 });
    await file.write(encodeRecord(record, 0), 0);
    await file.close();
    await this.#setCurrent(1);
  }

  async #readVersion(): Promise<Version> {
    const current = Buffer.from(await this.#disk.readFile(this.#at('CURRENT'))).toString('latin1');
    if (!/^MANIFEST-\d{6}\n$/.test(current)) {
      throw corruption('CURRENT file does not end with newline', this.#folder);
    }
    const bytes = await this.#disk.readFileIfPresent(this.#at(current.trimEnd()));
    if (bytes === null) {
      const message = 'CURRENT points to a non-existent file';
      throw corruption(message, this.#folder);
    }
    const record = decodeRecords(bytes).at(-1);
    if (record === undefined) {
      throw corruption('no meta-nextfile entry in descriptor', this.#folder);
    }
    return JSON.parse(Buffer.from(record).toString('latin1')) as Version;
  }

  async #readAll(): Promise<StoreOperation[]> {
    const { table, log } = this.#version;
    const found: StoreOperation[] = [];
    if (table !== null) {
      const bytes = await this.#disk.readFileIfPresent(this.#at(fileName(table, 'ldb')));
      if (bytes === null) {
        const message = `1 missing files; e.g.: ${fileName(table, 'ldb')}`;
        throw corruption(message, this.#folder);
      }
      found.push(...decodeOperations(bytes));
    }
    let { next } = this.#version;
    for (const { name } of await this.#disk.list(this.#folder)) {
      const number = numberOf(name);
      if (!Number.isNaN(number)) next = Math.max(next, number + 1);
      if (!name.endsWith('.log') || number < log) continue;
      const bytes = await this.#disk.readFile(this.#at(name));
      for (const record of decodeRecords(bytes)) found.push(...decodeOperations(record));
    }
    this.#version = { table, log, next };
    return found;
  }

  async #writeTable(entries: readonly StoreOperation[]): Promise<number> {
    const { file, number } = await this.#newFile('ldb');
    await file.write(encodeOperations(entries), 0);
    await file.datasync();
    await file.close();
    return number;
  }

  async #newFile(extension: 'log' | 'ldb'): Promise<OpenLog> {
    const number = this.#takeNumber();
    const file = await this.#disk.open(this.#at(fileName(number, extension)), 'write');
    return { file, number, bytes: 0 };
  }

  async #startManifest(version: { table: number | null; log: number }): Promise<void> {
    const number = this.#takeNumber();
    this.#version = { ...version, next: this.#version.next };
    const file = await this.#disk.open(this.#at(manifestName(number)), 'write');
    this.#manifest = { file, number, bytes: 0 };
    await appendRecord(this.#manifest, encodeVersion(this.#version));
    await this.#disk.syncFolder(this.#folder);
    await file.datasync();
    await this.#setCurrent(number);
  }

  async #setCurrent(manifest: number): Promise<void> {
    const temporary = this.#at(fileName(manifest, 'dbtmp'));
    const file = await this.#disk.open(temporary, 'write');
    await file.write(Buffer.from(`${manifestName(manifest)}\n`), 0);
    await file.datasync();
    await file.close();
    await this.#disk.renameUnsynced(temporary, this.#at('CURRENT'));
  }

  async #removeObsolete(): Promise<void> {
    const { table, log } = this.#version;
    for (const { name } of await this.#disk.list(this.#folder)) {
      const number = numberOf(name);
      const isObsolete =
        (name.endsWith('.log') && number < log) ||
        (name.endsWith('.ldb') && number !== table) ||
        name.endsWith('.dbtmp') ||
        (name.startsWith('MANIFEST-') && number < (this.#manifest as OpenLog).number);
      if (isObsolete) await this.#removeIfPossible(name);
    }
  }

  async #removeIfPossible(name: string): Promise<void> {
    try {
      await this.#disk.remove(this.#at(name));
    } catch (error) {
      // As LevelDB: what cannot be removed now is removed at the next open.
      if (!isPaminaError(error)) throw error;
    }
  }

  #takeNumber(): number {
    const number = this.#version.next;
    this.#version = { ...this.#version, next: number + 1 };
    return number;
  }
}

async function appendRecord(log: OpenLog, record: Uint8Array): Promise<void> {
  const bytes = encodeRecord(record, log.bytes);
  await log.file.write(bytes, log.bytes);
  log.bytes += bytes.length;
}

/** The last operation for each key; deletes are gone. */
function compacted(operations: readonly StoreOperation[]): StoreOperation[] {
  const last = new Map<string, StoreOperation>();
  for (const operation of operations) {
    const key = operation.key.toString('latin1');
    if (operation.value === null) last.delete(key);
    else last.set(key, operation);
  }
  return [...last.values()];
}

function encodeVersion(version: Version): Uint8Array {
  return Buffer.from(JSON.stringify(version), 'latin1');
}

function numberOf(name: string): number {
  return Number.parseInt(name.replace('MANIFEST-', ''), 10);
}

function manifestName(number: number): string {
  return `MANIFEST-${String(number).padStart(6, '0')}`;
}

function fileName(number: number, extension: string): string {
  return `${String(number).padStart(6, '0')}.${extension}`;
}
