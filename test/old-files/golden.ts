// Copies of the golden files, for tests that open them: opening changes a database.
import { nodeEnv } from '@pamina/env';
import { Database } from '@pamina/engine';
import { segmentBytesMin } from '@pamina/format';
import { cp, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { goldenFolder } from '../../scripts/golden/checksums.js';
import type { Expected } from '../../scripts/golden/description.js';

export const env = nodeEnv();

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function temporaryFolder(): Promise<string> {
  const folder = await env.disk.temporaryFolder('pamina-golden-');
  cleanups.push(() => env.disk.removeTree(folder));
  return folder;
}

/** All versions of which there are files. */
export async function goldenVersions(): Promise<string[]> {
  const entries = await readdir(goldenFolder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

export async function expectedOf(version: string): Promise<Expected> {
  return JSON.parse(
    await readFile(join(goldenFolder, version, 'expected.json'), 'utf8'),
  ) as Expected;
}

/** A folder with everything that this version wrote. */
export async function copyOf(version: string): Promise<string> {
  const folder = join(await temporaryFolder(), version);
  await cp(join(goldenFolder, version), folder, { recursive: true });
  return folder;
}

export async function openDatabase(
  folder: string,
  access: 'read' | 'write' = 'write',
): Promise<Database> {
  const database = await Database.open(folder, { env, access, segmentBytes: segmentBytesMin });
  cleanups.push(() => database.close());
  return database;
}

/** A setting that came later has its default in an old database. */
export function withLaterSettings<D extends { readonly settings: object }>(
  database: Database,
  expected: D | undefined,
): D {
  if (expected === undefined) throw new Error('the version has no such database');
  return { ...expected, settings: { ...database.settings(), ...expected.settings } };
}

/** Content of all files below a folder, by path. */
export async function filesBelow(folder: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(folder.length + 1), await readFile(path));
  }
  return files;
}
