// Rebuilds the store of a database here. One that is online is stopped for it only if that was asked for.

import { planRebuild, rebuild as rebuildStore, removeKeptStores } from '@pamina/backup';
import { isPaminaError, PaminaError } from '@pamina/format';
import type { Progress, RebuildReport, RebuildRequest } from '@pamina/wire';
import type { HostCore } from './host-core.js';
import { goOffline, goOnline } from './host-start.js';

const nothing: RebuildReport = {
  backup: null,
  position: null,
  records: 0,
  entries: null,
  stateHash: null,
  compared: 0,
  kept: [],
  removed: [],
};

/** DATABASE_ONLINE unless it may be stopped; what the rebuild throws. */
export async function rebuild(
  core: HostCore,
  name: string,
  request: RebuildRequest,
  progress?: Progress,
  signal?: AbortSignal,
): Promise<RebuildReport> {
  await core.control(name);
  const options = {
    env: core.env,
    folder: core.folder(name),
    signal: signal === undefined ? core.signal : AbortSignal.any([signal, core.signal]),
    onProgress: progress,
  };
  if (request.dryRun === true) {
    const { backup, position, records } = await planRebuild(options);
    return { ...nothing, backup, position, records };
  }
  return core.turns.run(name, async () => {
    if (request.removeKept === true) {
      return { ...nothing, removed: await removeKeptStores(options) };
    }
    const wasOnline = core.online.has(name);
    if (wasOnline && request.stop !== true) {
      throw new PaminaError('DATABASE_ONLINE', `${name} is online`, {
        hint: `Stop it first with \`pamina stop ${name}\`, or let the rebuild do it with --stop.`,
        context: { name },
      });
    }
    const shouldBeOnline = wasOnline || (core.address !== null && core.faults.has(name));
    if (wasOnline) await goOffline(core, name, { keepName: true });
    try {
      const { kept, ...built } = await rebuildStore(options);
      if (shouldBeOnline) await goOnline(core, name);
      return { ...nothing, ...reportOf(built), kept: kept === null ? [] : [kept] };
    } catch (error) {
      if (wasOnline) await backOnline(core, name);
      throw error;
    }
  });
}

/** Why the rebuild failed is the better error; that it is offline stands in its status. */
async function backOnline(core: HostCore, name: string): Promise<void> {
  try {
    await goOnline(core, name);
  } catch (error) {
    if (!isPaminaError(error)) throw error;
  }
}

function reportOf(built: {
  backup: string;
  position: string;
  records: number;
  entries: number;
  stateHash: string;
  compared: number;
}): Omit<RebuildReport, 'kept' | 'removed'> {
  const { backup, compared, entries, position, records, stateHash } = built;
  return { backup, compared, entries, position, records, stateHash };
}
