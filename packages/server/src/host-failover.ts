// A replica takes its master's place, from finding the right one to pointing the others at it. It runs on
// any server that shares the directory, and changes nothing itself: fence and takeover are the steps of the
// two databases, each of them safe to repeat, so a failover that was cut short is run again.

import {
  forkPoint,
  isPaminaError,
  PaminaError,
  parsePosition,
  toPaminaError,
  validateName,
} from '@pamina/format';
import {
  type DatabaseStatus,
  type FailoverCandidate,
  type FailoverOptions,
  type FailoverReport,
  failoverTimeoutMsDefault,
  type FenceAnswer,
  type Progress,
  type TakeOverReport,
} from '@pamina/wire';
import type { HostCore } from './host-core.js';
import { isClaim, MasterLink } from './master-link.js';
import { databasesOf, type Peer, stoppedMaster } from './peers.js';

interface Plan {
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

export async function failover(
  core: HostCore,
  master: string,
  options: FailoverOptions,
  progress?: Progress,
): Promise<FailoverReport> {
  validateName(master);
  const say = (step: string, done: number): void =>
    progress?.({ step, done, total: 4, unit: 'steps' });
  say('looking for replicas', 0);
  let peers = await databasesOf(core);
  const unfinished = peers.find((peer) => isUnfinished(peer, holderOf(peers, master), master));
  if (unfinished !== undefined && options.dryRun !== true) {
    const report = await finishIt(core, master, unfinished);
    if (!isNext(peers, unfinished, master, options)) return report;
    peers = await databasesOf(core);
  }
  if (holderOf(peers, master) === null) {
    const stopped = await stoppedMaster(core, master, peers);
    if (stopped !== null) peers = [...peers, stopped];
  }
  const plan = planOf(master, peers, options);
  const none = { address: null, position: null, followers: [], oldMaster: null };
  if (options.dryRun === true) {
    return {
      ...reportOf(plan, plan.isMasterThere, null),
      ...none,
      withoutWriterMs: null,
      dryRun: true,
    };
  }
  const { clock } = core.env;
  const startedAt = clock.monotonic();
  say(`telling ${master} to stop`, 1);
  const stopped = await stopMaster(core, plan);
  if ('problem' in stopped && plan.isMasterThere && options.acceptLoss !== true) {
    throw notStopped(plan, stopped.problem);
  }
  say(`${plan.chosen.name} takes over`, 2);
  const end = 'end' in stopped ? stopped.end : null;
  const taken = await takeOverOrGoBack(core, plan, end, options);
  const withoutWriterMs = Math.round(clock.monotonic() - startedAt);
  say('done', 4);
  const problem = 'problem' in stopped ? stopped.problem : null;
  const report = reportOf(plan, end !== null, problem);
  const isBehind = end !== null && taken.atSeq < end.seq;
  return {
    ...report,
    ...(isBehind ? { lost: { records: end.seq - taken.atSeq, isCertain: true } } : {}),
    ...partsOf(taken),
    withoutWriterMs,
    dryRun: false,
  };
}

function partsOf({ address, followers, oldMaster, position }: TakeOverReport) {
  return { address, followers, oldMaster, position };
}

/** Who has the name, with the status of nobody but whom the entry names. */
function holderOf(peers: readonly Peer[], master: string): Peer | null {
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
function isUnfinished({ status }: Peer, holder: Peer | null, master: string): boolean {
  if (status === null || status.takeover?.of !== master || status.takeover.finished) return false;
  if (status.fence?.takenOver === true) return false;
  const claimant = holder?.entry.instance ?? null;
  return claimant === null ? status.type === 'normal' : claimant === status.instance;
}

/** Whether, beyond what was left of the failover before, the one that is asked for is another. */
function isNext(
  peers: readonly Peer[],
  unfinished: Peer,
  master: string,
  { to }: FailoverOptions,
): boolean {
  if (unfinished.name !== master) return false;
  return peers.some(({ name, status }) => name === to && status?.type === 'replica');
}

async function finishIt(core: HostCore, master: string, peer: Peer): Promise<FailoverReport> {
  const former = peer.status?.takeover?.formerName ?? peer.name;
  const link = new MasterLink(peer.name, peer.entry.address, core);
  const request = { master, fenced: null, untilSeq: null, timeoutMs: failoverTimeoutMsDefault };
  const taken = await link.takeOver(request);
  return {
    ...{ master, successor: former, fenced: false, masterProblem: null, candidates: [] },
    ...partsOf(taken),
    lost: { records: 0, isCertain: false },
    withoutWriterMs: null,
    dryRun: false,
  };
}

/** FAILOVER_IMPOSSIBLE, FAILOVER_BEHIND. */
function planOf(master: string, peers: readonly Peer[], options: FailoverOptions): Plan {
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

const unfit: ReadonlySet<string> = new Set([
  'failed',
  'offline',
  'pattern-mismatch',
  'not-permitted',
  'diverged',
  'log-gone',
  'version-mismatch',
]);
const held: ReadonlySet<string> = new Set(['paused', 'delayed', 'read-only']);

function candidateOf(
  { entry, name, status }: Peer,
  master: string,
  to: string | undefined,
): FailoverCandidate {
  const durable = status?.durable ?? null;
  const about = { name, address: entry.address, durable, seq: seqOf(durable) };
  const state = status?.state ?? 'unknown';
  const because = (problem: string | null): FailoverCandidate => ({ ...about, state, problem });
  if (status === null) return because('its server does not answer');
  if (status.type !== 'replica' || status.master?.name !== master) {
    return because(`it is ${status.type} and no replica of ${master}`);
  }
  if (!status.online || unfit.has(state)) return because(status.reason ?? `it is ${state}`);
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

type Stopped = { readonly end: FenceAnswer } | { readonly problem: string };

/** Its name is claimed all the same where it cannot be reached; where it can, two failovers must not meet. */
async function stopMaster(core: HostCore, { chosen, holder, master }: Plan): Promise<Stopped> {
  if (holder === null) return { problem: `${master} is not in the directory` };
  if (holder.entry.instance !== null && holder.status === null) {
    return { problem: `the holder of ${master} at ${holder.entry.address} does not answer` };
  }
  try {
    const link = new MasterLink(master, holder.entry.address, core);
    return { end: await link.fence(chosen.name) };
  } catch (error) {
    if (isPaminaError(error, 'FAILOVER_RUNNING') || isPaminaError(error, 'FENCED')) throw error;
    return { problem: toPaminaError(error).message };
  }
}

/** Without its rest nobody takes over from a master that is there: what it acknowledged last would be lost. */
function notStopped({ chosen, master }: Plan, problem: string): PaminaError {
  const message = `${master} is there and could not be told to stop: ${problem}`;
  return new PaminaError('FAILOVER_IMPOSSIBLE', message, {
    hint: `Nothing was promoted. See \`pamina status ${master}\`: if it has a fence now, \`pamina unfence ${master}\` lets it take writes again. Run \`pamina failover ${master} --to ${chosen.name}\` again when it can stop or is gone.`,
  });
}

/** Where the name was not even claimed the master takes writes again. */
async function takeOverOrGoBack(
  core: HostCore,
  { chosen, holder, isMasterThere, master }: Plan,
  end: FenceAnswer | null,
  { acceptLoss, timeoutMs = failoverTimeoutMsDefault }: FailoverOptions,
): Promise<TakeOverReport> {
  const link = new MasterLink(chosen.name, chosen.address, core);
  const fenced = end?.instance ?? null;
  // One that is stopped sends nothing: what only it has was given up, or there is none.
  const isAwaited = isMasterThere || acceptLoss !== true;
  const untilSeq = isAwaited ? (end?.seq ?? null) : null;
  try {
    return await link.takeOver({ master, fenced, untilSeq, timeoutMs });
  } catch (error) {
    const failure = toPaminaError(error);
    // Its fence was taken away already, by a person.
    if (holder === null || end === null || failure.code === 'FAILOVER_IMPOSSIBLE') throw failure;
    if (!unanswered.has(failure.code) && (await isUnclaimed(core, master, end))) {
      await goBack(core, { address: holder.entry.address, chosen, master }, failure);
      throw failure;
    }
    throw stillFenced(master, chosen.name, failure);
  }
}

/** What the replica did, or still does, is not known then. */
const unanswered: ReadonlySet<string> = new Set(['ABORTED', 'CONNECT_FAILED', 'TIMEOUT']);

async function isUnclaimed(core: HostCore, master: string, end: FenceAnswer): Promise<boolean> {
  const entry = await core.directory.resolve(master);
  return entry !== null && (entry.instance === null || entry.instance === end.instance);
}

async function goBack(
  core: HostCore,
  { address, chosen, master }: Pick<Plan, 'chosen' | 'master'> & { readonly address: string },
  failure: PaminaError,
): Promise<void> {
  try {
    await new MasterLink(master, address, core).unfence();
  } catch (error) {
    // A person, or another failover that ended, was faster.
    if (isPaminaError(error, 'DATABASE_TYPE')) return;
    const { code, context, message } = failure;
    const also = `${message}; and ${master} was not taken out of its fence: ${toPaminaError(error).message}`;
    const both = new PaminaError(code, also, { cause: error, context });
    throw stillFenced(master, chosen.name, both);
  }
}

function stillFenced(master: string, successor: string, failure: PaminaError): PaminaError {
  const { code, context, message } = failure;
  return new PaminaError(code, message, {
    ...{ cause: failure, context },
    hint: `${master} takes no writes. Mend the cause and run \`pamina failover ${master} --to ${successor}\` again, or take it back with \`pamina unfence ${master}\`.`,
  });
}

type Facts = Pick<
  FailoverReport,
  'master' | 'successor' | 'fenced' | 'masterProblem' | 'lost' | 'candidates' | 'notArchived'
>;

function reportOf(plan: Plan, fenced: boolean, masterProblem: string | null): Facts {
  const { candidates, chosen, knownSeq, master } = plan;
  const records = fenced ? 0 : Math.max(0, knownSeq - (chosen.seq ?? 0));
  const lost = { records, isCertain: fenced };
  const { notArchived } = plan;
  return { master, successor: chosen.name, fenced, masterProblem, lost, candidates, notArchived };
}
