// Files that backups in an archive share: the tables of physical ones, which stand there once, by the hash
// of their content, and once for each set of recipients that they are encrypted for; and closed segments that continuous archiving has put there already, which an
// incremental backup need not bring again.
import type { Archive, ArchiveObject } from '@pamina/archive';
import type { BackupManifest, BackupSegment } from '@pamina/format';
import { placePrefix, segmentObject, type ArchivePlace } from './archive-layout.js';

/** Of files that are called by their content: whoever has one of the name has the same. */
const hashedPattern = /^[0-9a-f]{64}\.[0-9a-z]+$/;
const keyPattern = /^(?:[0-9a-f]{16}\/)?[0-9a-f]{64}\.[0-9a-z]+$/;
const retiredEnding = '.retired';

/** For so long at least a table that is marked stays: who sends a backup meanwhile may count on it. */
export const sharedKeepMsMin = 60 * 60 * 1000;

/** A table, and what stands beside it. */
export interface SharedTable {
  /** null where only the mark is left of it. */
  readonly object: ArchiveObject | null;
  /** No backup in the list needed it when this was put there: new ones do not count on it. */
  readonly mark: ArchiveObject | null;
}

export function isSharedTable(file: string): boolean {
  return hashedPattern.test(file);
}

/**
 * What the recipients of one backup can read those of another may not: each set of recipients has tables of
 * its own. null: what is not encrypted, and what earlier versions put.
 */
export function tableKey(file: string, recipientsId: string | null): string {
  return recipientsId === null ? file : `${recipientsId}/${file}`;
}

export function tableObject(place: ArchivePlace, key: string): string {
  return `${placePrefix(place)}tables/${key}`;
}

export function retiredTableObject(place: ArchivePlace, key: string): string {
  return `${tableObject(place, key)}${retiredEnding}`;
}

/** By key. */
export function groupTables(
  place: ArchivePlace,
  objects: readonly ArchiveObject[],
): Map<string, SharedTable> {
  const prefix = tableObject(place, '');
  const tables = new Map<string, SharedTable>();
  for (const object of objects) {
    if (!object.name.startsWith(prefix)) continue;
    const name = object.name.slice(prefix.length);
    const isMark = name.endsWith(retiredEnding);
    const key = isMark ? name.slice(0, -retiredEnding.length) : name;
    if (!keyPattern.test(key)) continue;
    const known = tables.get(key) ?? { object: null, mark: null };
    tables.set(key, isMark ? { ...known, mark: object } : { ...known, object });
  }
  return tables;
}

/** What is shared in one archive, listed when it is first asked for. */
export class SharedFiles {
  readonly #archive: Archive;
  readonly #place: ArchivePlace;
  readonly #signal: AbortSignal | undefined;
  #tables: Promise<ReadonlyMap<string, SharedTable>> | null = null;
  #log: Promise<ReadonlyMap<string, ArchiveObject>> | null = null;

  constructor(archive: Archive, place: ArchivePlace, signal?: AbortSignal) {
    this.#archive = archive;
    this.#place = place;
    this.#signal = signal;
  }

  /** From a list of all that the place holds. */
  static of(archive: Archive, place: ArchivePlace, objects: readonly ArchiveObject[]): SharedFiles {
    const shared = new SharedFiles(archive, place);
    shared.#tables = Promise.resolve(groupTables(place, objects));
    shared.#log = Promise.resolve(byName(objects));
    return shared;
  }

  tables(): Promise<ReadonlyMap<string, SharedTable>> {
    this.#tables ??= this.#list('tables/').then((objects) => groupTables(this.#place, objects));
    return this.#tables;
  }

  async segment(segment: BackupSegment): Promise<ArchiveObject | null> {
    this.#log ??= this.#list('log/').then(byName);
    return (await this.#log).get(segmentObject(this.#place, segment)) ?? null;
  }

  /** The object that is a file of a backup which has not got it itself; null where there is none. */
  async find(
    manifest: BackupManifest,
    file: string,
    recipientsId: string | null,
  ): Promise<ArchiveObject | null> {
    if (isSharedTable(file)) {
      return (await this.tables()).get(tableKey(file, recipientsId))?.object ?? null;
    }
    const segment = manifest.segments?.find((one) => one.file === file);
    return segment === undefined ? null : this.segment(segment);
  }

  #list(below: string): Promise<ArchiveObject[]> {
    const prefix = `${placePrefix(this.#place)}${below}`;
    return this.#archive.list(prefix, { signal: this.#signal });
  }
}

function byName(objects: readonly ArchiveObject[]): Map<string, ArchiveObject> {
  return new Map(objects.map((object) => [object.name, object]));
}
