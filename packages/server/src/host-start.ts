// Databases going online and offline. What one of them suffers is noted as its fault and never keeps
// another from its work.

import { ReplicaAudit } from '@pamina/backup';
import { Database } from '@pamina/engine';
import { PaminaError, toPaminaError } from '@pamina/format';
import { FollowerRunner } from '@pamina/replication';
import { startArchivers } from './host-archive.js';
import type { HostCore } from './host-core.js';
import { enterName, holderOf, requireNotTakenOver, withdrawName } from './host-names.js';
import { OnlineDatabase } from './online-database.js';

/** How long a closing host waits for what it told to end. */
const quietMsMax = 10_000;

/** Opens every database of the data folder but the unassigned ones. */
export async function startAll(core: HostCore): Promise<void> {
  for (const name of await core.names()) {
    await core.turns.run(name, async () => {
      try {
        const { type, instance } = await core.control(name);
        if (type === 'unassigned') return;
        await requireNotTakenOver(core, { name, type, instance });
        await goOnline(core, name);
      } catch (error) {
        // Noted by goOnline or here; status and list show it.
        core.faults.set(name, { error: toPaminaError(error), since: core.env.clock.now() });
      }
    });
  }
}

/**
 * Holds the directory against what is online: enters names that could not be entered before or were
 * lost. A name that bears another instance now was taken over, and its holder before goes offline
 * even if the new one is not up yet: two must not write under one name (P11).
 */
export async function keepNames(core: HostCore): Promise<void> {
  for (const name of [...core.online.keys()]) {
    await core.turns.run(name, async () => {
      const online = core.online.get(name);
      if (online === undefined) return;
      try {
        await keepName(core, online);
      } catch (error) {
        const fault = toPaminaError(error);
        // A directory that cannot be read now says nothing about the name; the next change is looked at.
        if (fault.code === 'NAME_TAKEN') await giveUp(core, online, fault);
      }
    });
  }
}

async function keepName(core: HostCore, online: OnlineDatabase): Promise<void> {
  const { name } = online;
  const { instance } = online.database.control;
  const entry = await holderOf(core, name);
  if (entry !== null && entry.instance !== null && entry.instance !== instance) {
    const context = { name, address: entry.address };
    throw new PaminaError('NAME_TAKEN', `${entry.address} has ${name} now`, { context });
  }
  online.isRegistered = await enterName(core, name, instance, { mayTake: false });
}

async function giveUp(core: HostCore, online: OnlineDatabase, fault: PaminaError): Promise<void> {
  const { name } = online;
  const message = `The name ${name} was taken over: ${fault.message}. This database goes offline.`;
  online.database.jobLog.write('error', 'taken-over', message, { ...fault.context });
  try {
    await goOffline(core, name, { keepName: true });
    core.faults.set(name, { error: fault, since: core.env.clock.now() });
  } catch (error) {
    // It is offline all the same; that it did not close well is the worse of its two faults.
    core.faults.set(name, { error: toPaminaError(error), since: core.env.clock.now() });
  }
}

export async function stopAll(core: HostCore): Promise<void> {
  const names = [...core.online.keys()];
  const ends = await Promise.allSettled(
    names.map((name) => core.turns.run(name, () => goOffline(core, name))),
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

export async function stop(core: HostCore, name: string): Promise<void> {
  await core.control(name);
  requireServer(core, name);
  await core.turns.run(name, () => goOffline(core, name));
}

function requireServer(core: HostCore, name: string): void {
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
    const { instance } = await core.control(name);
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
    core.signal.throwIfAborted();
    if (database.control.name !== name) await database.updateControl({ name });
  } catch (error) {
    await database.close();
    throw error;
  }
  const online = new OnlineDatabase(name, database, core.env);
  online.isRegistered = isRegistered;
  core.online.set(name, online);
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
}

function startFollower(core: HostCore, online: OnlineDatabase): void {
  const { database } = online;
  const { token } = core;
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const follower = new FollowerRunner({
    database,
    env: core.env,
    jobLog: database.jobLog,
    resolveMaster: async (master) => {
      const entry = await core.directory.resolve(master);
      return entry === null ? null : { address: entry.address, headers };
    },
  });
  online.audit = ReplicaAudit.attach(database);
  online.follower = follower;
  follower.start();
}

/** The caller has the turn. `keepName` leaves the entry in the directory for who comes up next. */
export async function goOffline(
  core: HostCore,
  name: string,
  options: { keepName?: boolean } = {},
): Promise<void> {
  const online = core.online.get(name);
  core.faults.delete(name);
  if (online === undefined) return;
  core.online.delete(name);
  const { instance } = online.database.control;
  online.database.jobLog.write('info', 'offline', `${name} goes offline.`);
  try {
    await online.close();
  } finally {
    if (options.keepName !== true) await withdrawName(core, name, instance);
  }
}
