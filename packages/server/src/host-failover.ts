// A replica takes its master's place, from finding the right one to pointing the others at it. It runs on
// any server that shares the directory, and changes nothing itself: fence and takeover are the steps of the
// two databases, each of them safe to repeat, so a failover that was cut short is run again.

import { isPaminaError, PaminaError, toPaminaError, validateName } from '@pamina/format';
import {
  type FailoverOptions,
  type FailoverReport,
  failoverTimeoutMsDefault,
  type FenceAnswer,
  type Progress,
  type TakeOverReport,
} from '@pamina/wire';
import { holderOf, isNext, isUnfinished, type Plan, planOf } from './failover-plan.js';
import type { HostCore } from './host-core.js';
import { MasterLink } from './master-link.js';
import { databasesOf, type Peer, stoppedMaster } from './peers.js';

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
const unanswered: ReadonlySet<string> = new Set([
  'ABORTED',
  'CONNECT_FAILED',
  'TIMEOUT',
  'TLS_FAILED',
]);

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
