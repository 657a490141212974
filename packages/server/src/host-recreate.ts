// Building a replica anew from the master's newest backup: beside the old copy, verified, then
// swapped. The old copy is kept: what only it had is for a person to look at and to remove.

import { layLogBeginning } from '@pamina/backup';
import { type Control, readControl, writeControl } from '@pamina/engine';
import { forkPoint, PaminaError, parsePosition, toPaminaError } from '@pamina/format';
import type { DatabaseStatus, Progress, ReplicateOptions } from '@pamina/wire';
import { join } from 'node:path';
import type { HostCore } from './host-core.js';
import { backupToStartFrom, restoreTo } from './host-create.js';
import { goOffline, goOnline } from './host-start.js';
import type { MasterLink } from './master-link.js';
import { rescuePath, writeRescueFile } from './rescue-file.js';

/** Resolves to where the copy before is kept. The caller has the turn, and knows that nothing in it is lost by this. */
export async function recreate(
  core: HostCore,
  name: string,
  link: MasterLink,
  options: ReplicateOptions,
  progress?: Progress,
): Promise<string> {
  const { disk } = core.env;
  const before = await core.control(name);
  const backup = await backupToStartFrom(link, progress);
  const beside = besideFolder(core, name);
  await disk.removeTree(beside);
  await restoreTo(core, beside, name, link.source(backup.id), progress);
  const restored = await readControl(disk, beside);
  if (restored === null)
    throw new PaminaError('INTERNAL', `${beside} was restored without control`);
  await layLogBeginning({ env: core.env, folder: beside, source: link.log() });
  const simultaneousQuery = options.simultaneousQuery ?? before.simultaneousQuery;
  await permit(link, name, simultaneousQuery);
  // What can fail on the way is asked before anything here changes.
  const master = await link.status();
  await writeControl(disk, beside, {
    ...restored,
    type: 'replica',
    master: link.name,
    simultaneousQuery,
    // What protected the copy before against a mistake of its master protects this one.
    apply: before.apply ?? null,
    sourceArchive: before.sourceArchive ?? null,
    onTerminal: before.onTerminal ?? null,
    // Nothing of the new copy is there yet.
    archives: (before.archives ?? []).map((one) => ({
      ...one,
      fromSeq: Math.min(one.fromSeq, restored.base.seq + 1),
    })),
  });
  await goOffline(core, name);
  // An old master that rejoins has written its own.
  const rescued = before.type === 'replica' ? await rescue(core, before, master) : none;
  const kept = await swap(core, name, beside);
  await core.opened(name, 'read', (database) => {
    const message = `${name} was created anew from backup ${backup.id} of ${link.name}.${rescued.words} The copy before is kept in ${kept}; remove it when nothing in it is needed.`;
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

const none = { path: null, words: '' };

/** The commits that the master does not have any more, in a file: they are nowhere else. */
async function rescue(
  core: HostCore,
  { name, timelines }: Pick<Control, 'name' | 'timelines'>,
  master: DatabaseStatus,
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
