// Which replica takes over, from what all databases say of themselves: pure, so that every state and every
// mixture of histories can be tried. What cannot take over is named with its reason.

import { forkPoint, PaminaError, parsePosition } from '@pamina/format';
import type { DatabaseStatus, FailoverCandidate, FailoverOptions } from '@pamina/wire';
import { isClaim } from './master-link.js';
import type { Peer } from './peers.js';

export interface Plan {
  readonly master: string;
  /** Who has the name now; null where it is not in the directory. */
  readonly holder: Peer | null;
  readonly candidates: readonly FailoverCandidate[];
  readonly chosen: FailoverCandidate;
  /** The last record that the master is known to have had. */
  readonly knownSeq: number;
  /** Archives of the master that the chosen one has not: each database keeps its own list. */
  readonly notArchived: readonly string[];
  /** It answered, and is online. */
  readonly isMasterThere: boolean;
}

/** Who has the name, with the status of nobody but whom the entry names. */
export function holderOf(peers: readonly Peer[], master: string): Peer | null {
  const found = peers.find(({ name }) => name === master);
  if (found === undefined) return null;
  const { entry, status } = found;
  const isNamed = entry.instance === null || status?.instance === entry.instance;
  return isNamed ? found : { ...found, status: null };
}

/**
 * Promoted and renamed, but not all of its replicas know it; or claimed, and not promoted yet. One that
 * another has taken the name from since has nothing to finish.
 */
export function isUnfinished({ status }: Peer, holder: Peer | null, master: string): boolean {
  if (status === null || status.takeover?.of !== master || status.takeover.finished) return false;
  if (status.fence?.takenOver === true) return false;
  const claimant = holder?.entry.instance ?? null;
  return claimant === null ? status.type === 'normal' : claimant === status.instance;
}

/** Whether, beyond what was left of the failover before, the one that is asked for is another. */
export function isNext(
  peers: readonly Peer[],
  unfinished: Peer,
  master: string,
  { to }: FailoverOptions,
): boolean {
  if (unfinished.name !== master) return false;
  return peers.some(({ name, status }) => name === to && status?.type === 'replica');
}

/** FAILOVER_IMPOSSIBLE, FAILOVER_BEHIND. */
export function planOf(master: string, peers: readonly Peer[], options: FailoverOptions): Plan {
  const { to } = options;
  const holder = holderOf(peers, master);
  if (holder?.status?.type === 'replica') {
    const message = `${master} is itself a replica of ${holder.status.master?.name}: nobody takes its place`;
    throw new PaminaError('FAILOVER_IMPOSSIBLE', message);
  }
  const replicas = peers.filter(
    ({ name, status }) =>
      name === to || (status?.type === 'replica' && status.master?.name === master),
  );
  const histories = [...replicas, ...(holder === null ? [] : [holder])];
  const candidates = replicas.map((peer) => {
    const candidate = candidateOf(peer, master, to);
    const problem = candidate.problem ?? strangeness(peer, histories, holder, to);
    return { ...candidate, problem };
  });
  // The name is claimed: a failover that was cut short goes on with the same one.
  const claimed = replicas.find(({ status }) => isClaimant(status, holder, master));
  const able = candidates
    .filter(
      ({ name, problem }) => problem === null && (claimed === undefined || name === claimed.name),
    )
    .sort((one, other) => (other.seq ?? 0) - (one.seq ?? 0));
  const promised = holder?.status?.fence?.successor;
  const wanted = to ?? (able.some(({ name }) => name === promised) ? promised : undefined);
  const chosen = wanted === undefined ? able[0] : able.find(({ name }) => name === wanted);
  if (chosen === undefined) throw impossible(master, to, candidates);
  const knownSeqs = replicas.map(({ status }) => seqOf(status?.master?.durable ?? null) ?? 0);
  const isMasterThere = holder?.status?.online === true && holder.status.type === 'normal';
  if (!isMasterThere) requireMostAdvanced(able[0] ?? chosen, chosen, candidates, options);
  const endSeq = isMasterThere ? null : seqOf(holder?.status?.durable ?? null);
  if (endSeq !== null) requireNoRest(master, endSeq, chosen, options);
  const knownSeq = Math.max(0, endSeq ?? 0, ...knownSeqs);
  const successor = replicas.find(({ name }) => name === chosen.name);
  const own = (successor?.status?.archives ?? []).map(({ address }) => address);
  const notArchived = (holder?.status?.archives ?? [])
    .map(({ address }) => address)
    .filter((address) => !own.includes(address));
  return { master, holder, candidates, chosen, knownSeq, notArchived, isMasterThere };
}

/** FAILOVER_BEHIND: where the master cannot send its rest, what only another replica has would be lost. */
function requireMostAdvanced(
  ahead: FailoverCandidate,
  chosen: FailoverCandidate,
  candidates: readonly FailoverCandidate[],
  { acceptLoss = false }: FailoverOptions,
): void {
  if (acceptLoss || (ahead.seq ?? 0) <= (chosen.seq ?? 0)) return;
  const message = `${ahead.name} is at ${ahead.durable}, ${chosen.name} at ${chosen.durable} only`;
  throw new PaminaError('FAILOVER_BEHIND', message, { context: { candidates } });
}

/** FAILOVER_BEHIND: a master that is stopped, and has what it did not send before, could send it. */
function requireNoRest(
  master: string,
  endSeq: number,
  chosen: FailoverCandidate,
  { acceptLoss = false }: FailoverOptions,
): void {
  if (acceptLoss || endSeq <= (chosen.seq ?? 0)) return;
  const message = `${master} is stopped and ends at record ${endSeq}, ${chosen.name} is at ${chosen.durable} only`;
  throw new PaminaError('FAILOVER_BEHIND', message, {
    hint: `Start it with \`pamina start ${master}\`, so that it sends its rest, or say \`--accept-loss\` to give up what only it has.`,
  });
}

/**
 * Why its log is not that of the database whose place is to be taken, however much it has of it: of two
 * histories the longer number counts only where one continues the other.
 */
function strangeness(
  { status }: Peer,
  others: readonly Peer[],
  holder: Peer | null,
  to: string | undefined,
): string | null {
  if (status === null) return null;
  const holding = holder?.status?.pattern ?? null;
  for (const { name, status: other } of others) {
    if (other === null) continue;
    if (other.pattern !== status.pattern) {
      const isKnown = holding === null ? to === undefined : other.pattern === holding;
      if (isKnown) return `it was made from a backup of another database than ${name}`;
      continue;
    }
    const { common, seqMax } = forkPoint(status.timelines, other.timelines);
    const isLeft = common === status.timelines.length && (seqOf(status.durable) ?? 0) > seqMax;
    if (isLeft) return `it is on a history that ${name} left after record ${seqMax}`;
  }
  return null;
}

function isClaimant(status: DatabaseStatus | null, holder: Peer | null, master: string): boolean {
  if (status === null || holder === null || holder.entry.instance !== status.instance) return false;
  const { master: follows, takeover, type } = status;
  return isClaim(master, { master: follows?.name ?? null, takeover, type });
}

/** A replica in any other state has stopped, and a person must look at it first. */
const fit: ReadonlySet<DatabaseStatus['state']> = new Set([
  'connecting',
  'catching-up',
  'streaming',
  'waiting',
  'disconnected',
]);
/** By the will of a person. */
const held: ReadonlySet<DatabaseStatus['state']> = new Set(['paused', 'delayed', 'read-only']);

function candidateOf(
  { entry, name, status }: Peer,
  master: string,
  to: string | undefined,
): FailoverCandidate {
  const durable = status?.durable ?? null;
  const about = { name, address: entry.address, durable, seq: seqOf(durable) };
  const because = (problem: string | null): FailoverCandidate => ({
    ...about,
    state: status?.state ?? 'unknown',
    problem,
  });
  if (status === null) return because('its server does not answer');
  const { state } = status;
  if (status.type !== 'replica' || status.master?.name !== master) {
    return because(`it is ${status.type} and no replica of ${master}`);
  }
  if (!status.online || !(fit.has(state) || held.has(state)))
    return because(status.reason ?? `it is ${state}`);
  if (durable === null) return because('its position is not known');
  if (held.has(state) && name !== to) {
    return because(`it is ${state}: it takes over only where \`--to\` names it`);
  }
  return because(null);
}

function seqOf(position: string | null): number | null {
  return position === null ? null : parsePosition(position).seq;
}

function impossible(
  master: string,
  to: string | undefined,
  candidates: readonly FailoverCandidate[],
): PaminaError {
  const listed = candidates.map(({ name, problem }) => `${name}: ${problem ?? 'not asked for'}`);
  const wanted = to === undefined ? `no replica of ${master}` : to;
  const why = listed.length === 0 ? 'the directory has no replica of it' : listed.join('; ');
  return new PaminaError('FAILOVER_IMPOSSIBLE', `${wanted} can take over: ${why}`, {
    context: { master, candidates },
  });
}
