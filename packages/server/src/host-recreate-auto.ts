// The property onTerminal=recreate: a replica that has stopped where only a new copy helps makes itself
// anew, as a person would with --recreate, and not more often than the limit allows.

import type { Control } from '@pamina/engine';
import { PaminaError, toPaminaError } from '@pamina/format';
import { judgeRecreate, recreatesMax, recreateWindowMs } from '@pamina/replication';
import type { HostCore } from './host-core.js';
import { masterOrigin, type Origin, recreate } from './host-recreate.js';
import { archiveOrigin } from './host-source-archive.js';
import type { OnlineDatabase } from './online-database.js';

/** After an attempt that failed, its master may have come back. */
const retryMs = 5 * 60_000;
/** Its master is nowhere, or stopped; or the archive has nothing to begin with yet. */
const awayCodes: ReadonlySet<string> = new Set([
  'BACKUP_NOT_FOUND',
  'DATABASE_OFFLINE',
  'NAME_NOT_FOUND',
]);
const hourMs = 60 * 60 * 1000;

/** What the host calls at each change of a follower. Never throws, waits for nothing. */
export function recreateIfTold(core: HostCore, online: OnlineDatabase): void {
  if (!isDue(core, online)) return;
  void core.turns.run(online.name, () => attempt(core, online));
}

function verdictOf(core: HostCore, { database, follower }: OnlineDatabase) {
  const { onTerminal } = database.control;
  const state = follower?.status().state ?? 'offline';
  return judgeRecreate(
    state,
    onTerminal !== undefined && onTerminal !== null,
    onTerminal?.recreatedAt ?? [],
    core.env.clock.now(),
  );
}

function isDue(core: HostCore, online: OnlineDatabase): boolean {
  // An archive that is looked at again and again says the same each time.
  if (isTriedInVain(online)) return false;
  const { type } = verdictOf(core, online);
  if (type === 'limit') sayLimit(online);
  else online.note = null;
  return type === 'recreate';
}

/** And nothing has changed since, and the time to try it again has not come. */
function isTriedInVain({ follower, recreateFailedOf }: OnlineDatabase): boolean {
  return recreateFailedOf !== null && follower?.status().since === recreateFailedOf;
}

function sayLimit(online: OnlineDatabase): void {
  const { database, follower, name } = online;
  const hours = recreateWindowMs / hourMs;
  const note = `It was made anew ${recreatesMax} times within ${hours} h (onTerminal) and is not made anew by itself again until a person has looked at it.`;
  if (online.note === note) return;
  online.note = note;
  const { reason, state } = follower?.status() ?? { reason: null, state: 'offline' };
  const message = `${name} stays ${state}: ${reason ?? 'no reason is known'}. ${note}`;
  database.jobLog.write('error', 'recreate-limit', message, { state });
}

/** In its turn, and only if it is still as it was. Whatever goes wrong is told and tried again. */
async function attempt(core: HostCore, online: OnlineDatabase): Promise<void> {
  if (core.online.get(online.name) !== online || core.signal.aborted) return;
  if (isTriedInVain(online)) return;
  const { database, name } = online;
  const verdict = verdictOf(core, online);
  if (verdict.type !== 'recreate') return;
  const state = online.follower?.status().state ?? 'offline';
  try {
    // The attempt counts before it is made: a crash in the middle must not make it free.
    const onTerminal: Control['onTerminal'] = { recreatedAt: verdict.times };
    await database.updateControl({ onTerminal });
    const count = `${verdict.times.length} of at most ${recreatesMax} times within ${recreateWindowMs / hourMs} h`;
    const message = `${name} is ${state} and makes itself anew (onTerminal, ${count}).`;
    database.jobLog.write('warning', 'recreate-started', message, { state });
    await recreate(core, name, await originOf(core, database.control));
  } catch (error) {
    await failed(core, online, error);
  }
}

/** Its master, where that can be followed; else the archive beside it. */
async function originOf(core: HostCore, control: Control): Promise<Origin> {
  const { sourceArchive = null } = control;
  try {
    return await masterOf(core, control);
  } catch (error) {
    if (sourceArchive === null) throw error;
    const origin = await archiveOrigin(core, control, sourceArchive);
    const { code, message } = toPaminaError(error);
    const words = `${origin.words} (its master cannot be had: ${code}: ${message})`;
    return { ...origin, words };
  }
}

/** By itself nobody permits itself, nor becomes another database. NAME_NOT_FOUND, DATABASE_OFFLINE, NOT_PERMITTED, PATTERN_MISMATCH. */
async function masterOf(core: HostCore, { master, name, pattern }: Control): Promise<Origin> {
  const link = await core.link(master ?? '');
  const status = await link.status();
  if (!status.online) throw new PaminaError('DATABASE_OFFLINE', `${link.name} is offline`);
  if (status.pattern !== pattern) {
    throw new PaminaError('PATTERN_MISMATCH', `${link.name} is another database than ${name} was`);
  }
  if (!(await link.permitted()).includes(name)) {
    throw new PaminaError('NOT_PERMITTED', `${link.name} does not permit the replica ${name}`);
  }
  return masterOrigin(link);
}

async function failed(core: HostCore, online: OnlineDatabase, error: unknown): Promise<void> {
  const { code, message, retryable } = toPaminaError(error);
  const { database, name, signal } = online;
  if (signal.aborted) {
    // It went offline for the swap, or was stopped: who looks at it finds why.
    core.faults.set(name, { error: toPaminaError(error), since: core.env.clock.now() });
    return;
  }
  // A master that was away for an hour must not use up what a new copy is tried.
  if (retryable || awayCodes.has(code)) await takeBack(online);
  const text = `${name} could not be made anew: ${code}: ${message}. It is tried again in ${retryMs / 60_000} min, if the limit allows.`;
  database.jobLog.write('error', 'recreate-failed', text, { code });
  online.recreateFailedOf = online.follower?.status().since ?? null;
  void core.env.clock.sleep(retryMs, signal).then(
    () => {
      online.recreateFailedOf = null;
      recreateIfTold(core, online);
    },
    () => {
      // It went offline meanwhile, and is looked at again when it comes up.
    },
  );
}

async function takeBack({ database }: OnlineDatabase): Promise<void> {
  const recreatedAt = (database.control.onTerminal?.recreatedAt ?? []).slice(0, -1);
  try {
    await database.updateControl({ onTerminal: { recreatedAt } });
  } catch (error) {
    // It counts, then: one attempt less.
    const { message } = toPaminaError(error);
    database.jobLog.write('warning', 'recreate-count', `An attempt that failed counts: ${message}`);
  }
}
