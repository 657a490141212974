// What a person names when asking for a verification: a backup of a database by its id or tag, or a
// folder, which may hold a backup, several of them, or a database.
import { basename, dirname, join } from 'node:path';
import {
  PaminaError,
  formatPosition,
  timelineAt,
  type Position,
  type Timeline,
} from '@pamina/format';
import { Database, readControl, type Control } from '@pamina/engine';
import type { Env } from '@pamina/env';
import { backupChain } from './backup-chain.js';
import { listBackups, type ListedBackup } from './backup-list.js';
import { incrementalLogSource } from './incremental-log-source.js';
import { backupsFolderOf, manifestFileName } from './layout.js';
import { proveBackup, type Proven } from './prove-backup.js';
import { folderSource } from './source.js';
import {
  controlOf,
  isPromised,
  logOf,
  verifyContent,
  verifyDatabaseFiles,
  type VerifyDatabaseOptions,
} from './verify-database.js';
import type { RecordedHash } from './verify-replay.js';
import { attemptCheck, type VerifyCheck } from './verify-report.js';
import {
  verifyTarget,
  type TargetLog,
  type VerifySettings,
  type VerifyTarget,
} from './verify-target.js';

export interface VerifyNamedOptions extends VerifyDatabaseOptions {
  /** Id or tag. */
  readonly backup: string;
  /** What the chain must reach; by default the end of the log. */
  readonly until?: Position | undefined;
}

/** BACKUP_NOT_FOUND, DATABASE_NOT_FOUND, POSITION_UNREACHABLE (`until` is not on the history). */
export async function verifyNamedBackup(options: VerifyNamedOptions): Promise<VerifyCheck[]> {
  const { backup: wanted, env, folder, until } = options;
  const control = await controlOf(options);
  const place = backupsFolderOf(folder);
  const listed = await listBackups(env, place);
  const backup =
    listed.find(({ id }) => id === wanted) ??
    listed.find(({ manifest }) => manifest?.tag === wanted);
  if (backup === undefined) {
    const message = `${place} has no backup with the id or tag ${JSON.stringify(wanted)}`;
    const context = { path: place, backups: listed.map(({ id }) => id) };
    throw new PaminaError('BACKUP_NOT_FOUND', message, { context });
  }
  const log = await logOf(options, control);
  return verifyTarget({
    ...options,
    source: folderSource(env, backup.folder),
    subject: backup.id,
    folder: backup.folder,
    log,
    prove: proofOf(options, { backup, control, listed, log }),
    untilSeq: until === undefined ? undefined : seqOn(control.timelines, until),
    recorded: recordedBy(listed, control),
    problem: backup.problem,
    builtOn: builtOn(env, place, listed, backup),
  });
}

interface Named {
  readonly backup: ListedBackup;
  readonly listed: readonly ListedBackup[];
  readonly control: Control;
  readonly log: TargetLog;
}

/** Undefined where a hash of its state is known, or it is no full backup of this history. */
function proofOf(
  { env, signal }: VerifyNamedOptions,
  { backup, control, listed, log }: Named,
): VerifyTarget['prove'] {
  if (!hasManifest(backup) || backup.unproved === null || !isPromised(backup, control)) {
    return undefined;
  }
  const known = listed
    .filter(hasManifest)
    .filter((one) => one.stateHash !== null && isPromised(one, control));
  return (found, later) => proveBackup({ env, signal, backup, known, log }, found, later);
}

function hasManifest(backup: ListedBackup): backup is Proven {
  return backup.manifest !== null;
}

export interface VerifyFolderOptions extends VerifySettings {
  readonly folder: string;
  readonly until?: Position | undefined;
}

/** BACKUP_NOT_FOUND if nothing in the folder can be verified; POSITION_UNREACHABLE. */
export async function verifyFolder(options: VerifyFolderOptions): Promise<VerifyCheck[]> {
  const { env, folder, until } = options;
  const path = await env.disk.realPath(folder);
  if (await isThere(options, join(path, 'control.json'))) {
    return verifyDatabaseFolder({ ...options, folder: path });
  }
  if (await isThere(options, join(path, manifestFileName))) {
    const database = dirname(dirname(path));
    const control = await ownerOf(options, path, database);
    if (control !== null) {
      return verifyNamedBackup({ ...options, folder: database, backup: basename(path) });
    }
    return verifyAlone(options, path, until);
  }
  const listed = await listBackups(env, path);
  // Where one has a manifest, a folder without is a backup that has lost it.
  if (listed.every(({ problem }) => problem?.code === 'BACKUP_NOT_FOUND')) {
    const message = `${folder} holds neither a backup, nor backups, nor a database`;
    throw new PaminaError('BACKUP_NOT_FOUND', message, { context: { path } });
  }
  const checks: VerifyCheck[] = [];
  for (const backup of listed) {
    const { problem } = backup;
    const beside = { problem, builtOn: builtOn(env, path, listed, backup) };
    checks.push(...(await verifyAlone(options, backup.folder, until, beside)));
  }
  return checks;
}

/** Undefined for what is not incremental, and where something of what it builds on is wrong. */
function builtOn(
  env: Env,
  backupsFolder: string,
  listed: readonly ListedBackup[],
  { id, manifest, problem }: ListedBackup,
): VerifyTarget['builtOn'] {
  if (manifest?.after === undefined || problem !== null) return undefined;
  const [full] = backupChain(listed, id);
  if (full === undefined) return undefined;
  const log = incrementalLogSource(env, backupsFolder, manifest.pattern);
  return { full: folderSource(env, full.folder), log };
}

/** A backup without a log beside it: it stands for its own position. */
function verifyAlone(
  options: VerifyFolderOptions,
  path: string,
  until: Position | undefined,
  beside: Pick<VerifyTarget, 'problem' | 'builtOn'> = {},
): Promise<VerifyCheck[]> {
  const source = folderSource(options.env, path);
  const untilSeq = until?.seq;
  const subject = path;
  return verifyTarget({
    ...options,
    ...beside,
    source,
    subject,
    folder: path,
    log: null,
    untilSeq,
  });
}

async function verifyDatabaseFolder(options: VerifyFolderOptions): Promise<VerifyCheck[]> {
  const { env, folder, signal } = options;
  const checks = await verifyDatabaseFiles(options);
  if (options.deep !== true) return checks;
  const about = { check: 'content', subject: folder } as const;
  const content = await attemptCheck(about, signal, async () => {
    const database = await Database.open(folder, { env, access: 'read' });
    try {
      return await verifyContent({ ...options, content: database });
    } finally {
      await database.close();
    }
  });
  return [...checks, content];
}

/** The database whose own backup it is, if its folder is where a database keeps them. */
async function ownerOf(
  { env }: VerifySettings,
  path: string,
  database: string,
): Promise<Control | null> {
  if (dirname(path) !== backupsFolderOf(database)) return null;
  return readControl(env.disk, database);
}

async function isThere({ env }: VerifySettings, path: string): Promise<boolean> {
  const status = await env.disk.stat(path);
  return status !== null && !status.isFolder;
}

function recordedBy(listed: readonly ListedBackup[], control: Control): RecordedHash[] {
  return listed.flatMap((backup) => {
    const { id, manifest, stateHash } = backup;
    if (manifest === null || stateHash === null || !isPromised(backup, control)) return [];
    return [{ seq: manifest.position.seq, stateHash, backup: id }];
  });
}

/** Where one timeline forks from another, the state can be named by either number. */
function seqOn(timelines: readonly Timeline[], position: Position): number {
  const { seq, timeline } = position;
  const next = timelines.find(({ atSeq }) => atSeq === seq);
  const isOn = timelineAt(timelines, seq).timeline === timeline || next?.timeline === timeline;
  if (isOn) return seq;
  const message = `${formatPosition(position)} is not on the history of this database`;
  throw new PaminaError('POSITION_UNREACHABLE', message, { context: { timelines } });
}
