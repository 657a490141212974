// Which databases of a data folder come up, and which may stay: none beside another that has its name.

import { type PaminaError, toPaminaError } from '@pamina/format';
import type { HostCore } from './host-core.js';
import { isProvenTakeover, markTakenOver } from './host-fence.js';
import { enterName, holderOf, requireNotTakenOver, requireStillOwn } from './host-names.js';
import { goOffline, goOnline } from './host-start.js';
import type { OnlineDatabase } from './online-database.js';

/** Opens every database of the data folder but the unassigned ones. */
export async function startAll(core: HostCore): Promise<void> {
  for (const name of await core.names()) {
    await core.turns.run(name, async () => {
      try {
        const { type, instance, fence } = await core.control(name);
        if (type === 'unassigned') return;
        await requireNotTakenOver(core, { name, type, instance, fence });
        await goOnline(core, name);
      } catch (error) {
        // Noted by goOnline or here; status and list show it.
        const fault = toPaminaError(error);
        core.faults.set(name, { error: fault, since: core.env.clock.now() });
        if (fault.code === 'FENCED') await fenceIfProven(core, name, fault);
      }
    });
  }
}

/** How long a change of the directory may go unnoticed where the system tells of none, as it tells of none that another machine makes. */
const lookMs = 5000;

/** Looks at each change of the directory, and now and then. One round at a time. */
export class NameKeeper {
  readonly #core: HostCore;
  #round: Promise<void> | null = null;
  #isNew = false;
  #cancelLook: () => void = () => undefined;

  constructor(core: HostCore) {
    this.#core = core;
  }

  begin(): void {
    this.#core.directory.onChange(() => this.#look());
    this.#lookLater();
  }

  /** The core is closing already: no round begins any more. */
  async close(): Promise<void> {
    this.#cancelLook();
    await this.#round;
  }

  /** What changes during a round is looked at in one more. */
  #look(): void {
    const { signal } = this.#core;
    if (signal.aborted) return;
    this.#isNew = true;
    this.#round ??= (async () => {
      while (this.#isNew && !signal.aborted) {
        this.#isNew = false;
        await keepNames(this.#core);
      }
      this.#round = null;
    })();
  }

  #lookLater(): void {
    this.#cancelLook = this.#core.env.clock.after(lookMs, () => {
      if (this.#core.signal.aborted) return;
      this.#look();
      this.#lookLater();
    });
  }
}

/**
 * Holds the directory against what is online: enters names that could not be entered before or were
 * lost. A name that bears another instance now was taken over, and its holder before goes offline
 * even if the new one is not up yet: two must not write under one name (P11).
 */
async function keepNames(core: HostCore): Promise<void> {
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
  for (const [name, { error }] of [...core.faults]) {
    if (error.code !== 'NAME_TAKEN' && error.code !== 'FENCED') continue;
    await core.turns.run(name, async () => {
      if (await core.exists(name)) await fenceIfProven(core, name, error);
    });
  }
}

async function keepName(core: HostCore, online: OnlineDatabase): Promise<void> {
  const { name } = online;
  const { instance } = online.database.control;
  await requireStillOwn(core, name, instance);
  const entry = await holderOf(core, name);
  const isEntered = entry?.instance === instance && entry.address === core.address;
  // Where it stands already nobody has to wait for the lock.
  online.isRegistered =
    (isEntered && core.directory.problem === null) ||
    (await enterName(core, name, instance, { mayTake: false }));
}

/** The next start needs no directory to know that the name was taken over. */
async function fenceIfProven(core: HostCore, name: string, fault: PaminaError): Promise<void> {
  const { address } = fault.context;
  if (typeof address !== 'string') return;
  if (await isProvenTakeover(core, name, address)) await markTakenOver(core, name, name);
}

async function giveUp(core: HostCore, online: OnlineDatabase, fault: PaminaError): Promise<void> {
  const { name } = online;
  const message = `The name ${name} was taken over: ${fault.message}. This database goes offline.`;
  online.database.jobLog.write('error', 'taken-over', message, { ...fault.context });
  try {
    await goOffline(core, name, { keepName: true });
    core.faults.set(name, { error: fault, since: core.env.clock.now() });
    await fenceIfProven(core, name, fault);
  } catch (error) {
    // It is offline all the same; that it did not close well is the worse of its two faults.
    core.faults.set(name, { error: toPaminaError(error), since: core.env.clock.now() });
  }
}
