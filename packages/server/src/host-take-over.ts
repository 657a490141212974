// A replica takes the place of its master: it claims the name, becomes normal, and is renamed. Every step
// finds what an earlier run has done already, and the claim in the directory lets only one of two through.

import {
  Database,
  type Control,
  JobLog,
  promoteClosed,
  type Takeover,
  writeControl,
} from '@pamina/engine';
import {
  formatPosition,
  nameLengthMax,
  PaminaError,
  takeoverReason,
  toPaminaError,
} from '@pamina/format';
import type { TakeOverReport, TakeOverRequest } from '@pamina/wire';
import { requireUnused } from './host-change.js';
import type { HostCore } from './host-core.js';
import { claimName, holderOf, withdrawName } from './host-names.js';
import { goOffline, goOnline } from './host-start.js';
import { databasesOf } from './peers.js';
import { MasterLink } from './master-link.js';

/** FAILOVER_TIMEOUT with nothing changed; NAME_TAKEN by who was faster; DATABASE_TYPE. */
export async function takeOver(
  core: HostCore,
  name: string,
  request: TakeOverRequest,
): Promise<TakeOverReport> {
  const { master } = request;
  if (core.address === null) {
    throw new PaminaError('SERVER_NOT_RUNNING', `no server has ${core.dataFolder}`);
  }
  // Who is asked under the name that it took has only the rest to do.
  if (name !== master && !(await isDone(core, name, master))) {
    await requireReplicaOf(core, name, master);
    await untilDurable(core, name, request);
    const inOrder = [name, master].sort() as [string, string];
    await core.turns.run(inOrder[0], () =>
      core.turns.run(inOrder[1], async () => {
        // The same was asked twice, and the other one was first.
        if (!(await isDone(core, name, master))) await takeOverInTurn(core, name, request);
      }),
    );
  }
  return finish(core, master);
}

/** Only the rest is to be done: it bears the name already, and no other has come up under the former one. */
async function isDone(core: HostCore, name: string, master: string): Promise<boolean> {
  if ((await core.exists(name)) || !(await core.exists(master))) return false;
  const { takeover } = await core.control(master);
  return takeover?.of === master && takeover.formerName === name;
}

async function requireReplicaOf(core: HostCore, name: string, master: string): Promise<void> {
  const control = await core.control(name);
  if (control.type === 'replica' && control.master === master) return;
  if (control.type === 'normal' && control.takeover?.of === master) return;
  throw new PaminaError('DATABASE_TYPE', `${name} is no replica of ${master}`);
}

/** A fenced master's last record must be here. */
async function untilDurable(
  core: HostCore,
  name: string,
  { timeoutMs, untilSeq }: TakeOverRequest,
): Promise<void> {
  const online = core.online.get(name);
  // One that is offline receives nothing: what it has is looked at in its turn.
  if (online === undefined || untilSeq === null) return;
  const { database, signal } = online;
  const { clock } = core.env;
  const isThere = (): boolean => database.durable().seq >= untilSeq;
  await new Promise<void>((resolve, reject) => {
    const end = (settle: () => void): void => {
      cancel();
      unsubscribe();
      signal.removeEventListener('abort', abort);
      settle();
    };
    const abort = (): void => end(() => reject(signal.reason as Error));
    const unsubscribe = database.log.onDurable(() => {
      if (isThere()) end(resolve);
    });
    const cancel = clock.after(timeoutMs, () => {
      const here = formatPosition(database.durable());
      const message = `${name} is at ${here} after ${timeoutMs} ms, its master ended at record ${untilSeq}`;
      end(() => reject(new PaminaError('FAILOVER_TIMEOUT', message)));
    });
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    else if (isThere()) end(resolve);
  });
}

async function takeOverInTurn(
  core: HostCore,
  name: string,
  request: TakeOverRequest,
): Promise<void> {
  const { fenced, master, untilSeq } = request;
  const control = await core.control(name);
  const { instance } = control;
  await requirePlace(core, master, control);
  if (control.type === 'replica') {
    await requireRest(core, name, untilSeq);
    await requireFence(core, name, request);
  }
  await claimName(core, master, instance, fenced);
  await moveAside(core, master, name);
  const held = core.online.get(name)?.database ?? null;
  await goOffline(core, name, { keepName: true });
  // Of one that has failed only an open tells what it has.
  const closed = held?.failure === null ? held : null;
  await becomeNormal(core, name, master, closed);
  await renameFolder(core, name, master);
  await goOnline(core, master);
  await withdrawName(core, name, instance);
}

/** A database in this data folder that has the name and is not the old master is nobody's to move. DATABASE_EXISTS. */
async function requirePlace(
  core: HostCore,
  master: string,
  { pattern }: Pick<Control, 'pattern'>,
): Promise<void> {
  if (!(await core.exists(master))) return;
  const inPlace = await core.control(master);
  if (inPlace.type === 'normal' && inPlace.pattern === pattern) return;
  const what = inPlace.pattern === pattern ? `is ${inPlace.type}` : 'is another database';
  const message = `${core.folder(master)} is there and ${what}: there is no room for the new ${master}`;
  throw new PaminaError('DATABASE_EXISTS', message, {
    context: { name: master },
    hint: `Make room on the server of the replica with \`pamina rename ${master} OTHER\`, or let another replica take over.`,
  });
}

/** Before anything is changed. FAILOVER_TIMEOUT. */
async function requireRest(core: HostCore, name: string, untilSeq: number | null): Promise<void> {
  if (untilSeq === null) return;
  const seqOf = (database: Database): number => database.durable().seq;
  const online = core.online.get(name);
  const seq =
    online === undefined
      ? await core.opened(name, 'read', (database) => Promise.resolve(seqOf(database)))
      : seqOf(online.database);
  if (seq >= untilSeq) return;
  const message = `${name} has records up to ${seq} only, its master ended at ${untilSeq}`;
  throw new PaminaError('FAILOVER_TIMEOUT', message);
}

/**
 * A person may have let the master take writes again while this one waited: what was written since is not
 * here (P1). One that does not answer any more keeps its fence. FAILOVER_IMPOSSIBLE.
 */
async function requireFence(
  core: HostCore,
  name: string,
  { fenced, master }: TakeOverRequest,
): Promise<void> {
  if (fenced === null) return;
  const entry = await core.directory.resolve(master);
  if (entry === null || (entry.instance !== null && entry.instance !== fenced)) return;
  const status = await new MasterLink(master, entry.address, core).statusSoon();
  if (status === null || status.instance !== fenced || status.fence?.successor === name) return;
  const message = `${master} was taken out of its fence meanwhile and takes writes again`;
  throw new PaminaError('FAILOVER_IMPOSSIBLE', message, {
    hint: 'Nothing was changed. Run `pamina failover` again if a replica is still to take over.',
  });
}

/** The old master in the same data folder makes room: it keeps everything but its name. */
async function moveAside(core: HostCore, master: string, successor: string): Promise<void> {
  if (!(await core.exists(master))) return;
  const { disk, clock } = core.env;
  const control = await core.control(master);
  await goOffline(core, master, { keepName: true });
  await requireUnused(core, master);
  const aside = await freeName(core, master);
  const since = clock.now();
  const fence = { since, successor: master, takenOver: true };
  // Before it is moved: from here on it writes no more, whatever it is called.
  await writeControl(disk, core.folder(master), { ...control, fence });
  await disk.rename(core.folder(master), core.folder(aside));
  await writeControl(disk, core.folder(aside), { ...control, name: aside, fence });
  const error = new PaminaError('FENCED', `${successor} took over the name ${master}`);
  core.faults.set(aside, { error, since });
}

/** `closed`: it was online until now, and is opened once only, under its new name. */
async function becomeNormal(
  core: HostCore,
  name: string,
  master: string,
  closed: Database | null,
): Promise<void> {
  const { env } = core;
  const folder = core.folder(name);
  const why = takeoverReason(master, name);
  const takeoverAt = (atSeq: number): Takeover => {
    return { of: master, formerName: name, since: env.clock.now(), atSeq, finished: false };
  };
  if (closed !== null) {
    const { control } = closed;
    const { seq } = closed.durable();
    if (control.type === 'normal') return;
    return promoteClosed({ env, folder, seq, why, takeover: takeoverAt(seq) });
  }
  const database = await Database.open(folder, { env });
  try {
    if (database.control.type === 'normal') return;
    await database.updateControl({ takeover: takeoverAt(database.durable().seq) });
    await database.becomeNormal(why);
  } finally {
    await database.close();
  }
}

async function renameFolder(core: HostCore, name: string, master: string): Promise<void> {
  const { clock, disk } = core.env;
  const control = await core.control(name);
  const folder = core.folder(master);
  await disk.rename(core.folder(name), folder);
  await writeControl(disk, folder, { ...control, name: master });
  const jobLog = new JobLog(disk, clock, folder);
  const message = `${name} has taken over the name ${master}.`;
  jobLog.write('warning', 'taken-over-from', message, { from: name, to: master });
  await jobLog.settle();
}

/** Its own replicas learn its new name. What one of them says against it is reported, and tried again by the next run. */
async function finish(core: HostCore, master: string): Promise<TakeOverReport> {
  const online = core.requireOnline(master);
  const { takeover, timelines } = online.database.control;
  if (takeover === undefined || takeover === null) {
    throw new PaminaError('DATABASE_TYPE', `${master} took over from nobody`);
  }
  const { atSeq, formerName } = takeover;
  const followers: { name: string; problem: string | null }[] = [];
  for (const { entry, name, status } of await databasesOf(core)) {
    if (status?.type !== 'replica' || status.master?.name !== formerName) continue;
    try {
      await new MasterLink(name, entry.address, core).follow(master);
      followers.push({ name, problem: null });
    } catch (error) {
      followers.push({ name, problem: toPaminaError(error).message });
    }
  }
  const finished = followers.every(({ problem }) => problem === null);
  await online.database.updateControl({ takeover: { ...takeover, finished } });
  const timeline = timelines.at(-1)?.timeline ?? 0;
  return {
    ...{ formerName, address: core.address, atSeq, followers },
    position: formatPosition({ timeline, seq: atSeq }),
    oldMaster: await asideOf(core, master),
  };
}

async function asideOf(core: HostCore, master: string): Promise<string | null> {
  for (const name of await core.names()) {
    const { fence } = await core.control(name);
    if (fence?.takenOver === true && fence.successor === master && name !== master) return name;
  }
  return null;
}

/** What an old master may be called: its name, cut where it is too long, with `-old` behind it. */
export async function freeName(core: HostCore, before: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const ending = number === 1 ? '-old' : `-old-${number}`;
    const name = `${before.slice(0, nameLengthMax - ending.length)}${ending}`;
    const isUsed = (await core.env.disk.stat(core.folder(name))) !== null;
    if (!isUsed && (await holderOf(core, name)) === null) return name;
  }
}

/**
 * A crash between the promotion and the renaming: the name is claimed, and nobody else has it. One that
 * was too late is fenced: another replica took over meanwhile.
 */
export async function finishTakeovers(core: HostCore): Promise<void> {
  for (const name of await core.names()) {
    try {
      await finishTakeover(core, name, await core.control(name));
    } catch (error) {
      core.faults.set(name, { error: toPaminaError(error), since: core.env.clock.now() });
    }
  }
}

async function finishTakeover(core: HostCore, name: string, control: Control): Promise<void> {
  const { instance, takeover, type } = control;
  // A crash before its former name was taken out of the directory: nobody is served under that any more.
  if (takeover?.of === name) await withdrawName(core, takeover.formerName, instance);
  if (type !== 'normal' || !takeover || takeover.finished || takeover.formerName !== name) return;
  const { of: master } = takeover;
  const holder = await holderOf(core, master);
  if (holder === null ? core.directory.problem === null : holder.instance === instance) {
    if (!(await core.exists(master))) await renameFolder(core, name, master);
    return;
  }
  // An entry that a person wrote names no instance, and a directory that cannot be read says nothing.
  if (holder === null || holder.instance === null) return;
  const since = core.env.clock.now();
  const fence = { since, successor: master, takenOver: true };
  await writeControl(core.env.disk, core.folder(name), { ...control, fence });
}
