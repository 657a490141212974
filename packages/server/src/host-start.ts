// Databases going online and offline. What one of them suffers is noted as its fault and never keeps
// another from its work.

import { backupsFolderOf, listBackups, ReplicaAudit } from '@pamina/backup';
import { Database } from '@pamina/engine';
import { PaminaError, toPaminaError } from '@pamina/format';
import { FollowerRunner, SourcedFollower } from '@pamina/replication';
import { startArchivers } from './host-archive.js';
import type { HostCore } from './host-core.js';
import { enterName, fenced, requireStillOwn, withdrawName } from './host-names.js';
import { sourceOf } from './host-source-follow.js';
import { seekSuccessor } from './host-successor.js';
import { OnlineDatabase } from './online-database.js';
import type { StopPace } from './stop-pace.js';

/** How long a closing host waits for what it told to end. */
const quietMsMax = 10_000;

export async function stopAll(core: HostCore, pace?: StopPace): Promise<void> {
  const names = [...core.online.keys()];
  const ends = await Promise.allSettled(
    names.map((name) => core.turns.run(name, () => goOffline(core, name, { pace }))),
  );
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/**
 * What works on databases that are not online ends, for what it holds open is not anybody's once the
 * data folder is let go of. A task that does not end within the grace period is left behind.
 */
export async function whenQuiet(core: HostCore): Promise<void> {
  const graceOver = new AbortController();
  try {
    const grace = core.env.clock.sleep(quietMsMax, graceOver.signal).catch((error: unknown) => {
      if (!graceOver.signal.aborted) throw error;
    });
    await Promise.race([core.turns.idle(), grace]);
  } finally {
    graceOver.abort();
  }
}

/**
 * An unassigned database becomes normal for good. One that has failed is opened again, and a replica
 * that stopped in a terminal state begins to follow again. SERVER_NOT_RUNNING, NAME_TAKEN.
 */
export async function start(core: HostCore, name: string): Promise<void> {
  await core.control(name);
  requireServer(core, name);
  await core.turns.run(name, async () => {
    const online = core.online.get(name);
    if (online === undefined) return goOnline(core, name);
    if (online.database.failure === null) return online.follower?.start();
    await goOffline(core, name, { keepName: true });
    return goOnline(core, name);
  });
}

/** SERVER_NOT_RUNNING */
export function requireServer(core: HostCore, name: string): void {
  if (core.address !== null) return;
  throw new PaminaError(
    'SERVER_NOT_RUNNING',
    `no server has ${core.dataFolder}, so ${name} is offline and nothing can hold it open`,
  );
}

/** The caller has the turn. Does nothing when it is online. */
export async function goOnline(core: HostCore, name: string): Promise<void> {
  if (core.online.has(name)) return;
  core.signal.throwIfAborted();
  try {
    const { instance, fence } = await core.control(name);
    if (fence?.takenOver === true) throw fenced(name, fence.successor);
    const isRegistered = await enterName(core, name, instance);
    try {
      const database = await Database.open(core.folder(name), { env: core.env });
      await bringUp(core, name, database, isRegistered);
    } catch (error) {
      if (isRegistered) await withdrawName(core, name, instance);
      throw error;
    }
    core.faults.delete(name);
  } catch (error) {
    const fault = toPaminaError(error);
    core.faults.set(name, { error: fault, since: core.env.clock.now() });
    throw fault;
  }
}

/** Takes over a database that is open for writing, or closes it. */
export async function bringUp(
  core: HostCore,
  name: string,
  database: Database,
  isRegistered: boolean,
): Promise<void> {
  try {
    // While it was opened it was not there yet for who asked whether the holder lives (P11).
    if (isRegistered) await requireStillOwn(core, name, database.control.instance);
    if (database.control.name !== name) await database.updateControl({ name });
    // Nothing is awaited from here on until it is online: a host that closes meanwhile takes it offline.
    core.signal.throwIfAborted();
  } catch (error) {
    await database.close();
    throw error;
  }
  const online = new OnlineDatabase(name, database, core.env);
  online.isRegistered = isRegistered;
  online.onTakenOver = (replica) => core.onTakenOver(name, replica);
  core.online.set(name, online);
  core.stoppedAt.delete(name);
  core.stopNotes.delete(name);
  const { jobLog } = database;
  jobLog.write('info', 'online', `${name} is online at ${core.address}.`, {
    address: core.address,
  });
  if (!isRegistered) {
    const why = core.directory.problem?.message ?? 'it could not be written';
    const where = core.directory.describe();
    const message = `${name} is not entered in ${where}: ${why}. Others do not find it by its name.`;
    jobLog.write('warning', 'directory', message);
  }
  if (database.control.type === 'replica') startFollower(core, online);
  startArchivers(core, online);
  await tellUnproved(core, database);
}

/** Backups whose state was to be compared and was not: who counts on them should know (P9). */
async function tellUnproved(core: HostCore, database: Database): Promise<void> {
  const { control, folder, jobLog } = database;
  const listed = await listBackups(core.env, backupsFolderOf(folder));
  for (const { id, problem, unproved } of listed) {
    if (problem !== null || unproved?.isNoted !== true) continue;
    const message = `Backup ${id} is not proved: ${unproved.why}. \`pamina verify ${control.name} ${id} --deep\` does that.`;
    jobLog.write('warning', 'backup-unproved', message, { backup: id });
  }
}

function startFollower(core: HostCore, online: OnlineDatabase): void {
  online.audit = ReplicaAudit.attach(online.database);
  beginToFollow(core, online);
}

function beginToFollow(core: HostCore, online: OnlineDatabase): void {
  const follower = followerOf(core, online);
  online.follower = follower;
  follower.onChange(() => core.onFollowerChange(online));
  online.database.freshness.follow(follower);
  follower.start();
}

/** The replica has got another archive, or none any more. */
export async function replaceFollower(core: HostCore, online: OnlineDatabase): Promise<void> {
  if (online.follower === null) return;
  await online.follower.stop();
  // It went offline meanwhile: nobody would stop the new one.
  if (online.signal.aborted) return;
  beginToFollow(core, online);
}

function followerOf(core: HostCore, online: OnlineDatabase): FollowerRunner | SourcedFollower {
  const { database } = online;
  const options = {
    database,
    env: { ...core.env, network: core.peerNetwork },
    jobLog: database.jobLog,
    resolveMaster: async (master: string) => {
      const entry = await core.directory.resolve(master);
      if (entry === null) seekSuccessor(core, online);
      if (entry === null) return null;
      const token = core.tokenFor(entry.address);
      const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
      return { address: entry.address, headers };
    },
  };
  const source = database.control.sourceArchive ?? null;
  if (source === null) return new FollowerRunner(options);
  return new SourcedFollower({ ...options, ...sourceOf(core, database, source) });
}

/** The caller has the turn. `keepName` leaves the entry in the directory for who comes up next. */
export async function goOffline(
  core: HostCore,
  name: string,
  options: { keepName?: boolean; pace?: StopPace | undefined } = {},
): Promise<void> {
  const online = core.online.get(name);
  core.faults.delete(name);
  if (online === undefined) return;
  core.online.delete(name);
  const { instance } = online.database.control;
  online.database.jobLog.write('info', 'offline', `${name} goes offline.`);
  try {
    await online.close(options.pace);
  } finally {
    core.stoppedAt.set(name, core.env.clock.now());
    if (options.keepName !== true) await withdrawName(core, name, instance);
  }
}
