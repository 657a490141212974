// Remembers beside the backups which of them were verified, so that who verifies every night need not
// read old ones again. Only a help: what changed since, or cannot be read, is not remembered (P9).
import { createHash } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { isPaminaError, type PaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { isObject, readNoted, writeNoted } from './noted-json.js';

/** Beside the backups; a dot keeps it out of their list. */
const memoryFileName = '.verified.json';
const memoryVersion = 1;
const sharedPattern = /^[0-9a-f]{64}\./;

/** How much was done: every file against the manifest, or a restore too. */
export type RememberedDepth = 'files' | 'restore';

export interface Remembered {
  /** ms since 1970 */
  readonly at: number;
  readonly depth: RememberedDepth;
  /** null where the state was not read. */
  readonly stateHash: string | null;
  /** Of the files as they were then. */
  readonly fingerprint: string;
}

/**
 * What changes when anybody writes to a backup: the manifest's bytes, and of every file name, size and
 * the times that the system keeps. Bits that rot on the disk change none of them: hence `maxAge`.
 */
export async function fingerprintOf(disk: Disk, folder: string): Promise<string> {
  const hash = createHash('sha256');
  hash.update((await disk.readFileIfPresent(join(folder, 'manifest'))) ?? '');
  for (const { name, isFolder, bytes, modifiedMs, changedMs } of await disk.list(folder)) {
    // A file that bears its hash is shared: each backup that links it is noted as a change of it.
    const noted = sharedPattern.test(name) ? null : changedMs;
    hash.update(`\n${JSON.stringify([name, isFolder, bytes, modifiedMs, noted])}`);
  }
  return hash.digest('hex');
}

export class VerifyMemory {
  readonly #disk: Disk;
  readonly #folder: string;
  #backups: Map<string, Remembered> | null = null;

  /** `backupsFolder` holds one folder a backup. Nothing is read before it is asked for. */
  constructor(disk: Disk, backupsFolder: string) {
    this.#disk = disk;
    this.#folder = backupsFolder;
  }

  static of(disk: Disk, backup: string): VerifyMemory {
    return new VerifyMemory(disk, dirname(backup));
  }

  /** null if it was not verified as it stands, or not so deep. */
  async recall(
    backup: string,
    fingerprint: string,
    depth: RememberedDepth,
  ): Promise<Remembered | null> {
    const found = (await this.#load()).get(basename(backup));
    if (found === undefined || found.fingerprint !== fingerprint) return null;
    return depth === 'restore' && found.depth !== 'restore' ? null : found;
  }

  /**
   * On disk when it resolves. Gives back why it could not be noted: on a medium that cannot be written
   * to everything is verified again each time, and no verification fails of it.
   */
  async note(backup: string, verified: Remembered): Promise<PaminaError | null> {
    const backups = new Map(await this.#load());
    backups.set(basename(backup), verified);
    return this.#write(backups);
  }

  /** What was found to be damaged is not remembered as good any more. */
  async forget(backup: string): Promise<PaminaError | null> {
    const backups = new Map(await this.#load());
    return backups.delete(basename(backup)) ? this.#write(backups) : null;
  }

  async #write(backups: Map<string, Remembered>): Promise<PaminaError | null> {
    try {
      const there = new Set((await this.#disk.list(this.#folder)).map(({ name }) => name));
      const kept = [...backups].filter(([id]) => there.has(id));
      const content = { version: memoryVersion, backups: Object.fromEntries(kept) };
      await writeNoted(this.#disk, this.#path, content);
      this.#backups = new Map(kept);
      return null;
    } catch (error) {
      if (isPaminaError(error)) return error;
      throw error;
    }
  }

  async #load(): Promise<ReadonlyMap<string, Remembered>> {
    this.#backups ??= new Map(await this.#read());
    return this.#backups;
  }

  async #read(): Promise<[string, Remembered][]> {
    const content = await readNoted(this.#disk, this.#path);
    if (content?.['version'] !== memoryVersion || !isObject(content['backups'])) return [];
    return Object.entries(content['backups']).filter((entry): entry is [string, Remembered] =>
      isRemembered(entry[1]),
    );
  }

  get #path(): string {
    return join(this.#folder, memoryFileName);
  }
}

function isRemembered(value: unknown): value is Remembered {
  if (!isObject(value)) return false;
  const { at, depth, stateHash, fingerprint } = value;
  return (
    Number.isSafeInteger(at) &&
    (depth === 'files' || depth === 'restore') &&
    (stateHash === null || typeof stateHash === 'string') &&
    typeof fingerprint === 'string'
  );
}
