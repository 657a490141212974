// An old master becomes a replica of who took its place. What only it has is written to a file first, then
// it goes on from the last record that both have, or is built anew beside and swapped.

import { layLogBeginning } from '@pamina/backup';
import { type Control, writeControl } from '@pamina/engine';
import { forkPoint, PaminaError, toPaminaError, validateName } from '@pamina/format';
import type { DatabaseStatus, Progress, RejoinOptions, RejoinReport } from '@pamina/wire';
import type { HostCore } from './host-core.js';
import { requireNameFree, requireOwnName } from './host-names.js';
import { masterOrigin, recreate } from './host-recreate.js';
import { goOffline, goOnline } from './host-start.js';
import { freeName } from './host-take-over.js';
import type { MasterLink } from './master-link.js';
import { countCommits, rescuePath, writeRescueFile } from './rescue-file.js';

interface Plan {
  readonly name: string;
  /** What it is called from now on. */
  readonly to: string;
  readonly link: MasterLink;
  readonly forkSeq: number;
  readonly durableSeq: number;
}

/**
 * DATABASE_TYPE, PATTERN_MISMATCH, DIVERGED, LOG_GONE, NAME_NOT_FOUND, NAME_TAKEN, DATABASE_EXISTS; nothing is changed
 * then.
 */
export async function rejoin(
  core: HostCore,
  name: string,
  options: RejoinOptions,
  progress?: Progress,
): Promise<RejoinReport> {
  const control = await core.control(name);
  if (control.type !== 'normal') {
    throw new PaminaError('DATABASE_TYPE', `${name} is ${control.type}, not an old master`);
  }
  const to = await newNameOf(core, name, control, options);
  const inOrder = [name, to].sort();
  return core.turns.run(inOrder[0] as string, () =>
    to === name
      ? rejoinInTurn(core, name, to, options, progress)
      : core.turns.run(inOrder[1] as string, () => rejoinInTurn(core, name, to, options, progress)),
  );
}

async function newNameOf(
  core: HostCore,
  name: string,
  control: Control,
  options: RejoinOptions,
): Promise<string> {
  const master = options.master ?? masterOf(name, control);
  const { as } = options;
  if (as === undefined) return master === name ? freeName(core, name) : name;
  validateName(as);
  requireOwnName(as, master);
  if (as !== name && (await core.env.disk.stat(core.folder(as))) !== null) {
    throw new PaminaError('DATABASE_EXISTS', `${core.folder(as)} is there already`);
  }
  if (as !== name) await requireNameFree(core, as);
  return as;
}

/** Who took over has the old master's name; the old master may have been renamed to make room. */
function masterOf(name: string, { fence }: Control): string {
  return fence?.takenOver === true ? fence.successor : name;
}

async function rejoinInTurn(
  core: HostCore,
  name: string,
  to: string,
  options: RejoinOptions,
  progress?: Progress,
): Promise<RejoinReport> {
  const control = await core.control(name);
  const link = await core.link(options.master ?? masterOf(name, control));
  const master = await requireSuccessor(name, control, link);
  const { seqMax } = forkPoint(control.timelines, master.timelines);
  const wasOnline = core.online.has(name);
  await goOffline(core, name, { keepName: true });
  try {
    const found = await rescued(core, name, seqMax, options);
    const { durableSeq, missing, rescue, unshipped } = found;
    const plan: Plan = { name, to, link, durableSeq, forkSeq: Math.min(seqMax, durableSeq) };
    const way = durableSeq <= seqMax ? 'followed' : 'recreated';
    const about: Omit<RejoinReport, 'kept' | 'dryRun'> = {
      ...{ name: to, formerName: name, master: link.name, forkSeq: plan.forkSeq },
      ...{ unshipped, rescue, missing, way },
    };
    if (options.dryRun === true) {
      if (wasOnline) await goOnline(core, name);
      return { ...about, kept: null, dryRun: true };
    }
    const kept = await becomeReplica(core, plan, way, progress);
    if (missing !== null) await tellMissing(core, to, missing, kept);
    return { ...about, kept, dryRun: false };
  } catch (error) {
    if (wasOnline && (await mayGoOn(core, name))) await goOnline(core, name);
    throw error;
  }
}

/** It is as it was before. */
async function mayGoOn(core: HostCore, name: string): Promise<boolean> {
  return (await core.exists(name)) && (await core.control(name)).fence?.takenOver !== true;
}

interface Rescued extends Pick<RejoinReport, 'unshipped' | 'rescue'> {
  readonly durableSeq: number;
  readonly missing: Missing | null;
}

type Missing = NonNullable<RejoinReport['missing']>;

/**
 * The commits that no other database has, in a file before anything is changed; in a dry run only counted. LOG_GONE
 * where not all of them are in the log any more, unless that is accepted.
 */
async function rescued(
  core: HostCore,
  name: string,
  seqMax: number,
  { acceptLoss, dryRun }: RejoinOptions,
): Promise<Rescued> {
  return core.opened(name, 'read', async (database) => {
    const durableSeq = database.durable().seq;
    if (durableSeq <= seqMax) return { durableSeq, unshipped: 0, rescue: null, missing: null };
    const { firstSeq } = database.log;
    const missing = firstSeq > seqMax + 1 ? { fromSeq: seqMax + 1, toSeq: firstSeq - 1 } : null;
    if (missing !== null && dryRun !== true && acceptLoss !== true) throw givenUp(name, missing);
    const behind = missing?.toSeq ?? seqMax;
    const path = rescuePath(core, name);
    const unshipped =
      dryRun === true
        ? await countCommits(database, behind)
        : await writeRescueFile(core.env.disk, path, database, behind);
    return { durableSeq, unshipped, rescue: unshipped === 0 ? null : path, missing };
  });
}

/** Retention passed the fork: no replica was to get that log any more. */
function givenUp(name: string, missing: Missing): PaminaError {
  const { fromSeq, toSeq } = missing;
  const message = `the records ${fromSeq} to ${toSeq}, which only ${name} had, are not in its log any more and cannot be written to a file`;
  return new PaminaError('LOG_GONE', message, {
    context: { ...missing },
    hint: `Its store has what they changed: to see it, stop its server and read it with \`pamina export ${name}\`. \`pamina rejoin ${name} --accept-loss\` writes what is left of its log to a file, builds it anew, and keeps its files of before.`,
  });
}

async function tellMissing(
  core: HostCore,
  name: string,
  missing: Missing,
  kept: string | null,
): Promise<void> {
  const { fromSeq, toSeq } = missing;
  await core.use(name, 'read', ({ database }) => {
    const message = `The records ${fromSeq} to ${toSeq}, which nobody else had, were not in the log any more: they are in no file. The store in ${kept} has what they changed.`;
    database.jobLog.write('warning', 'rescue-incomplete', message, { ...missing, kept });
    return Promise.resolve();
  });
}

/** DATABASE_OFFLINE, REQUEST_INVALID, PATTERN_MISMATCH, DIVERGED. */
async function requireSuccessor(
  name: string,
  { instance, pattern, timelines }: Control,
  link: MasterLink,
): Promise<DatabaseStatus> {
  const master = await link.status();
  if (!master.online) throw new PaminaError('DATABASE_OFFLINE', `${link.name} is offline`);
  if (master.type !== 'normal') {
    const message = `${link.name} is ${master.type} and has taken nobody's place`;
    throw new PaminaError('DATABASE_TYPE', message, {
      hint: `Name who took over with \`--master\`. To let a replica of ${name} take over, use \`pamina failover\`.`,
    });
  }
  if (master.instance === instance) {
    throw new PaminaError(
      'REQUEST_INVALID',
      `nobody has taken over the name ${name}: it is this one's`,
      {
        hint: 'Nothing is to be done. To let a replica take over, use `pamina failover`.',
      },
    );
  }
  if (pattern === null || master.pattern !== pattern) {
    throw new PaminaError('PATTERN_MISMATCH', `${link.name} is another database than ${name} was`);
  }
  if (forkPoint(timelines, master.timelines).common > 0) return master;
  throw new PaminaError('DIVERGED', `${name} and ${link.name} have no history in common`);
}

/** Where the files of before are kept; null where they were gone on with. */
async function becomeReplica(
  core: HostCore,
  plan: Plan,
  way: 'followed' | 'recreated',
  progress?: Progress,
): Promise<string | null> {
  const { link, name, to } = plan;
  // What the new master may refuse is asked before anything is changed here.
  await link.allow(to, false);
  await fenceAndRename(core, name, to, link.name);
  try {
    return await follow(core, plan, way, progress);
  } catch (error) {
    const isOldMaster = (await core.exists(to)) && (await core.control(to)).type === 'normal';
    if (!isOldMaster) throw error;
    const { code, context, message } = toPaminaError(error);
    throw new PaminaError(code, message, {
      ...{ cause: error, context },
      hint: `The old master is called ${to} now and takes no writes. Mend the cause, then go on with \`pamina rejoin ${to}\`.`,
    });
  }
}

async function follow(
  core: HostCore,
  { link, name, to }: Plan,
  way: 'followed' | 'recreated',
  progress?: Progress,
): Promise<string | null> {
  if (way === 'recreated') return recreate(core, to, masterOrigin(link), {}, progress);
  await layLogBeginning({ env: core.env, folder: core.folder(to), source: link.log() });
  await core.opened(to, 'read', async (database) => {
    await database.updateControl({
      ...{ type: 'replica', master: link.name, fence: null, takeover: null },
      simultaneousQuery: false,
    });
    const message = `${name} follows ${link.name}, which took its place, as ${to}.`;
    database.jobLog.write('warning', 'rejoined', message, { from: name, master: link.name });
  });
  core.faults.delete(to);
  if (core.address !== null) await goOnline(core, to);
  return null;
}

/** Under no name does it write again: a crash from here on leaves a database that says so. */
async function fenceAndRename(
  core: HostCore,
  name: string,
  to: string,
  successor: string,
): Promise<void> {
  const { clock, disk } = core.env;
  const control = await core.control(name);
  const fence = { since: clock.now(), successor, takenOver: true };
  await writeControl(disk, core.folder(name), { ...control, fence });
  if (to === name) return;
  await disk.rename(core.folder(name), core.folder(to));
  await writeControl(disk, core.folder(to), { ...control, fence, name: to });
  core.faults.delete(name);
}
