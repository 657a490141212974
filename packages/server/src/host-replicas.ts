// Which replicas may follow a database, and how far each of them is.

import { formatPosition, PaminaError, validateName } from '@pamina/format';
import type { PermittedReplica, Slot } from '@pamina/engine';
import type { ReplicaHold, ReplicaSummary } from '@pamina/wire';
import type { Held, HostCore } from './host-core.js';
import { replicaHolds } from './host-holds.js';
import { requireOwnName } from './host-names.js';
import { lagBehind, unknownLag } from './lag.js';
import { conditionOf } from './replica-condition.js';

export async function allow(
  core: HostCore,
  name: string,
  replica: string,
  options: { simultaneousQuery?: boolean | undefined },
): Promise<void> {
  validateName(replica);
  requireOwnName(replica, name);
  await core.use(name, 'write', async ({ database }) => {
    await database.permit(replica, { simultaneousQuery: options.simultaneousQuery ?? false });
    database.jobLog.write('info', 'replica-permitted', `The replica ${replica} is permitted`, {
      replica,
    });
  });
}

export async function deny(core: HostCore, name: string, replica: string): Promise<void> {
  validateName(replica);
  await core.use(name, 'write', async ({ database, online }) => {
    const permitted = await database.permitted();
    const isPermitted = permitted.some((entry) => entry.name === replica);
    const isSeen = database.slots.list().some((slot) => slot.name === replica);
    if (!isPermitted && !isSeen) {
      throw new PaminaError('NAME_NOT_FOUND', `${name} permits no replica ${replica}`, {
        hint: `See what is permitted with \`pamina replicas ${name}\`.`,
      });
    }
    if (isPermitted) await database.system.deny(replica);
    // A last report would enter it again. What it would still need is no longer kept for it.
    await online?.endFeedsOf(replica);
    online?.ends.forget(replica);
    await database.slots.forget(replica);
    database.jobLog.write(
      'info',
      'replica-denied',
      `The replica ${replica} is no longer permitted`,
      {
        replica,
      },
    );
  });
}

export async function replicas(core: HostCore, name: string): Promise<ReplicaSummary[]> {
  return core.use(name, 'read', async (held) => {
    const permitted = new Map<string, PermittedReplica>();
    for (const entry of await held.database.permitted()) permitted.set(entry.name, entry);
    const slots = new Map<string, Slot>();
    for (const slot of held.database.slots.list()) slots.set(slot.name, slot);
    const holds = new Map<string, ReplicaHold>();
    for (const hold of await replicaHolds(held.database)) holds.set(hold.replica, hold);
    const names = [...new Set([...permitted.keys(), ...slots.keys()])].sort();
    const summaries: ReplicaSummary[] = [];
    for (const replica of names) {
      const slot = slots.get(replica) ?? null;
      const lag = await lagOf(core, held, slot);
      const hold = holds.get(replica) ?? null;
      summaries.push(summary(held, replica, permitted.get(replica) ?? null, slot, { lag, hold }));
    }
    return summaries;
  });
}

/** By its last report: what this log holds behind each of its positions. */
async function lagOf(core: HostCore, { database }: Held, slot: Slot | null): Promise<Lags> {
  if (slot === null) return { received: unknownLag, durable: unknownLag, applied: unknownLag };
  const now = core.env.clock.now();
  const received = await lagBehind(database.log, slot.received, now);
  const { log } = database;
  const durable =
    slot.durable === slot.received ? received : await lagBehind(log, slot.durable, now);
  const applied = slot.applied === slot.durable ? durable : await lagBehind(log, slot.applied, now);
  return { received, durable, applied };
}

type Lags = ReplicaSummary['lag'];

function summary(
  { database, online }: Held,
  name: string,
  permitted: PermittedReplica | null,
  slot: Slot | null,
  { lag, hold }: { readonly lag: Lags; readonly hold: ReplicaHold | null },
): ReplicaSummary {
  const feed =
    [...(online?.feeds.values() ?? [])].find((status) => status?.replica === name) ?? null;
  const condition = conditionOf({
    master: database.control.name,
    ...{ name, permitted, slot, hold, feed },
    end: online?.ends.of(name) ?? null,
    onlineSince: online?.since ?? null,
    replicationDelayMs: database.settings().replicationDelayMs,
  });
  const { timeline } = database.durable();
  const place = (at: number | undefined): string | null =>
    at === undefined ? null : formatPosition({ timeline, seq: at });
  return {
    name,
    instance: slot?.instance ?? feed?.instance ?? null,
    permitted: permitted !== null,
    simultaneousQuery: permitted?.simultaneousQuery ?? false,
    connected: feed !== null,
    ...condition,
    received: place(slot?.received),
    durable: place(slot?.durable),
    applied: place(slot?.applied),
    lag,
    seenAt: slot?.seenAt ?? null,
    hold,
  };
}
