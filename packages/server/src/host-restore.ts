// Restores: a backup and the log behind it, up to a target, as a new database, as a copy of one that
// stays as it is, or in the place of one that is stopped. Planned before anything is touched.

import {
  holdLogs,
  planRecovery,
  recoverInPlace,
  type RecoverProgress,
  type RecoveryPlace,
  type RecoveryPlan,
  type RecoveryTarget,
  recoverTo,
} from '@pamina/backup';
import { JobLog, writeControl, type Control } from '@pamina/engine';
import { formatPosition, PaminaError, parsePosition, validateName } from '@pamina/format';
import type { Progress, RestoreOptions, RestoreReport } from '@pamina/wire';
import { basename, join } from 'node:path';
import { requireUnused } from './host-change.js';
import type { HostCore } from './host-core.js';
import { requireNew } from './host-create.js';
import { inheritName } from './host-names.js';
import { ownPlace, placeOf } from './host-places.js';
import {
  besideFolder,
  besidePrefix,
  finishRestore,
  keptFolder,
  replacesFile,
} from './host-swap.js';
import { goOffline, goOnline } from './host-start.js';

interface Task {
  readonly core: HostCore;
  /** The database that is restored to. */
  readonly name: string;
  readonly options: RestoreOptions;
  readonly plan: RecoveryPlan;
  readonly from: RecoveryPlace;
  readonly how: RestoreReport['how'];
  readonly signal: AbortSignal;
  readonly onProgress: ((progress: RecoverProgress) => void) | undefined;
}

type Done = Pick<RestoreReport, 'kept' | 'stateHash' | 'proven'>;

/** POSITION_UNREACHABLE, DATABASE_ONLINE, DATABASE_EXISTS, and what a restore and a replay throw. */
export async function restoreDatabase(
  core: HostCore,
  name: string,
  options: RestoreOptions,
  progress?: Progress,
  signal?: AbortSignal,
): Promise<RestoreReport> {
  const target = targetOf(options);
  const to = validateName(options.as ?? name);
  validateName(name);
  if (options.as === name) {
    throw new PaminaError('REQUEST_INVALID', 'the copy needs a name of its own', {
      context: { name },
    });
  }
  const end = signal === undefined ? core.signal : AbortSignal.any([core.signal, signal]);
  // In its turn: nobody makes, starts or removes what is restored to.
  return core.turns.run(to, async () => {
    await finishRestore(core, to);
    const isHere = await core.exists(name);
    // What is brought from elsewhere may be all that is known here of the database.
    if (options.as !== undefined && options.from === undefined) await core.control(name);
    if (options.as !== undefined || !isHere) await requireNew(core, to);
    const isInPlace = isHere && options.as === undefined;
    if (isInPlace && options.dryRun !== true) requireMayStop(core, name, options);
    const onProgress = progress === undefined ? undefined : recoverProgress(progress);
    const attempt = { core, name, options, target, signal: end };
    const whilePlanned = <T>(work: (task: Task) => Promise<T>): Promise<T> =>
      planned(attempt, ({ place, plan }) => {
        const how = isInPlace ? howInPlace(plan) : 'new';
        return work({ core, name: to, options, plan, from: place, how, signal: end, onProgress });
      });
    if (options.dryRun === true) {
      const nothing = { kept: null, stateHash: null, proven: false };
      return whilePlanned((task) => Promise.resolve(report(task, nothing)));
    }
    if (isInPlace) {
      // A target that cannot be reached stops nothing; what is committed until it is stopped counts.
      await whilePlanned(() => Promise.resolve());
      const wasOnline = core.online.has(name);
      await goOffline(core, name);
      try {
        await requireUnused(core, name);
        return await whilePlanned(async (task) => report(task, await carryOut(task)));
      } catch (error) {
        if (wasOnline && !core.signal.aborted) await goOnline(core, name);
        throw error;
      }
    }
    return whilePlanned(async (task) => report(task, await carryOut(task)));
  });
}

interface Attempt {
  readonly core: HostCore;
  readonly name: string;
  readonly options: RestoreOptions;
  readonly target: RecoveryTarget;
  readonly signal: AbortSignal;
}

/** What is planned is kept from being deleted until the work is done. */
async function planned<T>(
  { core, name, options, target, signal }: Attempt,
  work: (planned: { readonly place: RecoveryPlace; readonly plan: RecoveryPlan }) => Promise<T>,
): Promise<T> {
  const own = (await core.exists(name)) ? await ownPlace(core, name) : null;
  const { backup, place } = await placeOf(core, options, name, own);
  const releases = [holdLogs(place, 0)];
  try {
    const plan = await planRecovery({ place, target, backup, signal });
    // What a source learned to know while it was planned.
    releases.push(holdLogs(place, plan.spans[0]?.fromSeq ?? 0));
    return await work({ place, plan });
  } finally {
    for (const release of releases) release();
  }
}

function targetOf(options: RestoreOptions): RecoveryTarget {
  const { recover, untilPosition, untilTag, untilTime } = options;
  const given = [recover, untilPosition, untilTag, untilTime].filter((one) => one !== undefined);
  if (given.length > 1) {
    throw new PaminaError('REQUEST_INVALID', 'a restore has one target, and several are given');
  }
  if (untilPosition !== undefined) {
    const { timeline, seq } = parsePosition(untilPosition);
    return { kind: 'position', position: { timeline, seq } };
  }
  if (untilTime !== undefined) return { kind: 'time', time: untilTime };
  if (untilTag !== undefined) return { kind: 'tag', tag: untilTag };
  return { kind: recover ?? 'all' };
}

/** DATABASE_ONLINE, unless it may be stopped for the restore. */
function requireMayStop(core: HostCore, name: string, options: RestoreOptions): void {
  if (!core.online.has(name) || options.stop === true) return;
  throw new PaminaError('DATABASE_ONLINE', `${name} is online`, {
    context: { name },
    hint: `Stop it with \`pamina stop ${name}\`, let the restore do that with --stop, or restore a copy beside it with --as OTHER.`,
  });
}

/** Only what goes through the end of the database's own log keeps its timeline, and the log itself. */
function howInPlace(plan: RecoveryPlan): RestoreReport['how'] {
  const isThroughEnd = plan.target.kind === 'all' && plan.point.seq === plan.sourceEnds[0];
  return isThroughEnd ? 'recovered' : 'replaced';
}

async function carryOut(task: Task): Promise<Done> {
  switch (task.how) {
    case 'new':
      return restoreNew(task);
    case 'recovered':
      return restoreInPlace(task);
    case 'replaced':
      return restoreBeside(task);
  }
}

async function restoreNew({ core, name, plan, signal, onProgress }: Task): Promise<Done> {
  const folder = core.folder(name);
  const recovered = await recoverTo({ env: core.env, plan, folder, name, signal, onProgress });
  await inheritName(core, name, recovered.control.instance);
  return { kept: null, stateHash: recovered.stateHash, proven: recovered.isProven };
}

async function restoreInPlace(task: Task): Promise<Done> {
  const { core, name, options, plan, signal, onProgress } = task;
  const { disk } = core.env;
  const folder = core.folder(name);
  const { isProven, kept, stateHash } = await recoverInPlace({
    env: core.env,
    folder,
    plan,
    signal,
    onProgress,
    confirm: () => requireUnchanged(task),
  });
  core.faults.delete(name);
  const discards = options.discardOld === true && kept !== null;
  if (discards) await disk.removeTree(kept);
  const { fence, type } = await core.control(name);
  // Whose name was taken over is whole again and stays offline.
  const mayStart = type !== 'unassigned' && fence?.takenOver !== true;
  if (core.address !== null && mayStart) await goOnline(core, name);
  return { kept: discards ? null : kept, stateHash, proven: isProven };
}

/** A program that has opened the database meanwhile would go on with what is moved away. */
async function requireUnchanged({ core, from, name, plan, signal }: Task): Promise<void> {
  await requireUnused(core, name);
  const again = await planRecovery({ place: from, target: { kind: 'all' }, signal });
  if (again.point.seq === plan.point.seq) return;
  throw new PaminaError('DATABASE_IN_USE', `${name} was written to while it was recovered`);
}

async function restoreBeside(task: Task): Promise<Done> {
  const { core, name, options, plan, signal, onProgress } = task;
  const { clock, disk } = core.env;
  const beside = besideFolder(core, name);
  const recovered = await recoverTo({
    env: core.env,
    plan,
    folder: beside,
    name,
    signal,
    onProgress,
  });
  const time = new Date(clock.now()).toISOString().replace(/[:.]/g, '-');
  const kept = join(core.dataFolder, keptFolder, `${name}-${time}`);
  const position = formatPosition(plan.position);
  await carryOver(core, name, { beside, control: recovered.control, seq: plan.position.seq });
  const jobLog = new JobLog(disk, clock, beside);
  const message = `${name} was restored to ${position} in the place of another database of this name, which is kept in ${kept}.`;
  jobLog.write('warning', 'replaced', message, { position, kept });
  await jobLog.settle();
  await requireUnused(core, name);
  await disk.makeFolder(join(core.dataFolder, keptFolder));
  await disk.createFile(join(beside, replacesFile), new TextEncoder().encode(basename(kept)));
  await disk.rename(core.folder(name), kept);
  await finishRestore(core, name);
  core.faults.delete(name);
  await inheritName(core, name, recovered.control.instance);
  const done = { stateHash: recovered.stateHash, proven: recovered.isProven };
  if (options.discardOld !== true) return { ...done, kept };
  const backups = await discardOld(core, kept);
  return { ...done, kept: backups };
}

/**
 * Where the database was archived the one in its place is archived on, on its timeline; and what may take no
 * writes may not because it was restored (P11).
 */
async function carryOver(
  core: HostCore,
  name: string,
  { beside, control, seq }: { beside: string; control: Control; seq: number },
): Promise<void> {
  const { archives = [], fence = null } = await core.control(name);
  if (archives.length === 0 && fence === null) return;
  const kept = archives.map((one) => ({ ...one, fromSeq: Math.min(one.fromSeq, seq + 1) }));
  await writeControl(core.env.disk, beside, { ...control, archives: kept, fence });
}

/** All but its backups: what they hold is nowhere else. */
async function discardOld(core: HostCore, kept: string): Promise<string | null> {
  const { disk } = core.env;
  for (const entry of await disk.list(kept)) {
    if (entry.name !== 'backups') await disk.removeTree(join(kept, entry.name));
  }
  if ((await disk.list(kept)).length > 0) return kept;
  await disk.removeTree(kept);
  return null;
}

/** At the start of a server, which alone has the data folder. */
export async function finishRestores(core: HostCore): Promise<void> {
  for (const { isFolder, name } of await core.env.disk.list(core.dataFolder)) {
    if (isFolder && name.startsWith(besidePrefix)) {
      await finishRestore(core, name.slice(besidePrefix.length));
    }
  }
}

function recoverProgress(progress: Progress): (recovered: RecoverProgress) => void {
  const names = { load: 'restore', verify: 'verify', replay: 'replay', 'read back': 'verify' };
  return ({ done, step, total }) => progress({ step: names[step], done, total, unit: 'bytes' });
}

function report({ from, how, name, options, plan }: Task, done: Done): RestoreReport {
  const { backup, logBytes, point, position, records, spans } = plan;
  return {
    name,
    dryRun: options.dryRun === true,
    how,
    backup: backup.id,
    from: from.describe(),
    backupPosition: formatPosition(backup.manifest.position),
    backupBytes: backup.bytes,
    log: spans.map(({ fromSeq, segment, toSeq }) => ({
      file: segment.entry.name,
      source: segment.source.describe(),
      fromSeq,
      toSeq,
      bytes: segment.entry.bytes,
    })),
    logBytes,
    records,
    position: formatPosition(position),
    time: point.time,
    keepsTimeline: how === 'recovered',
    ...done,
  };
}
