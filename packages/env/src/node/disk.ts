// Files by node:fs, with the guarantees that disk.ts states.

import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { isPaminaError } from '@pamina/format';
import type { Disk } from '../disk.js';
import { attempt, systemCode } from './disk-error.js';
import { openFile } from './disk-file.js';
import { linkFile, listFolder, makeFolder, renamePath, statPath, syncFolder } from './folders.js';
import { lockFile } from './lock-file.js';
import { createFile, replaceFile } from './publish.js';
import { watchPath } from './watch.js';

async function readFile(path: string): Promise<Uint8Array> {
  const bytes = await attempt('read', path, () => fs.readFile(path));
  // Not a Buffer: its slice() aliases where Uint8Array's copies.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function readFileIfPresent(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isPaminaError(error, 'FILE_NOT_FOUND')) return null;
    throw error;
  }
}

async function appendFile(
  path: string,
  bytes: Uint8Array,
  options: { sync: boolean },
): Promise<void> {
  const isNew = await attempt('append to', path, async () => {
    const { file, isNew } = await openForAppend(path);
    try {
      await file.writeFile(bytes);
      if (options.sync) await file.datasync();
    } finally {
      await file.close();
    }
    return isNew;
  });
  if (options.sync && isNew) await syncFolder(dirname(resolve(path)));
}

async function openForAppend(path: string): Promise<{ file: fs.FileHandle; isNew: boolean }> {
  const { O_APPEND, O_WRONLY } = fs.constants;
  try {
    return { file: await fs.open(path, O_WRONLY | O_APPEND), isNew: false };
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    return { file: await fs.open(path, 'a'), isNew: true };
  }
}

async function freeBytes(path: string): Promise<number> {
  const status = await attempt('read the free space at', path, () => fs.statfs(path));
  return status.bavail * status.bsize;
}

async function temporaryFolder(prefix: string): Promise<string> {
  const path = join(tmpdir(), prefix);
  return attempt('make a temporary folder at', path, () => fs.mkdtemp(path));
}

export const nodeDisk: Disk = {
  open: openFile,
  readFile,
  readFileIfPresent,
  replaceFile,
  createFile,
  appendFile,
  rename: (from, to, options) => renamePath(from, to, options?.replace ?? false),
  link: linkFile,
  remove: (path) => attempt('remove', path, () => fs.unlink(path)),
  removeTree: (path) =>
    attempt('remove', path, () => fs.rm(path, { recursive: true, force: true })),
  makeFolder,
  syncFolder,
  list: listFolder,
  stat: statPath,
  realPath: (path) => attempt('resolve', path, () => fs.realpath(path)),
  temporaryFolder,
  freeBytes,
  watch: watchPath,
  lockFile,
};
