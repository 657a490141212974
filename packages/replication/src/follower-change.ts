// How the follower gets from one state into another: what is forgotten, what is kept, and the line
// in plain words that the job log gets. Used by the table in follower.ts.

import { feedCreditBytesMax } from '@pamina/format';
import { retryDelayMs } from './backoff.js';
import { adviceFor, adviceForUnstored, type TerminalState } from './follower-advice.js';
import type {
  FollowerEffect,
  FollowerState,
  FollowerStateName,
  FollowerStep,
  Moment,
  Problem,
} from './follower-event.js';

/** Refill when at least this part of the window is free, so that requests stay rare. */
const refillBytesMin = feedCreditBytesMax / 4;

export const stay = (state: FollowerState): FollowerStep => ({ state, effects: [] });

interface Why {
  readonly reason?: string | undefined;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

/** Without a reason of its own a state has that of what could not be stored. */
function whyOf({ unstored }: FollowerState, why: Why): Why {
  if (why.reason !== undefined || unstored === null) return why;
  const { code, message: reason } = unstored;
  return { reason, code, message: adviceForUnstored(unstored) };
}

export function enter(
  state: FollowerState,
  name: FollowerStateName,
  at: Moment,
  why: Why = {},
): FollowerState {
  const { code = null, message = null, reason = null } = whyOf(state, why);
  return {
    ...state,
    ...{ name, reason, code, message },
    since: state.name === name ? state.since : at.now,
  };
}

/** Without a link nothing is under way and no credit is out. */
function unlinked(state: FollowerState): FollowerState {
  return { ...state, link: 'none', credit: 0, pulling: false };
}

export function log(
  level: 'info' | 'warning' | 'error',
  event: string,
  message: string,
): FollowerEffect {
  return { type: 'log', level, event, message };
}

function hangUp(state: FollowerState, goodbye: boolean): FollowerEffect[] {
  return state.link === 'none' ? [] : [{ type: 'disconnect', goodbye }];
}

/** Leaves in order for a state in which nothing is under way. */
export function rest(
  state: FollowerState,
  at: Moment,
  name: 'offline' | 'read-only',
): FollowerStep {
  if (state.name === name) return stay(state);
  const message =
    name === 'offline'
      ? 'Replication is offline.'
      : 'Read only: queries are answered, replication rests until readOnly is false.';
  return {
    state: enter({ ...unlinked(state), attempts: 0, unstored: null }, name, at),
    effects: [
      { type: 'cancel-timer' },
      ...hangUp(state, true),
      log('info', `replication-${name}`, message),
    ],
  };
}

export function connect(state: FollowerState, at: Moment): FollowerStep {
  const anew: FollowerState = { ...unlinked(state), link: 'opening', attempts: 0, unstored: null };
  const next = enter(anew, 'connecting', at);
  return {
    state: { ...next, heardMs: at.monotonicMs, master: null },
    effects: [
      { type: 'connect' },
      log('info', 'replication-connecting', `Connecting to master ${state.masterName}.`),
    ],
  };
}

/** Another attempt later, for ever. The job log hears of it once for each cause, not at each attempt. */
export function retry(
  state: FollowerState,
  at: Moment,
  problem: Problem,
  advice?: string,
): FollowerStep {
  const { code, message: reason } = problem;
  const next = enter(unlinked(state), 'disconnected', at, { reason, code, message: advice });
  const isKnown = state.name === 'disconnected' || state.unstored !== null;
  const isNews = !isKnown || state.code !== code;
  const remedy = advice === undefined ? '' : ` ${advice}`;
  const message = `Disconnected from master ${state.masterName}: ${reason}. Trying again.${remedy}`;
  return {
    state: { ...next, attempts: state.attempts + 1 },
    effects: [
      ...hangUp(state, false),
      { type: 'timer', afterMs: retryDelayMs(state.attempts, at.chance) },
      ...(isNews ? [log('warning', 'replication-disconnected', message)] : []),
    ],
  };
}

/** Stops until somebody acts and starts it again. */
export function halt(
  state: FollowerState,
  at: Moment,
  name: TerminalState,
  problem: Problem,
): FollowerStep {
  const { code, message: reason } = problem;
  const message = adviceFor(name, problem);
  const line = `Replication from ${state.masterName} stopped (${name}): ${reason}. ${message}`;
  return {
    state: enter(unlinked(state), name, at, { reason, code, message }),
    effects: [
      { type: 'cancel-timer' },
      ...hangUp(state, true),
      log('error', `replication-${name}`, line),
    ],
  };
}

/** The peer does not keep to the protocol: the channel is given up, nothing of it is used. */
export function violation(state: FollowerState, at: Moment, message: string): FollowerStep {
  return retry(state, at, { code: 'MESSAGE_INVALID', message, retryable: true });
}

/** Enters one of the three connected states, with a line if it is another one. */
export function proceed(
  state: FollowerState,
  at: Moment,
  name: 'catching-up' | 'streaming' | 'waiting',
): FollowerStep {
  if (state.name === name) return stay(state);
  const seq = state.master?.point.seq ?? state.durableSeq;
  const messages = {
    'catching-up': `Catching up with master ${state.masterName}: ${state.durableSeq} of ${seq}.`,
    streaming: `Caught up with master ${state.masterName} at ${state.durableSeq}: streaming.`,
    waiting: `Caught up with master ${state.masterName}: asking again every ${state.replicationDelayMs} ms.`,
  } as const;
  const line = log('info', `replication-${name}`, messages[name]);
  // A try that may fail as the one before did is no news.
  return { state: enter(state, name, at), effects: state.unstored === null ? [line] : [] };
}

/** Asks with all the credit that is free now. */
export function request(state: FollowerState): FollowerStep {
  const bytes = feedCreditBytesMax - state.credit - state.held;
  const wait = state.replicationDelayMs === 0;
  return {
    state: { ...state, credit: state.credit + bytes, pulling: !wait },
    effects: [{ type: 'request', bytes, wait }],
  };
}

/** Gives back credit as bytes become durable; only while a request is open. */
export function refill(state: FollowerState): FollowerStep {
  const isAsking = state.pulling || state.replicationDelayMs === 0;
  const free = feedCreditBytesMax - state.credit - state.held;
  return isAsking && free >= refillBytesMin ? request(state) : stay(state);
}

/** Runs the next step on the state that the first one leads to. (A module must not export `then`.) */
export function andThen(
  first: FollowerStep,
  next: (state: FollowerState) => FollowerStep,
): FollowerStep {
  const second = next(first.state);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}
