// The host's dealings with the directory: a name is entered before its database is opened, so that
// an old master whose name was taken over does not come up beside the new one (P11).

import type { DirectoryEntry, IsAlive } from '@pamina/directory';
import type { Control } from '@pamina/engine';
import { isPaminaError, PaminaError, toPaminaError } from '@pamina/format';
import type { HostCore } from './host-core.js';
import { isClaim, isHolderAlive } from './master-link.js';

function aliveCheck(core: HostCore, name: string): IsAlive {
  return async (entry: DirectoryEntry) => {
    // This server itself: an entry of before, if it does not have the name online now.
    if (entry.address === core.address) {
      return core.online.has(name) || (await isClaimedHere(core, name, entry));
    }
    return isHolderAlive(name, entry, core);
  };
}

/** Whether a database here has claimed a name that it does not bear yet. */
async function isClaimedHere(
  core: HostCore,
  name: string,
  { instance }: DirectoryEntry,
): Promise<boolean> {
  for (const one of await core.names()) {
    const control = await core.control(one);
    if (control.instance === instance && isClaim(name, control)) return true;
  }
  return false;
}

/**
 * For who is to take over: the name is its own before it bears it, so that of two only one goes on. The
 * holder before is dead, or is the one that was fenced. NAME_TAKEN; DIRECTORY_… where it cannot be written.
 */
export async function claimName(
  core: HostCore,
  name: string,
  instance: string,
  fenced: string | null,
): Promise<void> {
  if (core.address === null) {
    throw new PaminaError('SERVER_NOT_RUNNING', `no server has ${core.dataFolder}`);
  }
  const isAlive = aliveCheck(core, name);
  await core.directory.register(name, core.address, instance, (entry) =>
    fenced !== null && entry.instance === fenced ? Promise.resolve(false) : isAlive(entry),
  );
}

/**
 * True when the name is entered; false when the directory cannot be written now, which must not take
 * the database down (its address is still known to those who know it). NAME_TAKEN.
 */
export async function enterName(
  core: HostCore,
  name: string,
  instance: string,
  options: { readonly mayTake: boolean } = { mayTake: true },
): Promise<boolean> {
  if (core.address === null) return false;
  // Whoever only keeps its name takes it from nobody, however dead the holder seems at this moment.
  // An entry that a person wrote names no instance: its address says whose it is.
  const isOwn = (entry: DirectoryEntry): boolean =>
    entry.instance === null ? entry.address === core.address : entry.instance === instance;
  const keeps: IsAlive = (entry) => Promise.resolve(!isOwn(entry));
  const isAlive = options.mayTake ? aliveCheck(core, name) : keeps;
  try {
    await core.directory.register(name, core.address, instance, isAlive);
    return true;
  } catch (error) {
    if (isPaminaError(error, 'NAME_TAKEN')) throw error;
    // A directory that cannot be written may still be read.
    const entry = await holderOf(core, name);
    if (entry === null || entry.instance === instance || !(await isAlive(entry))) return false;
    const message = `${name} is served at ${entry.address} (${core.directory.describe()})`;
    throw new PaminaError('NAME_TAKEN', message, { context: { name, address: entry.address } });
  }
}

/** NAME_TAKEN by who entered it since it was entered for this one. */
export async function requireStillOwn(
  core: HostCore,
  name: string,
  instance: string,
): Promise<void> {
  const entry = await holderOf(core, name);
  if (entry === null || entry.instance === null || entry.instance === instance) return;
  const context = { name, address: entry.address };
  throw new PaminaError('NAME_TAKEN', `${entry.address} has ${name} now`, { context });
}

/** null when nobody has the name, and when the directory cannot be read and never could. */
export async function holderOf(core: HostCore, name: string): Promise<DirectoryEntry | null> {
  try {
    return await core.directory.resolve(name);
  } catch (error) {
    if (isPaminaError(error, 'DIRECTORY_INVALID')) return null;
    if (isPaminaError(error, 'DIRECTORY_UNREACHABLE')) return null;
    throw error;
  }
}

/**
 * What comes up by itself, or is written to without a server, never takes its name back from another
 * database, not even from one that is down: it was taken over, and two must not write under one name
 * (P11). A person takes it, with `start`, `create` or `rename`. FENCED.
 */
export async function requireNotTakenOver(
  core: HostCore,
  { name, type, instance, fence }: Pick<Control, 'name' | 'type' | 'instance' | 'fence'>,
): Promise<void> {
  if (type !== 'normal') return;
  if (fence?.takenOver === true) throw fenced(name, fence.successor);
  const entry = await holderOf(core, name);
  if (entry === null || entry.instance === null || entry.instance === instance) return;
  const message = `the name ${name} belongs to another database, last served at ${entry.address}`;
  throw new PaminaError('FENCED', message, { context: { name, address: entry.address } });
}

export function fenced(name: string, successor: string): PaminaError {
  const message = `the name of ${name} was taken over; ${successor} has its place`;
  return new PaminaError('FENCED', message, { context: { name, successor } });
}

/**
 * For a database that is made or renamed offline: a dead holder's entry becomes its own, at the old
 * address until it is served, so that the dead one finds the name taken when it comes back.
 */
export async function inheritName(core: HostCore, name: string, instance: string): Promise<void> {
  const entry = await holderOf(core, name);
  if (entry === null || entry.instance === null || entry.instance === instance) return;
  await core.directory.register(name, entry.address, instance, aliveCheck(core, name));
}

/** Errors are told, not thrown: an entry that stays is that of a dead holder, and is taken over. */
export async function withdrawName(
  core: HostCore,
  name: string,
  instance: string,
): Promise<PaminaError | null> {
  try {
    await core.directory.withdraw(name, instance);
    return null;
  } catch (error) {
    return toPaminaError(error);
  }
}

/** A replica and its master are two databases of one directory. REQUEST_INVALID. */
export function requireOwnName(replica: string, master: string): void {
  if (replica !== master) return;
  throw new PaminaError('REQUEST_INVALID', `${master} cannot be a replica of itself`, {
    context: { name: replica, master },
    hint: `Give the replica a name of its own, ${master}-replica for example.`,
  });
}

/** Before something is made under a name. NAME_TAKEN by a living holder elsewhere. */
export async function requireNameFree(core: HostCore, name: string): Promise<void> {
  const entry = await core.directory.resolve(name);
  if (entry === null || entry.address === core.address) return;
  if (!(await isHolderAlive(name, entry, core))) return;
  throw new PaminaError('NAME_TAKEN', `${name} is served at ${entry.address}`, {
    context: { name, address: entry.address },
  });
}
