// Building a replica anew from the newest backup of its master or in its archive: beside the old copy,
// verified, then swapped. The old copy is kept: what only it had is for a person to look at and to remove.

import { type BackupSource, layLogBeginning, type LogSource } from '@pamina/backup';
import { type Control, type Database, readControl, writeControl } from '@pamina/engine';
import { forkPoint, PaminaError, parsePosition, toPaminaError } from '@pamina/format';
import type { DatabaseStatus, Progress, ReplicateOptions } from '@pamina/wire';
import { join } from 'node:path';
import type { HostCore } from './host-core.js';
import { backupToStartFrom, restoreTo } from './host-create.js';
import { goOffline, goOnline } from './host-start.js';
import type { MasterLink } from './master-link.js';
import { rescuePath, writeRescueFile } from './rescue-file.js';

type History = Pick<DatabaseStatus, 'durable' | 'name' | 'timelines'>;

/** Where a replica comes from when it is made anew. */
export interface Origin {
  /** For the job log: `cities`, `the archive /safe`. */
  readonly words: string;
  /** What the new copy says of whom it follows. */
  readonly follows: Partial<Pick<Control, 'master' | 'sourceArchive'>>;
  /** What it begins with. */
  backup(progress?: Progress): Promise<{ readonly id: string; readonly source: BackupSource }>;
  /** The log behind it. */
  log(control: Control): LogSource;
  /** What it has; null where that is known only by reading all of it. */
  history(): Promise<History | null>;
  /** Before anything is swapped. */
  permit(name: string, simultaneousQuery: boolean): Promise<void>;
}

export function masterOrigin(link: MasterLink): Origin {
  return {
    words: link.name,
    follows: { master: link.name },
    async backup(progress) {
      const { id } = await backupToStartFrom(link, progress);
      return { id, source: link.source(id) };
    },
    log: () => link.log(),
    history: () => link.status(),
    permit: (name, simultaneousQuery) => permit(link, name, simultaneousQuery),
  };
}

type Choice = Pick<ReplicateOptions, 'simultaneousQuery'>;

/** Resolves to where the copy before is kept. The caller has the turn, and knows that nothing in it is lost by this. */
export async function recreate(
  core: HostCore,
  name: string,
  origin: Origin,
  options: Choice = {},
  progress?: Progress,
): Promise<string> {
  const { disk } = core.env;
  const before = await core.control(name);
  const backup = await origin.backup(progress);
  const beside = besideFolder(core, name);
  await disk.removeTree(beside);
  await restoreTo(core, beside, name, backup.source, progress);
  const restored = await readControl(disk, beside);
  if (restored === null)
    throw new PaminaError('INTERNAL', `${beside} was restored without control`);
  await layLogBeginning({ env: core.env, folder: beside, source: origin.log(restored) });
  const simultaneousQuery = options.simultaneousQuery ?? before.simultaneousQuery;
  await origin.permit(name, simultaneousQuery);
  // What can fail on the way is asked before anything here changes.
  const history = await origin.history();
  await writeControl(disk, beside, replacing(before, restored, origin, simultaneousQuery));
  await goOffline(core, name);
  // An old master that rejoins has written its own.
  const isReplica = before.type === 'replica';
  const rescued = isReplica && history !== null ? await rescue(core, before, history) : none;
  const kept = await swap(core, name, beside);
  await core.opened(name, 'read', (database) => {
    const message = `${name} was created anew from backup ${backup.id} of ${origin.words}.${rescued.words} The copy before is kept in ${kept}; remove it when nothing in it is needed.`;
    const { path } = rescued;
    database.jobLog.write('warning', 'recreated', message, {
      ...{ backup: backup.id, kept },
      ...(path === null ? {} : { rescue: path }),
    });
    return Promise.resolve();
  });
  if (core.address !== null) await goOnline(core, name);
  return kept;
}

/** What protected the copy before against a mistake of its master protects this one. */
function replacing(
  before: Control,
  restored: Control,
  { follows }: Origin,
  simultaneousQuery: boolean,
): Control {
  return {
    ...restored,
    type: 'replica',
    master: before.master,
    simultaneousQuery,
    apply: before.apply ?? null,
    sourceArchive: before.sourceArchive ?? null,
    onTerminal: before.onTerminal ?? null,
    // Nothing of the new copy is there yet.
    archives: (before.archives ?? []).map((one) => ({
      ...one,
      fromSeq: Math.min(one.fromSeq, restored.base.seq + 1),
    })),
    ...follows,
  };
}

/** A person has looked at it: what it did by itself before does not count any more. */
export async function forgiveRecreates(core: HostCore, name: string): Promise<void> {
  const { onTerminal } = await core.control(name);
  if (onTerminal === undefined || onTerminal === null) return;
  const online = core.online.get(name);
  const forgive = (database: Pick<Database, 'updateControl'>): Promise<void> =>
    database.updateControl({ onTerminal: { recreatedAt: [] } });
  await (online === undefined ? core.opened(name, 'read', forgive) : forgive(online.database));
}

const none = { path: null, words: '' };

/** The commits that the master does not have any more, in a file: they are nowhere else. */
async function rescue(
  core: HostCore,
  { name, timelines }: Pick<Control, 'name' | 'timelines'>,
  master: History,
): Promise<{ readonly path: string | null; readonly words: string }> {
  const { common, seqMax } = forkPoint(timelines, master.timelines);
  const end = master.durable === null ? null : parsePosition(master.durable).seq;
  // Of another database nothing is missing here.
  if (common === 0 || end === null) return none;
  const sharedSeq = Math.min(seqMax, end);
  const path = rescuePath(core, name);
  try {
    const commits = await core.opened(name, 'read', (database) =>
      database.durable().seq <= sharedSeq
        ? Promise.resolve(0)
        : writeRescueFile(core.env.disk, path, database, sharedSeq),
    );
    if (commits === 0) return none;
    const words = ` Its ${commits} commits behind record ${sharedSeq}, which ${master.name} does not have, are in ${path}.`;
    return { path, words };
  } catch (error) {
    const { message } = toPaminaError(error);
    const words = ` What it has behind record ${sharedSeq} and ${master.name} has not could not be written to a file (${message}).`;
    return { path: null, words };
  }
}

/** A replica permits nobody itself: whom its master permits it serves too. */
async function permit(link: MasterLink, name: string, simultaneousQuery: boolean): Promise<void> {
  const { type } = await link.status();
  const permitted = type === 'replica' ? await link.permitted() : [];
  if (!permitted.includes(name)) await link.allow(name, simultaneousQuery);
}

async function swap(core: HostCore, name: string, beside: string): Promise<string> {
  const { clock, disk } = core.env;
  const time = new Date(clock.now()).toISOString().replace(/[:.]/g, '-');
  await disk.makeFolder(join(core.dataFolder, '.replaced'));
  const kept = join(core.dataFolder, '.replaced', `${name}-${time}`);
  await disk.rename(core.folder(name), kept);
  await disk.rename(beside, core.folder(name));
  return kept;
}

/** A crash between the two renames of a swap left no folder of this name: the second is made up for. */
export async function finishSwaps(core: HostCore): Promise<void> {
  const { disk } = core.env;
  for (const { isFolder, name: entry } of await disk.list(core.dataFolder)) {
    const name = entry.startsWith(besidePrefix) ? entry.slice(besidePrefix.length) : null;
    if (!isFolder || name === null) continue;
    const control = await readControl(disk, join(core.dataFolder, entry));
    const isWhole = control?.type === 'replica' && control.name === name;
    if (isWhole && (await disk.stat(core.folder(name))) === null) {
      await disk.rename(join(core.dataFolder, entry), core.folder(name));
    }
  }
}

const besidePrefix = '.recreate-';

function besideFolder(core: HostCore, name: string): string {
  return join(core.dataFolder, `${besidePrefix}${name}`);
}
