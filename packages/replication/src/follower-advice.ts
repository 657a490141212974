// Which state an error leads to, and what a person should do there. Errors that may pass by
// themselves lead to `disconnected`; the others stop replication until somebody acts (DESIGN §9).

import { errorTable, type ErrorCode } from '@pamina/format';
import type { FollowerStateName, Problem } from './follower-event.js';

export type TerminalState = Extract<
  FollowerStateName,
  | 'pattern-mismatch'
  | 'not-permitted'
  | 'diverged'
  | 'log-gone'
  | 'version-mismatch'
  | 'clone'
  | 'failed'
>;

const stateOfCode: ReadonlyMap<string, TerminalState> = new Map([
  ['PATTERN_MISMATCH', 'pattern-mismatch'],
  ['BACKUP_INITIAL', 'pattern-mismatch'],
  ['NOT_PERMITTED', 'not-permitted'],
  ['UNAUTHORIZED', 'not-permitted'],
  ['TOKEN_REQUIRED', 'not-permitted'],
  ['FORBIDDEN', 'not-permitted'],
  ['DIVERGED', 'diverged'],
  ['LOG_GONE', 'log-gone'],
  ['REPLICA_LOST', 'log-gone'],
  ['REPLICA_CLONED', 'clone'],
  ['VERSION_MISMATCH', 'version-mismatch'],
  ['FORMAT_UNKNOWN', 'version-mismatch'],
]);

/** What arrived was not what the master has on its disk: nothing of it was used, and it is asked for again. */
const spoiledOnTheWay: ReadonlySet<string> = new Set(['RECORD_INVALID', 'SEGMENT_INVALID']);

const advice: Readonly<Record<Exclude<TerminalState, 'failed'>, string>> = {
  'pattern-mismatch':
    'Create this replica again from a backup of the master that it names (an initial backup does not do).',
  'not-permitted':
    'Permit this replica on its master (`pamina allow MASTER REPLICA`), check the token, then start it again.',
  diverged:
    'This replica and its master no longer share one history. Create it again from a new backup of the master (`pamina replicate NAME --master MASTER --recreate`).',
  'log-gone':
    'The master no longer has the log that this replica needs. Create it again from a newer backup (`pamina replicate NAME --master MASTER --recreate`).',
  clone:
    'Remove the copied folder, or make it a replica of its own under another name (`pamina replicate NEW_NAME --master MASTER`). If the copy is the one that is connected, stop it, then start this one again.',
  'version-mismatch':
    'The master writes a format that this version cannot read. Upgrade the replica, then start it again.',
};

/** A refusal by the master: null when another attempt may succeed. */
export function stateOfRefusal(problem: Problem): TerminalState | null {
  return stateOfCode.get(problem.code) ?? null;
}

/** A failure on this side's disk or in what arrived: null when another attempt may succeed (disk full, a spoiled byte). */
export function stateOfStoreFailure(problem: Problem): TerminalState | null {
  const state = stateOfCode.get(problem.code);
  if (state !== undefined) return state;
  return problem.retryable || spoiledOnTheWay.has(problem.code) ? null : 'failed';
}

/** What to do in a terminal state. */
export function adviceFor(state: TerminalState, problem: Problem): string {
  if (state !== 'failed') return advice[state];
  const known = Object.hasOwn(errorTable, problem.code);
  return known
    ? errorTable[problem.code as ErrorCode].hint
    : 'See the job log. Start the replica again when the cause is mended.';
}

/** What to do about a failure after which this side tries again by itself; nothing if that is all there is to do. */
export function adviceForUnstored(problem: Problem): string | undefined {
  return spoiledOnTheWay.has(problem.code) ? undefined : adviceFor('failed', problem);
}

/** As `adviceFor`, where it is an archive that cannot be followed. */
export function adviceForArchive(state: TerminalState, problem: Problem): string {
  if (state === 'diverged' || state === 'log-gone' || state === 'pattern-mismatch') {
    return 'The archive does not lead on from this replica. It follows its master when that can be reached; or create it again, from a newer backup there (`pamina replicate NAME --master MASTER --from-archive ARCHIVE --recreate`).';
  }
  return adviceFor(state, problem);
}
