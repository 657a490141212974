// Names in a folder of backups: one folder a backup, named by the position that it stands at.
import { join } from 'node:path';
import type { BackupManifest, Position } from '@pamina/format';
import { backupsFolder } from '@pamina/engine';

export const manifestFileName = 'manifest';
/** Of a full backup: what became known of it later than the manifest. */
export const auditFileName = 'audit.json';
const partialEnding = '.partial';
const removingEnding = '.removing';
/** Held by whoever changes a folder of backups; a dot keeps it out of the list. */
const lockFileName = '.backups.lock';

const seqDigits = 16;

/** Where a database keeps its backups if nothing else is said. */
export function backupsFolderOf(databaseFolder: string): string {
  return join(databaseFolder, backupsFolder);
}

/** `0000000000048213-1`, made different from the `taken` ones by a number behind it. */
export function backupIdAt(position: Position, taken: ReadonlySet<string>): string {
  const id = `${position.seq.toString().padStart(seqDigits, '0')}-${position.timeline}`;
  for (let number = 2, unique = id; ; number++) {
    if (!taken.has(unique)) return unique;
    unique = `${id}-${number}`;
  }
}

/** A backup that is being written. */
export function partialFolder(backupsFolder: string, id: string): string {
  return join(backupsFolder, `${id}${partialEnding}`);
}

/** A backup that is being removed. */
export function removingFolder(backupsFolder: string, id: string): string {
  return join(backupsFolder, `${id}${removingEnding}`);
}

/** What a crash in the middle of a backup, or of the removal of one, leaves behind. */
export function isLeftover(name: string): boolean {
  return name.endsWith(partialEnding) || name.endsWith(removingEnding);
}

export function lockPath(backupsFolder: string): string {
  return join(backupsFolder, lockFileName);
}

/** Files of a backup beside its manifest, each once. */
export function storedFiles({ chunks, segments = [], tables = [] }: BackupManifest): readonly {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}[] {
  // Two files of a store may hold the same and be stored as one.
  return [
    ...new Map([...chunks, ...tables, ...segments].map((stored) => [stored.file, stored])).values(),
  ];
}

export function storedBytes(manifest: BackupManifest): number {
  return storedFiles(manifest).reduce((sum, { bytes }) => sum + bytes, 0);
}
