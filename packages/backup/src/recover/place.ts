// Where a recovery takes from: backups, and one or several sources of log that are joined.
import { join } from 'node:path';
import type { BackupManifest, PaminaError, Timeline } from '@pamina/format';
import type { Env } from '@pamina/env';
import { readControl } from '@pamina/engine';
import { listBackups } from '../backup-list.js';
import { incrementalLogSource } from '../incremental-log-source.js';
import { backupsFolderOf } from '../layout.js';
import { logFolderSource, type LogFolderOptions } from '../log-folder-source.js';
import type { LogSource } from '../log-source.js';
import { unreadIn, type UnreadBackup } from '../read-failure.js';
import { folderSource, type BackupSource } from '../source.js';

export interface PlaceBackup {
  readonly id: string;
  readonly manifest: BackupManifest;
  /** Of the manifest, or what an audit recorded later; null if it is not known. */
  readonly stateHash: string | null;
  /** Not proved, and the store was found to be damaged since: begun with only where no other will do. */
  readonly isDoubted?: boolean | undefined;
  /** As stored. */
  readonly bytes: number;
  readonly source: BackupSource;
}

export interface SealedBackup {
  readonly id: string;
  readonly problem: PaminaError;
}

/** What a place has of backups at one moment. */
export interface PlaceBackups {
  /** In no order; damaged ones are left out. */
  readonly whole: readonly PlaceBackup[];
  /** They may be whole: what is refused for want of them is refused with their problem (P9). */
  readonly unread: readonly UnreadBackup[];
}

export interface RecoveryPlace {
  /** Path or address, for messages. */
  describe(): string;
  backups(): Promise<PlaceBackups>;
  /** Backups that are there, and that the keys which were given do not open: the error of each says whose would. */
  sealed?(): Promise<readonly SealedBackup[]>;
  readonly logs: readonly LogSource[];
  /** History of the database itself, where it is known: it says which of several branches is meant. */
  readonly history: readonly Timeline[] | null;
  /** Its identification pattern; null where that is not known, or not given yet. */
  readonly pattern: string | null;
}

export type DatabasePlaceOptions = Omit<LogFolderOptions, 'disk' | 'folder'> & {
  readonly backupsFolder?: string | undefined;
};

/**
 * A folder of a database, running or not; or a folder with a copy of its `backups` and `log`; or a
 * folder of backups. Nothing is changed in it.
 */
export async function folderPlace(
  env: Env,
  folder: string,
  options: DatabasePlaceOptions = {},
): Promise<RecoveryPlace> {
  const { backupsFolder, ...log } = options;
  const control = await readControl(env.disk, folder);
  const inside = backupsFolderOf(folder);
  const hasInside = control !== null || (await env.disk.stat(inside)) !== null;
  const backups = backupsFolder ?? (hasInside ? inside : folder);
  const pattern = control?.pattern ?? (await patternIn(env, backups));
  // First, what is the database's own: its end is the end of the original log.
  const logs = [
    logFolderSource({ ...log, disk: env.disk, folder: join(folder, 'log') }),
    incrementalLogSource(env, backups, pattern),
  ];
  return {
    describe: () => folder,
    backups: () => folderBackups(env, backups),
    logs,
    history: control?.timelines ?? null,
    pattern,
  };
}

async function patternIn(env: Env, backupsFolder: string): Promise<string | null> {
  const { whole } = await folderBackups(env, backupsFolder);
  return whole.find(({ manifest }) => manifest.pattern !== null)?.manifest.pattern ?? null;
}

async function folderBackups(env: Env, folder: string): Promise<PlaceBackups> {
  const listed = await listBackups(env, folder);
  const whole = listed.flatMap(
    ({ id, manifest, stateHash, bytes, problem, folder: path, unproved }) => {
      if (manifest === null || problem !== null) return [];
      const isDoubted = unproved?.isDoubted === true;
      return [{ id, manifest, stateHash, isDoubted, bytes, source: folderSource(env, path) }];
    },
  );
  return { whole, unread: unreadIn(listed) };
}

/** Backups and log of all of them. The history is that of the first which knows one. */
export function joinPlaces(places: readonly [RecoveryPlace, ...RecoveryPlace[]]): RecoveryPlace {
  return {
    describe: () => places.map((place) => place.describe()).join(' and '),
    async backups() {
      const found = await Promise.all(places.map((place) => place.backups()));
      return {
        whole: found.flatMap(({ whole }) => whole),
        unread: found.flatMap(({ unread }) => unread),
      };
    },
    sealed: async () =>
      (await Promise.all(places.map((place) => place.sealed?.() ?? Promise.resolve([])))).flat(),
    logs: places.flatMap((place) => place.logs),
    history: places.find((place) => place.history !== null)?.history ?? null,
    pattern: places.find((place) => place.pattern !== null)?.pattern ?? null,
  };
}

/** Keeps log from record `fromSeq` on from being deleted until the returned function is called. */
export function holdLogs(place: RecoveryPlace, fromSeq: number): () => void {
  const releases = place.logs.map((log) => log.hold?.(fromSeq));
  return () => {
    for (const release of releases) release?.();
  };
}
