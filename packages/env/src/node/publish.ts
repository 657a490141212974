// P8: whole files, written beside, synced, then given their name. A crash leaves at most a file
// with the temporary marker in its name, which is never read.

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { attempt, systemCode } from './disk-error.js';
import { syncFolder } from './folders.js';

const temporaryMarker = '.tmp-';
const temporaryPattern = /\.tmp-[0-9a-f]{16}$/;

/** A name beside `path` that nobody else uses. */
function temporaryPath(path: string): string {
  return `${path}${temporaryMarker}${randomBytes(8).toString('hex')}`;
}

/** Whether a file's name is one that a crash may have left behind: safe to remove when nobody writes. */
export function isTemporaryName(name: string): boolean {
  return temporaryPattern.test(name);
}

export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await attempt('replace', path, async () => {
    const mode = await modeOf(path);
    await withTemporary(path, bytes, mode, (temporary) => fs.rename(temporary, path));
  });
  await syncFolder(dirname(resolve(path)));
}

export async function createFile(path: string, bytes: Uint8Array): Promise<void> {
  await attempt('create', path, () =>
    withTemporary(path, bytes, null, async (temporary) => {
      // rename would clobber; link never does.
      await fs.link(temporary, path);
      await fs.unlink(temporary);
    }),
  );
  await syncFolder(dirname(resolve(path)));
}

/** Writes and syncs a temporary file and lets `publish` name it; removes it when anything fails. */
export async function withTemporary<T>(
  path: string,
  bytes: Uint8Array,
  mode: number | null,
  publish: (temporary: string) => Promise<T>,
): Promise<T> {
  const temporary = temporaryPath(path);
  try {
    const file = await fs.open(temporary, 'wx', mode ?? 0o666);
    try {
      // The mode given to open is cut by the umask.
      if (mode !== null) await file.chmod(mode);
      await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    return await publish(temporary);
  } catch (error) {
    await discard(temporary);
    throw error;
  }
}

async function discard(temporary: string): Promise<void> {
  try {
    await fs.rm(temporary, { force: true });
  } catch (error) {
    // Whatever the disk says now, why the file could not be published is the better error, and a
    // leftover is known by its name.
    if (systemCode(error) === '') throw error;
  }
}

/** A secret stays as closed to others as it was. */
async function modeOf(path: string): Promise<number | null> {
  try {
    return (await fs.stat(path)).mode & 0o7777;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}
