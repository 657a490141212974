// Verbs that change what a database is or is called: reset, rename, delete.

import { type Control, Database, readControl, writeControl } from '@pamina/engine';
import { isPaminaError, PaminaError, takeoverReason, validateName } from '@pamina/format';
import type { DeleteReport, LeftArchive, ResetOptions } from '@pamina/wire';
import { join, relative } from 'node:path';
import { pauseBefore } from './host-apply.js';
import { takeLeave } from './host-archive.js';
import type { HostCore } from './host-core.js';
import { keptBackupsFolder, keptBackupsPath } from './host-kept-backups.js';
import { enterName, inheritName, requireNameFree, withdrawName } from './host-names.js';
import { bringUp, goOffline, goOnline } from './host-start.js';

/**
 * A replica becomes normal, with all that it received or with what is before a position, on a timeline of
 * its own. DATABASE_TYPE, POSITION_AHEAD, POSITION_PASSED.
 */
export async function reset(
  core: HostCore,
  name: string,
  { untilPosition }: ResetOptions = {},
): Promise<void> {
  const untilSeq =
    untilPosition === undefined ? undefined : await pauseBefore(core, name, untilPosition);
  await core.turns.run(name, async () => {
    const { master, type } = await core.control(name);
    if (type !== 'replica') {
      throw new PaminaError('DATABASE_TYPE', `${name} is ${type}, and only a replica is reset`);
    }
    // Its feeds and readers hold the log that is about to be closed.
    const wasOnline = core.online.has(name);
    await goOffline(core, name, { keepName: true });
    const database = await Database.open(core.folder(name), { env: core.env });
    try {
      const why = `reset of a replica of ${master ?? 'an unknown master'}`;
      await database.becomeNormal(why, untilSeq);
    } catch (error) {
      await database.close();
      if (wasOnline) await goOnline(core, name);
      throw error;
    }
    if (core.address === null || core.signal.aborted) return database.close();
    const { instance } = database.control;
    const isRegistered = await enterName(core, name, instance);
    try {
      await bringUp(core, name, database, isRegistered);
    } catch (error) {
      if (isRegistered) await withdrawName(core, name, instance);
      // It is reset all the same; the server that closes meanwhile only does not bring it up.
      if (error !== core.signal.reason) throw error;
    }
  });
}

/** The folder, control.json and the directory. DATABASE_EXISTS, NAME_TAKEN; REQUEST_INVALID for its master's name. */
export async function rename(core: HostCore, name: string, to: string): Promise<void> {
  await core.control(name);
  validateName(to);
  if (to === name) return;
  const inOrder = [name, to].sort() as [string, string];
  await core.turns.run(inOrder[0], () =>
    core.turns.run(inOrder[1], () => renameInTurn(core, name, to)),
  );
}

async function renameInTurn(core: HostCore, name: string, to: string): Promise<void> {
  const { disk } = core.env;
  // Asked in its turn: it may have been removed, or another made, while this one waited.
  const { instance, master, type } = await core.control(name);
  if (type === 'replica' && to === master) throw nameOfItsMaster(name, to);
  if ((await disk.stat(core.folder(to))) !== null) {
    throw new PaminaError('DATABASE_EXISTS', `${core.folder(to)} is there already`);
  }
  await requireNameFree(core, to);
  const isEntered = core.online.has(name) && (await enterName(core, to, instance));
  const wasOnline = core.online.has(name);
  try {
    await goOffline(core, name, { keepName: true });
    await requireUnused(core, name);
    await disk.rename(core.folder(name), core.folder(to));
  } catch (error) {
    if (isEntered) await withdrawName(core, to, instance);
    if (wasOnline) await goOnline(core, name);
    throw error;
  }
  await noteName(core, name, to);
  if (!wasOnline) await inheritName(core, to, instance);
  if (wasOnline) await goOnline(core, to);
  await withdrawName(core, name, instance);
}

/** It would look for its master under its own name, and find itself. */
function nameOfItsMaster(name: string, master: string): PaminaError {
  return new PaminaError('REQUEST_INVALID', `${name} is a replica of ${master}`, {
    context: { name, master },
    hint: `To let it take its master's place and name, use \`pamina failover ${master} --to ${name}\`. To make it a database of its own first, use \`pamina reset ${name}\`.`,
  });
}

async function noteName(core: HostCore, name: string, to: string): Promise<void> {
  const control = await readControl(core.env.disk, core.folder(to));
  if (control === null)
    throw new PaminaError('CONTROL_INVALID', `${core.folder(to)} has no control`);
  const isTakeover = control.type === 'normal' && control.formerMaster === to;
  const timelines = isTakeover ? withReason(control, takeoverReason(to, name)) : control.timelines;
  await writeControl(core.env.disk, core.folder(to), { ...control, name: to, timelines });
  await core.opened(to, 'read', ({ jobLog }) => {
    const what = isTakeover ? `${name} takes over the name ${to}` : `${name} is now called ${to}`;
    jobLog.write('info', 'renamed', `${what}.`, { from: name, to });
    if (control.type === 'replica') {
      const message = `The master ${control.master} must permit the new name: \`pamina allow ${control.master} ${to}\`.`;
      jobLog.write('warning', 'renamed-replica', message, { master: control.master });
    }
    return Promise.resolve();
  });
}

/** The reason of the current timeline says whose place it takes; histories are compared by ids. */
function withReason({ timelines }: Control, why: string): Control['timelines'] {
  return timelines.map((timeline, at) =>
    at === timelines.length - 1 ? { ...timeline, why } : timeline,
  );
}

/** DATABASE_ONLINE; with `keepBackups` they are moved aside, not removed. */
export async function remove(
  core: HostCore,
  name: string,
  options: { keepBackups?: boolean | undefined; dryRun?: boolean | undefined },
): Promise<DeleteReport> {
  return core.turns.run(name, async () => {
    const control = await core.control(name);
    const { disk } = core.env;
    const folder = core.folder(name);
    if (core.online.has(name)) throw new PaminaError('DATABASE_ONLINE', `${name} is online`);
    const time = new Date(core.env.clock.now()).toISOString().replace(/[:.]/g, '-');
    const backups = join(folder, 'backups');
    const keeps = options.keepBackups === true && (await disk.stat(backups)) !== null;
    const keptIn = keptBackupsPath(core.dataFolder, name, time);
    const entries = await disk.list(folder);
    const removed = entries
      .map((entry) => join(folder, entry.name))
      .filter((path) => !keeps || path !== backups);
    const report = {
      removed: removed.map((path) => relative(core.dataFolder, path)),
      kept: keeps ? [relative(core.dataFolder, options.dryRun === true ? backups : keptIn)] : [],
    };
    const { archives = [] } = control;
    if (options.dryRun === true) {
      const left = archives.map(({ address, name: archive }) => ({ name: archive, address }));
      return { ...report, archives: left.map((one) => ({ ...one, problem: null })) };
    }
    await requireUnused(core, name);
    if (keeps) {
      await disk.makeFolder(keptBackupsFolder(core.dataFolder));
      await disk.rename(backups, keptIn);
    }
    // Renamed first: a crash leaves a folder that is no database any more, never half of one.
    const removing = join(core.dataFolder, `.removing-${name}-${time}`);
    await disk.rename(folder, removing);
    await disk.removeTree(removing);
    core.faults.delete(name);
    core.stoppedAt.delete(name);
    await withdrawName(core, name, control.instance);
    return { ...report, archives: await leaveAll(core, control) };
  });
}

/** What is there stays, and can be expired from anywhere: nothing keeps it for this database any more. */
function leaveAll(core: HostCore, control: Control): Promise<LeftArchive[]> {
  return Promise.all(
    (control.archives ?? []).map(async (setting) => {
      const problem = await takeLeave(core, control, setting);
      const { address, name } = setting;
      return { name, address, problem: problem?.message ?? null };
    }),
  );
}

export async function finishRemovals(core: HostCore): Promise<void> {
  const { disk } = core.env;
  for (const { isFolder, name } of await disk.list(core.dataFolder)) {
    if (isFolder && name.startsWith('.removing-'))
      await disk.removeTree(join(core.dataFolder, name));
  }
}

/** DATABASE_IN_USE when another process has it; a database too damaged to open is no obstacle. */
export async function requireUnused(core: HostCore, name: string): Promise<void> {
  try {
    await core.opened(name, 'read', () => Promise.resolve());
  } catch (error) {
    if (!isPaminaError(error) || error.code === 'DATABASE_IN_USE') throw error;
  }
}
