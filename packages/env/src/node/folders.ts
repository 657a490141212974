// Folders: making, listing, renaming, and putting names on disk. A name is durable only after its
// folder was synced.

import * as fs from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PaminaError } from '@pamina/format';
import type { DirectoryEntry, FileStatus } from '../disk.js';
import { attempt, systemCode } from './disk-error.js';

// Bounds the memory and the thread pool's queue on a folder of many files.
const listStep = 64;

export function syncFolder(path: string): Promise<void> {
  return attempt('sync the folder', path, async () => {
    // Windows opens no folders; NTFS orders names by its own journal.
    if (process.platform === 'win32') return;
    const folder = await fs.open(path, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  });
}

export async function makeFolder(path: string): Promise<void> {
  const absolute = resolve(path);
  const missing: string[] = [];
  let at = absolute;
  for (let status = await statPath(at); status === null; status = await statPath(at)) {
    missing.push(at);
    at = dirname(at);
  }
  if (missing.length === 0 && !(await statPath(absolute))?.isFolder) {
    const context = { operation: 'make the folder', path };
    throw new PaminaError('FILE_EXISTS', `cannot make the folder ${path} (a file is there)`, {
      context,
    });
  }
  for (const folder of missing.reverse()) {
    await attempt('make the folder', folder, async () => {
      try {
        await fs.mkdir(folder);
      } catch (error) {
        // Another process was faster; whoever comes second still waits for the sync below.
        if (systemCode(error) !== 'EEXIST' || !(await statPath(folder))?.isFolder) throw error;
      }
    });
    await syncFolder(dirname(folder));
  }
}

export function statPath(path: string): Promise<FileStatus | null> {
  return attempt('look up', path, async () => {
    try {
      const status = await fs.stat(path);
      return {
        isFolder: status.isDirectory(),
        bytes: status.size,
        modifiedMs: status.mtimeMs,
        changedMs: status.ctimeMs,
        permissions: process.platform === 'win32' ? null : status.mode & 0o777,
      };
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return null;
      throw error;
    }
  });
}

export async function listFolder(path: string): Promise<DirectoryEntry[]> {
  const names = await attempt('list', path, () => fs.readdir(path));
  names.sort();
  const entries: DirectoryEntry[] = [];
  for (let from = 0; from < names.length; from += listStep) {
    const step = names.slice(from, from + listStep);
    const found = await Promise.all(step.map((name) => statPath(join(path, name))));
    for (const [index, status] of found.entries()) {
      // null: removed since it was listed, or a symbolic link to nothing.
      if (status !== null) entries.push({ name: step[index] as string, ...status });
    }
  }
  return entries;
}

export async function renamePath(from: string, to: string, replace: boolean): Promise<void> {
  await attempt('rename', from, async () => {
    if (!replace && (await isTaken(to))) {
      const context = { operation: 'rename', path: from, to };
      throw new PaminaError('FILE_EXISTS', `cannot rename ${from} to ${to} (it is taken)`, {
        context,
      });
    }
    await fs.rename(from, to);
  });
  const [fromFolder, toFolder] = [dirname(resolve(from)), dirname(resolve(to))];
  await syncFolder(toFolder);
  if (fromFolder !== toFolder) await syncFolder(fromFolder);
}

const linkRefusals = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP']);

export function linkFile(from: string, to: string): Promise<void> {
  return attempt('link', from, async () => {
    try {
      await fs.link(from, to);
    } catch (cause) {
      const code = systemCode(cause);
      if (!linkRefusals.has(code)) throw cause;
      const context = { operation: 'link', path: from, to };
      const message = `cannot make a hard link of ${from} at ${to} (${code})`;
      throw new PaminaError('LINK_REFUSED', message, { cause, context });
    }
  });
}

async function isTaken(path: string): Promise<boolean> {
  try {
    await fs.lstat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}
