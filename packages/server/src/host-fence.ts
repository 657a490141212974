// The fence: a master that is to be, or has been, replaced takes no writes, whoever asks and however
// often it is started (P11). It is in control.json, so that it holds without a directory.

import type { Database, Fence } from '@pamina/engine';
import { formatPosition, PaminaError, takeoverOf } from '@pamina/format';
import type { FenceAnswer } from '@pamina/wire';
import type { HostCore } from './host-core.js';
import { holderOf } from './host-names.js';
import { goOffline, goOnline } from './host-start.js';
import { MasterLink } from './master-link.js';

/**
 * The database finishes what it has begun to write and takes nothing more; it goes on to feed its replicas.
 * The same again changes nothing. FAILOVER_RUNNING, FENCED, DATABASE_TYPE.
 */
export async function fence(
  core: HostCore,
  name: string,
  { successor }: { successor: string },
): Promise<FenceAnswer> {
  return core.turns.run(name, async () => {
    const { fence: before = null, type } = await core.control(name);
    if (type !== 'normal') {
      throw new PaminaError('DATABASE_TYPE', `${name} is ${type}, and only a master is fenced`);
    }
    if (before?.takenOver === true) {
      throw new PaminaError('FENCED', `the name of ${name} was taken over by ${before.successor}`);
    }
    if (before !== null && before.successor !== successor) {
      const message = `${name} is fenced for ${before.successor} already`;
      throw new PaminaError('FAILOVER_RUNNING', message, { context: { ...before } });
    }
    if (before === null) {
      const since = core.env.clock.now();
      await setFence(core, name, { since, successor, takenOver: false });
    }
    const online = core.online.get(name);
    if (online !== undefined) return endOf(online.database);
    return core.opened(name, 'read', (database) => Promise.resolve(endOf(database)));
  });
}

function endOf(database: Database): FenceAnswer {
  const durable = database.durable();
  const { instance } = database.control;
  return { instance, position: formatPosition(durable), seq: durable.seq };
}

/** It takes writes again. NAME_TAKEN while another database has its name. */
export async function unfence(core: HostCore, name: string): Promise<void> {
  await core.turns.run(name, async () => {
    const { fence: before = null, instance } = await core.control(name);
    if (before === null) {
      throw new PaminaError('DATABASE_TYPE', `${name} has no fence`, {
        hint: `See what it is with \`pamina status ${name}\`.`,
      });
    }
    const holder = await holderOf(core, name);
    if (holder !== null && holder.instance !== null && holder.instance !== instance) {
      throw new PaminaError('NAME_TAKEN', `${holder.address} has ${name} now`, {
        context: { name, address: holder.address },
        hint: `Make this one its replica with \`pamina rejoin ${name}\`, or take this one out of the way with \`pamina rename ${name} OTHER\`.`,
      });
    }
    await setFence(core, name, null);
    if (core.address !== null) await goOnline(core, name);
  });
}

/** For good: it goes offline, and its fault says who has its name. The caller has the turn. */
export async function markTakenOver(
  core: HostCore,
  name: string,
  successor: string,
): Promise<void> {
  const control = await core.control(name);
  if (control.type !== 'normal' || control.fence?.takenOver === true) return;
  await goOffline(core, name, { keepName: true });
  const since = core.env.clock.now();
  await setFence(core, name, { since, successor, takenOver: true });
  const message = `the name ${name} was taken over by another database`;
  core.faults.set(name, { error: new PaminaError('FENCED', message), since });
}

/** A replica that came by follows another database in the place of this one. */
export async function takenOverBy(core: HostCore, name: string, replica: string): Promise<void> {
  await core.turns.run(name, async () => {
    const message = `The replica ${replica} follows a database that took over ${name}. This one goes offline and takes no writes any more.`;
    core.online.get(name)?.database.jobLog.write('error', 'taken-over', message, { replica });
    await markTakenOver(core, name, name);
  });
}

/**
 * Whether who has the name says by its history that it took over this one: only that fences for good. A
 * holder that cannot be asked proves nothing.
 */
export async function isProvenTakeover(
  core: HostCore,
  name: string,
  address: string,
): Promise<boolean> {
  const { timelines, type } = await core.control(name);
  if (type !== 'normal') return false;
  const status = await new MasterLink(name, address, core).statusSoon();
  return status !== null && takeoverOf(name, timelines, status.timelines) !== null;
}

/** Its session ends first and none begins behind a fence. The caller has the turn. */
async function setFence(core: HostCore, name: string, fenceNow: Fence | null): Promise<void> {
  const wasOnline = core.online.has(name);
  await goOffline(core, name, { keepName: true });
  try {
    await core.opened(name, 'read', async (database) => {
      await database.updateControl({ fence: fenceNow });
      database.jobLog.write('warning', 'fence', wordsOf(name, fenceNow), { ...fenceNow });
    });
  } finally {
    if (wasOnline && fenceNow?.takenOver !== true && !core.signal.aborted) {
      await goOnline(core, name);
    }
  }
}

function wordsOf(name: string, fenceNow: Fence | null): string {
  if (fenceNow === null) return `${name} takes writes again.`;
  const { successor, takenOver } = fenceNow;
  if (!takenOver) return `${name} takes no writes from now on: ${successor} is to take over.`;
  return `${name} takes no writes any more: ${successor} has taken over its name.`;
}
