// Lays out a new database beside its place and renames it there whole (P8), with the initial backup:
// the state before any session, which carries no pattern and from which no replica can be made.
import { basename, dirname, join, resolve } from 'node:path';
import {
  PaminaError,
  bytesToHex,
  encodeManifest,
  validateName,
  type Timeline,
} from '@pamina/format';
import type { Disk, Env } from '@pamina/env';
import { writeControl, type Control } from './control.js';
import { claimPath } from './open-paths.js';
import { StateStore } from './state-store.js';
import { version } from './version.js';

export interface CreateOptions {
  readonly env: Env;
  /** Default: the name of the folder. */
  readonly name?: string | undefined;
}

export const storeFolder = 'store';
export const logFolder = 'log';
export const backupsFolder = 'backups';
export const initialBackupId = 'initial';
/** Where a database is laid out whose folder is there already. */
const insideName = '.creating';
const ownParts = [storeFolder, backupsFolder];
/** Stands in every new file system of the ext family. */
const lostAndFound = 'lost+found';
const leftoverAgeMsMin = 60 * 60 * 1000;
/** sha256 of no entry at all. */
const emptyStateHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** DATABASE_EXISTS, LEVEL_STORE_FOUND, FILE_EXISTS (the folder holds something else), NAME_INVALID. */
export async function createDatabase(folder: string, options: CreateOptions): Promise<Control> {
  const { env } = options;
  const { disk } = env;
  const path = resolve(folder);
  const control = newControl(env, validateName(options.name ?? nameFromFolder(path)));
  const isThere = (await disk.stat(path)) !== null;
  if (isThere) await createInside(env, await disk.realPath(path), control);
  else await createBeside(env, path, control);
  return control;
}

/** The usual way: nothing is there, and one rename makes it all. */
async function createBeside(env: Env, path: string, control: Control): Promise<void> {
  const { disk } = env;
  const parent = dirname(path);
  await disk.makeFolder(parent);
  const prefix = `.${basename(path)}.creating-`;
  await removeLeftovers(env, parent, prefix);
  const beside = join(parent, prefix + bytesToHex(env.random.bytes(6)));
  try {
    await layOut(env, beside, control);
    await disk.rename(beside, path);
  } catch (error) {
    await disk.removeTree(beside);
    // Somebody else who created it at the same time was faster.
    if ((await disk.stat(path)) !== null) await refuseOccupied(disk, path);
    throw error;
  }
}

/**
 * The folder is there and empty. It stays, since it may be a mount point; its parts are moved into it,
 * control.json last: until then it holds nothing that anybody could have used.
 */
async function createInside(env: Env, path: string, control: Control): Promise<void> {
  const { disk } = env;
  const releasePath = claimPath(path);
  try {
    await refuseOccupied(disk, path);
    const beside = join(path, insideName);
    for (const name of [...ownParts, insideName]) await disk.removeTree(join(path, name));
    await layOut(env, beside, control);
    for (const part of ownParts) await disk.rename(join(beside, part), join(path, part));
    await disk.rename(join(beside, 'control.json'), join(path, 'control.json'));
    await disk.removeTree(beside);
  } finally {
    releasePath();
  }
}

async function layOut(env: Env, folder: string, control: Control): Promise<void> {
  const { disk } = env;
  await disk.makeFolder(join(folder, storeFolder));
  await layOutStore(env, join(folder, storeFolder), control);
  await writeInitialBackup(disk, folder, control);
  await writeControl(disk, folder, control);
}

/** What a crash left of earlier tries, told from one that is running by its age. */
async function removeLeftovers(env: Env, parent: string, prefix: string): Promise<void> {
  const { disk, clock } = env;
  for (const { name, modifiedMs } of await disk.list(parent)) {
    if (!name.startsWith(prefix) || clock.now() - modifiedMs < leftoverAgeMsMin) continue;
    await disk.removeTree(join(parent, name));
  }
}

/** Refuses a folder that holds anything; an empty one, or one that a creation cut short left, is fine. */
export async function refuseOccupied(disk: Disk, folder: string): Promise<void> {
  if ((await disk.stat(folder)) === null) return;
  const names = (await disk.list(folder)).map((entry) => entry.name);
  if (names.includes('control.json')) {
    throw new PaminaError('DATABASE_EXISTS', `${folder} already holds a database`, {
      context: { path: folder },
    });
  }
  refuseLevelStore(folder, names);
  const isLeftover = names.includes(insideName);
  const own: readonly string[] = isLeftover
    ? [insideName, ...ownParts, lostAndFound]
    : [lostAndFound];
  if (names.some((name) => !own.includes(name))) {
    throw new PaminaError('FILE_EXISTS', `${folder} is not empty and holds no database`, {
      context: { path: folder },
    });
  }
}

export function refuseLevelStore(folder: string, names: readonly string[]): void {
  if (!names.includes('CURRENT') || names.includes('control.json')) return;
  throw new PaminaError('LEVEL_STORE_FOUND', `${folder} holds a plain LevelDB`, {
    context: { path: folder },
  });
}

/** The folder's name with what a database name may not hold replaced. */
export function nameFromFolder(folder: string): string {
  const name = basename(folder)
    .replace(/[^a-z0-9._-]+/gi, '-')
    .replace(/\.{2,}/g, '.')
    .replace(/^[^a-z0-9]+/i, '')
    .slice(0, 64);
  return name === '' ? 'database' : name;
}

export function newInstance(env: Env): string {
  return bytesToHex(env.random.bytes(16));
}

export function newTimeline(
  env: Env,
  history: readonly Timeline[],
  atSeq: number,
  why: string,
): Timeline {
  const parent = history.at(-1);
  return {
    timeline: (parent?.timeline ?? 0) + 1,
    id: bytesToHex(env.random.bytes(8)),
    forkedFrom: parent?.id ?? null,
    atSeq,
    why,
  };
}

function newControl(env: Env, name: string): Control {
  const now = env.clock.now();
  const seed = env.random.bytes(4);
  return {
    formatVersion: 1,
    name,
    type: 'normal',
    instance: newInstance(env),
    master: null,
    readOnly: false,
    simultaneousQuery: false,
    timelines: [newTimeline(env, [], 0, 'created')],
    pattern: null,
    // A random seed: the logs of two databases never fit each other.
    base: { seq: 0, chain: new DataView(seed.buffer, seed.byteOffset).getUint32(0), time: now },
    session: 0,
    createdAt: now,
    keepFromSeq: null,
    formerMaster: null,
  };
}

async function layOutStore(env: Env, folder: string, control: Control): Promise<void> {
  const store = await StateStore.open(env, folder, { create: true });
  try {
    await store.initialize(control.base, control.session);
  } catch (error) {
    if (error instanceof PaminaError) throw error;
    throw new PaminaError('STORE_ERROR', `LevelDB could not lay out ${folder}`, { cause: error });
  } finally {
    await store.close();
  }
}

async function writeInitialBackup(disk: Disk, folder: string, control: Control): Promise<void> {
  const backup = join(folder, backupsFolder, initialBackupId);
  await disk.makeFolder(backup);
  const manifest = encodeManifest({
    id: initialBackupId,
    form: 'logical',
    kind: 'initial',
    tag: null,
    database: control.name,
    pattern: null,
    timelines: control.timelines,
    session: 0,
    position: { timeline: 1, seq: 0 },
    chain: control.base.chain,
    createdAt: control.createdAt,
    startedAt: control.createdAt,
    codec: 'none',
    chunks: [],
    entries: 0,
    rawBytes: 0,
    stateHash: emptyStateHash,
    version,
  });
  await disk.replaceFile(join(backup, 'manifest'), manifest);
}
