// Where a backup is read from: a folder here, a server elsewhere. Whoever reads trusts nothing that a
// source delivers before its checksum is right.
import { join } from 'node:path';
import {
  PaminaError,
  isPaminaError,
  manifestBytesMax,
  type AuditBody,
  type BackupManifest,
} from '@pamina/format';
import type { Env } from '@pamina/env';
import { holdBackup } from './backup-holds.js';
import { manifestFileName } from './layout.js';
import { readRecordedAudit } from './recorded-audit.js';

export interface BackupSource {
  /** Path or address, for messages. */
  describe(): string;
  readManifest(): Promise<Uint8Array>;
  /** A file of the backup by the name that the manifest gives it, in pieces as they come. */
  readFile(name: string): AsyncIterable<Uint8Array>;
  /**
   * As `readFile`, `length` bytes from `offset` on. A source that has it can go on where it was
   * interrupted.
   */
  readRange?(name: string, offset: number, length: number): AsyncIterable<Uint8Array>;
  /** Names of all files that are there; a source that cannot tell leaves it out. */
  listFiles?(): Promise<string[]>;
  /** What an audit recorded of the state in the backup; a source that cannot tell leaves it out. */
  audited?(manifest: BackupManifest): Promise<AuditBody | null>;
  /** Keeps the backup from being expired by this process until the returned function is called. */
  hold?(): () => void;
}

const pieceBytes = 256 * 1024;
const namePattern = /^[0-9a-z][0-9a-z.-]*$/;

/** The backup in the folder `path` (with its manifest in it). Nothing is read before it is asked for. */
export function folderSource(env: Env, path: string): BackupSource {
  return {
    describe: () => path,
    readManifest: () => readManifestFile(env, path),
    readFile: (name) => readPieces(env, path, name, 0, Infinity),
    readRange: (name, offset, length) => readPieces(env, path, name, offset, offset + length),
    listFiles: async () =>
      (await env.disk.list(path)).filter((entry) => !entry.isFolder).map((entry) => entry.name),
    audited: async (manifest) => {
      const audit = await readRecordedAudit(env.disk, path, manifest);
      return audit === null || audit.differsFrom !== null ? null : audit;
    },
    hold: () => holdBackup(env.disk, path),
  };
}

/** BACKUP_NOT_FOUND if there is none, MANIFEST_INVALID if it is longer than one can be. */
export async function readManifestFile(env: Env, folder: string): Promise<Uint8Array> {
  const path = join(folder, manifestFileName);
  const status = await env.disk.stat(path);
  if (status === null || status.isFolder) {
    throw new PaminaError('BACKUP_NOT_FOUND', `${folder} holds no backup: it has no manifest`, {
      context: { path: folder },
    });
  }
  if (status.bytes > manifestBytesMax) {
    throw new PaminaError('MANIFEST_INVALID', `${path} is longer than a manifest can be`, {
      context: { path, bytes: status.bytes },
    });
  }
  // Of size 0 are pipes and devices too, whose end may never come.
  return status.bytes === 0 ? new Uint8Array(0) : env.disk.readFile(path);
}

/** The bytes `from` to `to`. BACKUP_INVALID if there is no such file. */
export async function* readPieces(
  env: Env,
  folder: string,
  name: string,
  from: number,
  to: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  // The name may come from a request: it must not lead out of the folder.
  if (!namePattern.test(name) || name.includes('..')) throw fileMissing(folder, name);
  const status = await env.disk.stat(join(folder, name));
  if (status === null || status.isFolder) throw fileMissing(folder, name);
  // Of size 0 are pipes and devices too, whose end may never come.
  if (status.bytes === 0) return;
  const file = await openPresent(env, folder, name);
  try {
    for (let at = from; at < to;) {
      const piece = new Uint8Array(Math.min(pieceBytes, to - at));
      const count = await file.read(piece, at);
      if (count > 0) yield piece.subarray(0, count);
      if (count < piece.length) return;
      at += count;
    }
  } finally {
    await file.close();
  }
}

async function openPresent(env: Env, folder: string, name: string) {
  try {
    return await env.disk.open(join(folder, name), 'read');
  } catch (error) {
    if (isPaminaError(error, 'FILE_NOT_FOUND')) throw fileMissing(folder, name, error);
    throw error;
  }
}

function fileMissing(folder: string, name: string, cause?: unknown): PaminaError {
  const message = `the file ${name} of the backup ${folder} is missing`;
  return new PaminaError('BACKUP_INVALID', message, { cause, context: { file: name, folder } });
}
