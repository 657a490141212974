// Which files of a LevelDB folder are live, by its CURRENT and MANIFEST. The store may be open: nothing
// is written, and LOCK is never touched, since closing it would lose the lock.
import { join } from 'node:path';
import { PaminaError, isPaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { damageError } from './damage.js';
import { readManifest, type LevelManifest, type LiveTable } from './manifest.js';

export const currentFileName = 'CURRENT';

export interface StoreFiles {
  readonly folder: string;
  /** `MANIFEST-000005` */
  readonly manifestName: string;
  /** The whole records of it. */
  readonly manifestBytes: Uint8Array;
  readonly tables: readonly LiveTable[];
  /** Live logs by number. */
  readonly logs: readonly {
    readonly number: number;
    readonly name: string;
    readonly bytes: number;
  }[];
}

const currentPattern = /^(MANIFEST-[0-9]{6,16})\n$/;
const logPattern = /^([0-9]{6,16})\.log$/;
/** A new MANIFEST may take the place of the one that CURRENT named a moment before. */
const attemptsMax = 100;

/** STORE_DAMAGED if CURRENT or MANIFEST is not readable, or is missing. */
export async function readStoreFiles(disk: Disk, folder: string): Promise<StoreFiles> {
  for (let attempt = 1; ; attempt++) {
    try {
      const manifestName = await readCurrent(disk, folder);
      const path = join(folder, manifestName);
      const bytes = await disk.readFile(path);
      const manifest = readManifest(path, bytes);
      return {
        folder,
        manifestName,
        manifestBytes: bytes.subarray(0, manifest.bytes),
        tables: manifest.tables,
        logs: await liveLogs(disk, folder, manifest),
      };
    } catch (error) {
      if (!isPaminaError(error, 'FILE_NOT_FOUND')) throw error;
      if (attempt === attemptsMax) throw missing(folder, error);
    }
  }
}

export async function readCurrent(disk: Disk, folder: string): Promise<string> {
  const path = join(folder, currentFileName);
  const bytes = await disk.readFile(path);
  const name = currentPattern.exec(new TextDecoder().decode(bytes))?.[1];
  if (name !== undefined) return name;
  const what = 'it does not name a MANIFEST';
  throw damageError({ file: path, offset: 0, bytes: bytes.length, what, lastKey: null });
}

async function liveLogs(
  disk: Disk,
  folder: string,
  manifest: LevelManifest,
): Promise<StoreFiles['logs']> {
  const logs: { number: number; name: string; bytes: number }[] = [];
  for (const { name, bytes } of await disk.list(folder)) {
    const digits = logPattern.exec(name)?.[1];
    if (digits === undefined) continue;
    const number = Number(digits);
    const isLive = number >= manifest.logNumber || number === manifest.previousLogNumber;
    if (isLive) logs.push({ number, name, bytes });
  }
  return logs;
}

/** Older LevelDBs called tables `.sst`, and newer ones still read those. */
export function tableNames(number: number): readonly [string, string] {
  const digits = number.toString().padStart(6, '0');
  return [`${digits}.ldb`, `${digits}.sst`];
}

function missing(folder: string, cause: PaminaError): PaminaError {
  const { path } = cause.context;
  const file = typeof path === 'string' ? path : folder;
  return new PaminaError('STORE_DAMAGED', `a file of the store is missing: ${cause.message}`, {
    cause,
    context: { file, offset: 0, bytes: null, what: 'the file is missing', lastKey: null },
  });
}
