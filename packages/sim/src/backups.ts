// Backups of a simulated database: taken, copied as their bytes, restored on a fresh machine and looked at.

import {
  backupsFolderOf,
  expireBackups,
  listBackups,
  recoverScratch,
  restore,
  takeBackup,
  takeIncremental,
  verifyBackup,
  type BackupSource,
} from '@pamina/backup';
import { Database } from '@pamina/engine';
import { PaminaError, decodeManifest, toPaminaError } from '@pamina/format';
import type { History } from './history.js';
import { placeOf, stateOf } from './observe.js';
import { ProcessEnded, type Site } from './site.js';
import type { HostDisk } from './world/disk/host-disk.js';
import type { World } from './world/world.js';

export interface BackUpOptions {
  readonly isIncremental?: boolean;
  /** With a tag of its own, which keeps it for ever. */
  readonly isTagged?: boolean;
}

export async function backUp(
  history: History,
  site: Site,
  { isIncremental = false, isTagged = false }: BackUpOptions = {},
): Promise<void> {
  const { database } = site;
  if (database === null) return;
  const tag = isTagged ? `t${history.events.length}` : undefined;
  const hadFull = fullBackups(site).length > 0;
  try {
    // Compression is done by threads of the real machine, which no simulation can order.
    const options = { compression: 'none', tag } as const;
    const manifest = await site.wait(
      isIncremental ? takeIncremental(database, { tag }) : takeBackup(database, options),
    );
    site.archiver?.backupsChanged();
    const timelineId = manifest.timelines.at(-1)?.id ?? '';
    const { seq } = manifest.position;
    history.add({
      type: 'backup-taken',
      database: site.name,
      backup: `${site.name}/${manifest.id}`,
      point: { timelineId, seq, chain: manifest.chain },
      stateHash: manifest.stateHash ?? '',
    });
  } catch (error) {
    if (error instanceof ProcessEnded) return;
    const { code, message } = toPaminaError(error);
    const isDue = hadFull && fullBackups(site).length > 0;
    history.add({ type: 'backup-failed', database: site.name, code, isDue });
    report(history, site, code, message);
  }
}

/** Who took its master's place has none until it takes one. */
export async function backUpIfNone(history: History, site: Site): Promise<void> {
  if (site.isOpen && fullBackups(site).length === 0) await backUp(history, site);
}

/** Every backup that is there, held against its own checksums. */
export async function verifyAll(history: History, site: Site): Promise<void> {
  for (const id of publishedBackups(site)) {
    try {
      await site.wait(verifyBackup(copyOf(site, id)));
      history.add({ type: 'verified', database: site.name, what: 'backup' });
    } catch (error) {
      if (error instanceof ProcessEnded) return;
      const { code, message } = toPaminaError(error);
      report(history, site, code, message);
    }
  }
}

export async function expire(history: History, site: Site): Promise<void> {
  const { database } = site;
  if (database === null) return;
  // What is deleted was seen before.
  site.observeLog();
  try {
    await site.wait(expireBackups(database, { generations: 2 }));
  } catch (error) {
    if (error instanceof ProcessEnded) return;
    const { code, message } = toPaminaError(error);
    report(history, site, code, message);
  }
}

/** The newest backup and the log behind it, recovered to where the database is: the same state. */
export async function recover(history: History, site: Site): Promise<void> {
  const { database } = site;
  if (database === null || !(await hasBackup(site))) return;
  const { timeline, timelineId, seq, chain } = database.applied();
  try {
    const recovered = await site.wait(
      recoverScratch({
        env: site.host.env,
        folder: site.folder,
        position: { timeline, seq },
        start: 'oldest',
        pin: (fromSeq) => database.log.pin(fromSeq),
      }),
    );
    const point = { timelineId, seq, chain };
    const { stateHash } = recovered;
    history.add({ type: 'recovered', database: site.name, point, stateHash });
  } catch (error) {
    if (error instanceof ProcessEnded) return;
    const { code, message } = toPaminaError(error);
    report(history, site, code, message);
  }
}

async function hasBackup(site: Site): Promise<boolean> {
  const folder = backupsFolderOf(site.folder);
  const backups = await site.wait(listBackups(site.host.env, folder));
  return backups.some((backup) => backup.problem === null && backup.manifest?.kind === 'full');
}

/** Restores a backup on a machine of its own and writes down what is in it. */
export async function restoreAside(
  world: World,
  history: History,
  site: Site,
  id: string,
): Promise<void> {
  const host = world.newHost(`aside-${history.events.length}`);
  const { name } = host;
  const folder = `/data/${name}`;
  const backup = `${site.name}/${id}`;
  try {
    await restore({ env: host.env, source: copyOf(site, id), folder, name });
    const database = await Database.open(folder, { env: host.env, access: 'read' });
    const { point, snapshot } = await database.stateSnapshot();
    const state = await stateOf(snapshot);
    await snapshot.close();
    await database.close();
    history.add({ type: 'restored', backup, database: name, point: placeOf(point), state });
  } catch (error) {
    const { code, message } = toPaminaError(error);
    history.add({ type: 'restore-failed', backup, code });
    report(history, site, code, message);
  }
}

/** Ids of the backups that have their names, oldest first; the initial one is none to restore from. */
function publishedBackups(site: Site): string[] {
  const folder = backupsFolder(site);
  const ids = new Set<string>();
  for (const path of site.host.disk.files(folder)) {
    const [id = '', file] = path.slice(folder.length + 1).split('/');
    if (file === 'manifest' && /^\d+-\d+(-\d+)?$/.test(id)) ids.add(id);
  }
  return [...ids].sort();
}

/** Those that hold a whole state, and those whose manifest was damaged on purpose. */
export function fullBackups(site: Site): string[] {
  return publishedBackups(site).filter((id) => {
    const bytes = site.host.disk.cachedBytes(`${backupsFolder(site)}/${id}/manifest`);
    try {
      return bytes !== null && decodeManifest(bytes).kind === 'full';
    } catch (error) {
      if (!(error instanceof PaminaError)) throw error;
      return true;
    }
  });
}

export function backupsFolder(site: Site): string {
  return backupsFolderOf(site.folder);
}

/** The bytes of a backup as they are at this moment, wherever they are read later. */
export function copyOf(site: Site, id: string): BackupSource {
  const folder = `${backupsFolderOf(site.folder)}/${id}`;
  const files = filesIn(site.host.disk, folder);
  const fileOf = (name: string): Uint8Array => {
    const bytes = files.get(name);
    if (bytes !== undefined) return bytes;
    const message = `the file ${name} of the backup ${id} is missing`;
    throw new PaminaError('BACKUP_INVALID', message, { context: { file: name } });
  };
  return {
    describe: () => folder,
    readManifest: () => Promise.resolve(fileOf('manifest')),
    async *readFile(name) {
      await Promise.resolve();
      yield fileOf(name);
    },
    listFiles: () => Promise.resolve([...files.keys()]),
  };
}

function filesIn(disk: HostDisk, folder: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const path of disk.files(folder)) {
    const bytes = disk.cachedBytes(path);
    if (bytes !== null) files.set(path.slice(folder.length + 1), bytes);
  }
  return files;
}

function report(history: History, site: Site, code: string, message: string): void {
  history.add({ type: 'reported', database: site.name, by: 'verify', code, message });
}
