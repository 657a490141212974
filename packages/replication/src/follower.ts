// The replica's side of replication as a pure state machine: every state says what it does at every
// event. Clocks, randomness, the database and the channel are the runner's (follower-runner.ts).

import type { ChannelPoint } from '@pamina/wire';
import { adviceForUnstored, stateOfRefusal, stateOfStoreFailure } from './follower-advice.js';
import {
  andThen,
  connect,
  enter,
  halt,
  log,
  proceed,
  refill,
  request,
  rest,
  retry,
  stay,
  violation,
} from './follower-change.js';
import type {
  FollowerEvent,
  FollowerState,
  FollowerStateName,
  FollowerStep,
  MasterNews,
  Moment,
} from './follower-event.js';
import { handshakeMs, silenceMs } from './replication-limits.js';

type EventOf<T extends FollowerEvent['type']> = Extract<FollowerEvent, { type: T }>;
type Row = {
  readonly [T in FollowerEvent['type']]: (state: FollowerState, event: EventOf<T>) => FollowerStep;
};

export function startFollower(now: number): FollowerState {
  return {
    name: 'offline',
    masterName: '',
    reason: null,
    code: null,
    message: null,
    unstored: null,
    since: now,
    link: 'none',
    heardMs: 0,
    attempts: 0,
    credit: 0,
    held: 0,
    replicationDelayMs: 0,
    pulling: false,
    endedMs: 0,
    master: null,
    durableSeq: 0,
  };
}

export function stepFollower(state: FollowerState, event: FollowerEvent): FollowerStep {
  const handle = table[state.name][event.type] as (
    state: FollowerState,
    event: FollowerEvent,
  ) => FollowerStep;
  return handle(state, event);
}

function start(state: FollowerState, event: EventOf<'start'>): FollowerStep {
  const { masterName, durableSeq, readOnly, at } = event;
  const next = { ...state, masterName, durableSeq };
  return readOnly ? rest(next, at, 'read-only') : connect(next, at);
}

const stop = (state: FollowerState, event: EventOf<'stop'>): FollowerStep =>
  rest(state, event.at, 'offline');

const restIfReadOnly = (state: FollowerState, event: EventOf<'read-only'>): FollowerStep =>
  event.readOnly ? rest(state, event.at, 'read-only') : stay(state);

const resume = (state: FollowerState, event: EventOf<'read-only'>): FollowerStep =>
  event.readOnly ? stay(state) : connect(state, event.at);

function greet(state: FollowerState, event: EventOf<'connected'>): FollowerStep {
  if (state.link !== 'opening') return stay(state);
  const next = enter(state, 'connecting', event.at);
  return {
    state: { ...next, link: 'open', heardMs: event.at.monotonicMs, credit: 0 },
    effects: [{ type: 'hello' }],
  };
}

function failConnect(state: FollowerState, event: EventOf<'connect-failed'>): FollowerStep {
  if (state.link !== 'opening') return stay(state);
  const closed: FollowerState = { ...state, link: 'none' };
  const terminal = stateOfRefusal(event.problem);
  return terminal === null
    ? retry(closed, event.at, event.problem)
    : halt(closed, event.at, terminal, event.problem);
}

function refuse(state: FollowerState, event: EventOf<'refused'>): FollowerStep {
  const terminal = stateOfRefusal(event.problem);
  return terminal === null
    ? retry(state, event.at, event.problem)
    : halt(state, event.at, terminal, event.problem);
}

const refuseIfLinked = (state: FollowerState, event: EventOf<'refused'>): FollowerStep =>
  state.link === 'none' ? stay(state) : refuse(state, event);

function welcomed(state: FollowerState, event: EventOf<'welcome'>): FollowerStep {
  if (state.link !== 'open') return stay(state);
  const { point, time, replicationDelayMs } = event.welcome;
  const next = hear({ ...state, replicationDelayMs }, event.at, point, time, null);
  const isThere = replicationDelayMs === 0 && next.durableSeq >= point.seq;
  const asked = andThen(proceed(next, event.at, isThere ? 'streaming' : 'catching-up'), request);
  return andThen(asked, (last) => ({ state: last, effects: [{ type: 'report' }] }));
}

function hear(
  state: FollowerState,
  at: Moment,
  point: ChannelPoint,
  time: number,
  backlogBytes: number | null,
): FollowerState {
  const master: MasterNews = { point, time, heardMs: at.monotonicMs, backlogBytes };
  return { ...state, master, heardMs: at.monotonicMs };
}

/** The master was heard and nothing that it sent is still to be stored: the connection is a good one. */
const noteSound = (state: FollowerState): FollowerState =>
  state.held === 0 && state.unstored === null ? { ...state, attempts: 0 } : state;

const unexpected = (state: FollowerState, event: FollowerEvent): FollowerStep =>
  violation(state, event.at, `the master sent ${event.type} while this replica was ${state.name}`);

const unexpectedIfOpen = (state: FollowerState, event: FollowerEvent): FollowerStep =>
  state.link === 'open' ? unexpected(state, event) : stay(state);

function takeBytes(state: FollowerState, event: EventOf<'bytes'>): FollowerStep {
  if (event.bytes > state.credit) {
    return violation(state, event.at, 'the master sent more than this replica asked for');
  }
  // No credit bounds how many of these there are.
  if (event.bytes === 0) return violation(state, event.at, 'the master sent an empty frame');
  const credit = state.credit - event.bytes;
  const held = state.held + event.bytes;
  const heardMs = event.at.monotonicMs;
  return { state: { ...state, credit, held, heardMs }, effects: [{ type: 'store' }] };
}

function noteStored(state: FollowerState, event: EventOf<'stored'>): FollowerState {
  const held = Math.max(0, state.held - event.bytes);
  return { ...state, held, durableSeq: Math.max(state.durableSeq, event.durableSeq) };
}

/** While it is connected nothing else is a reason. */
const noteHealed = (state: FollowerState): FollowerState =>
  state.unstored === null
    ? state
    : { ...state, unstored: null, reason: null, code: null, message: null };

const storedLate = (state: FollowerState, event: EventOf<'stored'>): FollowerStep =>
  stay(noteStored(state, event));

function stored(state: FollowerState, event: EventOf<'stored'>): FollowerStep {
  const next: FollowerState = { ...noteHealed(noteStored(state, event)), attempts: 0 };
  const asked = andThen({ state: next, effects: [{ type: 'report' }] }, refill);
  return andThen(asked, (last) => streamIfThere(last, event.at));
}

/** In streaming mode, level with the master's last news. */
function streamIfThere(state: FollowerState, at: Moment): FollowerStep {
  const isThere =
    state.replicationDelayMs === 0 &&
    state.master !== null &&
    state.durableSeq >= state.master.point.seq;
  return isThere ? proceed(state, at, 'streaming') : stay(state);
}

function failStore(state: FollowerState, event: EventOf<'store-failed'>): FollowerStep {
  const next: FollowerState = { ...state, held: 0 };
  const terminal = stateOfStoreFailure(event.problem);
  if (terminal !== null) return halt(next, event.at, terminal, event.problem);
  const advice = adviceForUnstored(event.problem);
  const { effects, state: retrying } = retry(next, event.at, event.problem, advice);
  return { state: { ...retrying, unstored: event.problem }, effects };
}

/** The bytes are lost here, not on the master: the next connection fetches them again. */
function failStoreLate(state: FollowerState, event: EventOf<'store-failed'>): FollowerStep {
  const message = `What had been received could not be stored: ${event.problem.message}.`;
  return {
    state: { ...state, held: 0 },
    effects: [log('warning', 'replication-store-failed', message)],
  };
}

function takeEnd(state: FollowerState, event: EventOf<'end'>): FollowerStep {
  const { point, time } = event.end;
  const next = noteSound(hear(state, event.at, point, time, 0));
  // An answer to a request from before streaming was turned on.
  if (!next.pulling) return streamIfThere(next, event.at);
  const waiting = { ...next, pulling: false, endedMs: event.at.monotonicMs };
  return andThen(proceed(waiting, event.at, 'waiting'), (last) => ({
    state: last,
    effects: [{ type: 'timer', afterMs: last.replicationDelayMs }],
  }));
}

function takeHeartbeat(state: FollowerState, event: EventOf<'heartbeat'>): FollowerStep {
  const { point, time, logBytes, replicationDelayMs } = event.heartbeat;
  const before = state.master?.point.seq ?? 0;
  const next = noteSound(hear(state, event.at, point, time, logBytes ?? null));
  const isAsking = next.pulling || next.replicationDelayMs === 0;
  // Not even where the master was a heartbeat ago: that is more than the usual distance.
  const isBehind = isAsking && next.durableSeq < before;
  const placed = isBehind ? proceed(next, event.at, 'catching-up') : streamIfThere(next, event.at);
  const settled = andThen(placed, (last) => changeDelay(last, event.at, replicationDelayMs));
  return event.heartbeat.isAwaited === true ? andThen(settled, askAtOnce) : settled;
}

/** A commit on the master waits for this replica: it does not wait for its time to ask. */
function askAtOnce(state: FollowerState): FollowerStep {
  if (state.name !== 'waiting' || state.pulling || state.replicationDelayMs === 0) {
    return stay(state);
  }
  return andThen({ state, effects: [{ type: 'cancel-timer' }] }, request);
}

/** The delay is the master's setting and may change at any time. */
function changeDelay(state: FollowerState, at: Moment, delayMs: number): FollowerStep {
  if (delayMs === state.replicationDelayMs) return stay(state);
  const wasStreaming = state.replicationDelayMs === 0;
  const next: FollowerState = { ...state, replicationDelayMs: delayMs };
  if (wasStreaming) return request(next);
  if (delayMs === 0) {
    const asked = andThen({ state: next, effects: [{ type: 'cancel-timer' }] }, request);
    const isThere = next.durableSeq >= (next.master?.point.seq ?? 0);
    return andThen(asked, (last) => proceed(last, at, isThere ? 'streaming' : 'catching-up'));
  }
  if (next.pulling) return stay(next);
  const afterMs = Math.max(0, next.endedMs + delayMs - at.monotonicMs);
  return { state: next, effects: [{ type: 'timer', afterMs }] };
}

const pullAgain = (state: FollowerState): FollowerStep =>
  state.pulling || state.replicationDelayMs === 0 ? stay(state) : request(state);

function tryAgain(state: FollowerState, event: EventOf<'timer'>): FollowerStep {
  if (state.link !== 'none') return stay(state);
  return {
    state: { ...state, link: 'opening', heardMs: event.at.monotonicMs },
    effects: [{ type: 'connect' }],
  };
}

function tickWhileLinking(state: FollowerState, event: EventOf<'tick'>): FollowerStep {
  const silent = event.at.monotonicMs - state.heardMs;
  if (state.link === 'none' || silent < handshakeMs) return stay(state);
  const message = `the master did not answer within ${handshakeMs / 1000} s`;
  return retry(state, event.at, { code: 'TIMEOUT', message, retryable: true });
}

function tickConnected(state: FollowerState, event: EventOf<'tick'>): FollowerStep {
  if (event.at.monotonicMs - state.heardMs < silenceMs) {
    return { state, effects: [{ type: 'report' }] };
  }
  const message = `nothing was heard of the master for ${silenceMs / 1000} s`;
  return retry(state, event.at, { code: 'TIMEOUT', message, retryable: true });
}

function lose(state: FollowerState, event: EventOf<'closed'>): FollowerStep {
  if (state.link === 'none') return stay(state);
  const problem = { code: 'CHANNEL_CLOSED', message: event.message, retryable: true };
  return retry({ ...state, link: 'none' }, event.at, problem);
}

/** Where nothing is under way, only orders from this side count. */
const atRest: Row = {
  start,
  stop,
  'read-only': stay,
  connected: stay,
  'connect-failed': stay,
  welcome: stay,
  refused: stay,
  bytes: stay,
  stored: storedLate,
  'store-failed': failStoreLate,
  end: stay,
  heartbeat: stay,
  timer: stay,
  tick: stay,
  closed: stay,
};

const linking: Row = {
  start: stay,
  stop,
  'read-only': restIfReadOnly,
  connected: greet,
  'connect-failed': failConnect,
  welcome: welcomed,
  refused: refuseIfLinked,
  bytes: unexpectedIfOpen,
  stored: storedLate,
  'store-failed': failStore,
  end: unexpectedIfOpen,
  heartbeat: unexpectedIfOpen,
  timer: stay,
  tick: tickWhileLinking,
  closed: lose,
};

const connected: Row = {
  start: stay,
  stop,
  'read-only': restIfReadOnly,
  connected: stay,
  'connect-failed': stay,
  welcome: unexpected,
  refused: refuse,
  bytes: takeBytes,
  stored,
  'store-failed': failStore,
  end: takeEnd,
  heartbeat: takeHeartbeat,
  timer: stay,
  tick: tickConnected,
  closed: lose,
};

const table: Readonly<Record<FollowerStateName, Row>> = {
  offline: atRest,
  'read-only': { ...atRest, start: stay, 'read-only': resume },
  connecting: linking,
  'catching-up': connected,
  streaming: connected,
  waiting: { ...connected, timer: pullAgain },
  disconnected: { ...linking, timer: tryAgain, welcome: stay },
  'pattern-mismatch': atRest,
  'not-permitted': atRest,
  diverged: atRest,
  'log-gone': atRest,
  'version-mismatch': atRest,
  clone: atRest,
  failed: atRest,
};
