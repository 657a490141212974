// The functions that a program calls, with the defaults that a program wants: this machine's disk,
// clock and network, a backup's place beside its database, loopback.
import { resolve } from 'node:path';
import {
  backupsFolderOf,
  expireBackups,
  folderSource,
  listBackups as listBackupsIn,
  restore as restoreSource,
  takeBackup as takeBackupOf,
  verifyBackup as verifySource,
  type ListedBackup,
  type RestoreOptions as RestoreSourceOptions,
  type TakeBackupOptions,
  type VerifiedBackup,
  type VerifyOptions,
} from '@pamina/backup';
import { RemoteAdministration } from '@pamina/client';
import { adopt as adoptFolder, nameFromFolder } from '@pamina/engine';
import type { AdoptOptions, Adopted, Pamina } from '@pamina/engine';
import { type ClientTls, nodeEnv, securedNetwork, type Env } from '@pamina/env';
import type { BackupManifest } from '@pamina/format';
import { serve as serveFolder } from '@pamina/server';
import type { Notice, PaminaServer, ServeOptions as ServeFolderOptions } from '@pamina/server';
import type { Administration } from '@pamina/wire';

/** Any open database, whatever its keys and values are. */
type AnyPamina = Pick<Pamina<unknown, unknown>, 'database'>;

type WithoutEnv<T> = Omit<T, 'env'> & {
  /** The world outside of the program; by default this machine's. For simulations. */
  readonly env?: Env | undefined;
};

/**
 * Takes a full backup while the database is written to, then removes those beyond the generations
 * that are kept. TAG_TAKEN, TAG_INVALID, BACKUP_RUNNING, DISK_FULL.
 */
export async function takeBackup(
  database: AnyPamina,
  options: TakeBackupOptions = {},
): Promise<BackupManifest> {
  const manifest = await takeBackupOf(database.database, options);
  if (options.destination === undefined) await expireBackups(database.database);
  return manifest;
}

/** Newest first; `location` is a database's folder. Damaged ones are listed with their problem. */
export function listBackups(location: string, env: Env = nodeEnv()): Promise<ListedBackup[]> {
  return listBackupsIn(env, backupsFolderOf(resolve(location)));
}

/** Reads every byte of the backup in a folder. BACKUP_NOT_FOUND, BACKUP_INVALID. */
export function verifyBackup(
  folder: string,
  options: WithoutEnv<VerifyOptions> = {},
): Promise<VerifiedBackup> {
  const { env = nodeEnv(), ...rest } = options;
  return verifySource(folderSource(env, resolve(folder)), rest);
}

export interface RestoreOptions extends WithoutEnv<
  Pick<RestoreSourceOptions, 'env' | 'onProgress' | 'signal'>
> {
  /** The folder of the backup. */
  readonly from: string;
  /** The new database's folder; must not exist, or be empty. */
  readonly to: string;
  /** By default the name of the folder. */
  readonly name?: string | undefined;
}

/**
 * Lays a backup out as a database, verified before it gets its name. Opened for writing, the copy
 * starts a timeline of its own. DATABASE_EXISTS, BACKUP_NOT_FOUND, BACKUP_INVALID, DISK_FULL.
 */
export async function restore(options: RestoreOptions): Promise<{ readonly name: string }> {
  const { from, to, env = nodeEnv(), name, ...rest } = options;
  const folder = resolve(to);
  const source = folderSource(env, resolve(from));
  const control = await restoreSource({
    env,
    source,
    folder,
    name: name ?? nameFromFolder(folder),
    ...rest,
  });
  return { name: control.name };
}

/** Turns a folder that holds a plain LevelDB into a database. DATABASE_NOT_FOUND, DATABASE_EXISTS. */
export function adopt(folder: string, options: WithoutEnv<AdoptOptions> = {}): Promise<Adopted> {
  const { env = nodeEnv(), ...rest } = options;
  return adoptFolder(folder, { env, ...rest });
}

export interface ServeOptions extends WithoutEnv<Omit<ServeFolderOptions, 'listen'>> {
  /** `HOST:PORT`; by default loopback and a free port. */
  readonly listen?: string | undefined;
}

/** Serves all databases of a data folder. TOKEN_REQUIRED, TLS_REQUIRED, TLS_INVALID, DATA_IN_USE, LISTEN_FAILED. */
export function serve(options: ServeOptions): Promise<PaminaServer> {
  const { env = nodeEnv(), listen = '127.0.0.1:0', dataFolder, ...rest } = options;
  const { onNotice = warn } = rest;
  return serveFolder({ env, listen, dataFolder: resolve(dataFolder), ...rest, onNotice });
}

/** Where the program does not ask to be told: as Node's own warnings. */
function warn({ level, message }: Notice): void {
  if (level === 'warning') process.emitWarning(message, 'PaminaWarning');
}

export interface AdministerOptions {
  readonly token?: string | undefined;
  /** For an https:// address: PEM, as bytes. */
  readonly tls?: ClientTls | undefined;
  readonly env?: Env | undefined;
}

/** The administration of a server elsewhere: what the `pamina` command does, as calls. */
export function administer(address: string, options: AdministerOptions = {}): Administration {
  const { env = nodeEnv(), tls = null, token } = options;
  const network = securedNetwork(env.network, { tls: () => tls });
  return new RemoteAdministration({ env: { ...env, network }, address, token });
}
