// Remembers what was verified of an archive, kept where it is verified from: of each backup and shared table
// the objects as the storage told of them then, of the log every closed segment. Only a help: what changed
// since, what the storage gives no time of, and what cannot be read is verified again (P9).
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';
import type { ArchiveObject } from '@pamina/archive';
import type { Disk } from '@pamina/env';
import { isPaminaError, type AuditBody, type PaminaError } from '@pamina/format';
import { isObject, readNoted, writeNoted } from '../noted-json.js';
import { isFresh, type BackupMemory, type RecallSettings } from '../verify-recall.js';
import type { ArchivedBackup } from './archive-backups.js';
import { isSharedTable } from './shared-files.js';

/** Closed segments of one history without a gap, each proved to continue the one before. */
export interface RememberedLog {
  readonly segments: readonly RememberedSegment[];
  readonly audits: readonly AuditBody[];
}

export interface RememberedSegment {
  /** Of its object. */
  readonly name: string;
  readonly seen: string;
  readonly at: number;
  /** Chain before its first record. */
  readonly chainBefore: number;
  readonly lastSeq: number;
  /** Chain and time after its last record. */
  readonly chain: number;
  readonly time: number;
}

/** A restore of the oldest backup, replayed to a record, that had every recorded state hash on the way. */
export interface RememberedRestore {
  readonly backup: string;
  readonly fingerprint: string;
  readonly seq: number;
  readonly chain: number;
  readonly recorded: number;
  readonly at: number;
}

interface Content {
  backups: Record<string, { readonly at: number; readonly fingerprint: string }>;
  /** By the name of the object: each set of recipients has its own. */
  tables: Record<string, { readonly at: number; readonly seen: string }>;
  log: RememberedLog | null;
  restore: RememberedRestore | null;
}

const memoryVersion = 1;

/** What an object looks like from outside; null where the storage gives no time. */
export function seenAs({ bytes, modifiedMs }: ArchiveObject): string | null {
  return modifiedMs === null ? null : `${bytes} ${modifiedMs}`;
}

export class ArchiveMemory {
  readonly #disk: Disk;
  readonly #settings: RecallSettings;
  readonly #path: string | null;
  #content: Content = { backups: {}, tables: {}, log: null, restore: null };

  private constructor(settings: RecallSettings, path: string | null) {
    this.#disk = settings.env.disk;
    this.#settings = settings;
    this.#path = path;
  }

  /** With `path` null nothing is remembered. */
  static async open(settings: RecallSettings, path: string | null): Promise<ArchiveMemory> {
    const memory = new ArchiveMemory(settings, path);
    const found = path === null ? null : await readNoted(settings.env.disk, path);
    if (found?.['version'] === memoryVersion && isContent(found['content'])) {
      memory.#content = found['content'];
    }
    return memory;
  }

  get now(): number {
    return this.#settings.env.clock.now();
  }

  /** Of one backup, as it was listed. */
  ofBackup({ id, objects, manifestHash }: ArchivedBackup): BackupMemory {
    const tables = new Map<string, { readonly name: string; readonly seen: string }>();
    const fingerprint = fingerprintOf(objects, manifestHash);
    for (const { file, object } of objects) {
      const seen = seenAs(object);
      if (isSharedTable(file) && seen !== null) tables.set(file, { name: object.name, seen });
    }
    const knows = (file: string): boolean => {
      const table = tables.get(file);
      const found = table === undefined ? undefined : this.#content.tables[table.name];
      return found !== undefined && found.seen === table?.seen && isFresh(this.#settings, found.at);
    };
    return {
      knows,
      recollect: () => {
        const found = this.#content.backups[id];
        const isKnown =
          found !== undefined &&
          fingerprint !== null &&
          found.fingerprint === fingerprint &&
          isFresh(this.#settings, found.at);
        return Promise.resolve({
          at: isKnown ? found.at : null,
          note: () => {
            const { now } = this;
            // As old as the oldest of what was not read again.
            let at = now;
            for (const [file, { name, seen }] of tables) {
              if (!knows(file)) this.#content.tables[name] = { at: now, seen };
              at = Math.min(at, this.#content.tables[name]?.at ?? now);
            }
            if (fingerprint !== null) this.#content.backups[id] = { at, fingerprint };
            return Promise.resolve();
          },
          forget: () => {
            // Others may share what is damaged.
            this.#content.backups = {};
            this.#content.tables = {};
            return Promise.resolve();
          },
        });
      },
    };
  }

  /** null where there is none, or a part of it is too old. */
  log(): RememberedLog | null {
    const { log } = this.#content;
    const isKnown = log !== null && log.segments.every(({ at }) => isFresh(this.#settings, at));
    return isKnown ? log : null;
  }

  noteLog(log: RememberedLog | null): void {
    this.#content.log = log;
  }

  /** When the same restore was done, if it was. */
  restoredAt(restore: Omit<RememberedRestore, 'at'>): number | null {
    const { restore: found } = this.#content;
    const isSame =
      found !== null &&
      isFresh(this.#settings, found.at) &&
      fingerprintOfRestore(found) === fingerprintOfRestore(restore);
    return isSame ? found.at : null;
  }

  noteRestore(restore: Omit<RememberedRestore, 'at'>): void {
    this.#content.restore = { ...restore, at: this.now };
  }

  /**
   * On disk when it resolves; of what is not in the archive any more nothing is kept. Gives back why it could
   * not be noted: then everything is verified again the next time, and no verification fails of it.
   */
  async save(listed: readonly ArchivedBackup[]): Promise<PaminaError | null> {
    if (this.#path === null) return null;
    const ids = new Set(listed.map(({ id }) => id));
    const names = new Set(
      listed.flatMap(({ objects }) => objects.map(({ object }) => object.name)),
    );
    const { backups, log, restore, tables } = this.#content;
    const content: Content = {
      backups: pick(backups, ids),
      tables: pick(tables, names),
      log,
      restore,
    };
    try {
      await this.#disk.makeFolder(dirname(this.#path));
      await writeNoted(this.#disk, this.#path, { version: memoryVersion, content });
      return null;
    } catch (error) {
      if (isPaminaError(error)) return error;
      throw error;
    }
  }
}

/** Every object of a backup, and its manifest's bytes; null where something has no time. */
export function fingerprintOf(
  objects: ArchivedBackup['objects'],
  manifestHash: string | null,
): string | null {
  const hash = createHash('sha256').update(String(manifestHash));
  for (const { file, object } of [...objects].sort((a, b) => (a.file < b.file ? -1 : 1))) {
    const seen = seenAs(object);
    if (seen === null) return null;
    hash.update(`\n${JSON.stringify([file, object.name, seen])}`);
  }
  return hash.digest('hex');
}

function fingerprintOfRestore({
  backup,
  chain,
  fingerprint,
  recorded,
  seq,
}: Omit<RememberedRestore, 'at'>): string {
  return JSON.stringify([backup, fingerprint, seq, chain, recorded]);
}

function pick<T>(record: Readonly<Record<string, T>>, names: ReadonlySet<string>) {
  return Object.fromEntries(Object.entries(record).filter(([name]) => names.has(name)));
}

/** Whole because of its checksum; of this version, so that its shape is as above. */
function isContent(value: unknown): value is Content {
  return isObject(value) && isObject(value['backups']) && isObject(value['tables']);
}
