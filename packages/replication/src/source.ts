// Whether a replica follows its master or an archive, as a pure state machine: every state says what it
// does at every event. The master comes first; the archive steps in while it cannot be reached or no longer
// has the log, and steps back when it answers.
import {
  adviceForArchive,
  adviceForUnstored,
  stateOfStoreFailure,
  type TerminalState,
} from './follower-advice.js';
import type { FollowerStateName, Moment, Problem } from './follower-event.js';
import { retryDelayMs } from './backoff.js';
import { masterProbeMs, yieldMs } from './replication-limits.js';
import type {
  SourceEffect,
  SourceEvent,
  SourceState,
  SourceStateName,
  SourceStep,
} from './source-event.js';

type EventOf<T extends SourceEvent['type']> = Extract<SourceEvent, { type: T }>;
type Row = {
  readonly [T in SourceEvent['type']]: (state: SourceState, event: EventOf<T>) => SourceStep;
};

/** What the master's follower says, as far as the choice depends on it. */
type Verdict =
  /** Connected and received from. */
  | 'follows'
  | 'tries'
  /** Out of reach, and tried again by itself. */
  | 'lost'
  /** It answers and cannot be followed: it has not the log, or does not permit. */
  | 'refuses'
  /** A person wants nothing, or must act: an archive does not help. */
  | 'rests';

const verdicts: Readonly<Record<FollowerStateName, Verdict>> = {
  offline: 'rests',
  'read-only': 'rests',
  connecting: 'tries',
  'catching-up': 'follows',
  streaming: 'follows',
  waiting: 'follows',
  disconnected: 'lost',
  'log-gone': 'refuses',
  'not-permitted': 'refuses',
  'pattern-mismatch': 'rests',
  diverged: 'rests',
  clone: 'rests',
  'version-mismatch': 'rests',
  failed: 'rests',
};

export function startSource(now: number): SourceState {
  return {
    name: 'resting',
    shown: 'offline',
    reason: null,
    code: null,
    message: null,
    since: now,
    because: '',
    follower: 'offline',
    isWaitingForMaster: false,
    probedMs: Number.NEGATIVE_INFINITY,
    attempts: 0,
    isStale: false,
  };
}

export function stepSource(state: SourceState, event: SourceEvent): SourceStep {
  const handle = table[state.name][event.type] as (
    state: SourceState,
    event: SourceEvent,
  ) => SourceStep;
  return handle(state, event);
}

const stay = (state: SourceState): SourceStep => ({ state, effects: [] });

interface Why {
  readonly reason?: string;
  readonly code?: string;
  readonly message?: string | undefined;
}

function enter(
  state: SourceState,
  at: Moment,
  name: SourceStateName,
  shown: FollowerStateName,
  why: Why = {},
): SourceState {
  const { code = null, message = null, reason = state.because } = why;
  const since = state.shown === shown ? state.since : at.now;
  return { ...state, name, shown, since, reason, code, message };
}

function log(level: 'info' | 'warning' | 'error', event: string, message: string): SourceEffect {
  return { type: 'log', level, event, message };
}

/** The master is given up for now. */
function turnToArchive(state: SourceState, at: Moment, because: string): SourceStep {
  const next = { ...state, because, isWaitingForMaster: false, attempts: 0, isStale: false };
  return {
    state: enter(next, at, 'reading', 'catching-up'),
    effects: [
      { type: 'cancel-timer' },
      log('warning', 'source-archive', `The archive is followed from now on: ${because}.`),
      { type: 'read' },
    ],
  };
}

function turnToMaster(state: SourceState, at: Moment): SourceStep {
  return {
    state: { ...enter(state, at, 'master', state.follower), isWaitingForMaster: false },
    effects: [
      { type: 'halt' },
      { type: 'cancel-timer' },
      log('info', 'source-master', 'The master is followed again.'),
    ],
  };
}

function toRest(state: SourceState, at: Moment): SourceStep {
  return {
    state: { ...enter(state, at, 'resting', state.follower), isWaitingForMaster: false },
    effects: [{ type: 'halt' }, { type: 'cancel-timer' }],
  };
}

const whyRefused = (event: EventOf<'follower'>): string =>
  `the master cannot be followed (${event.name}): ${event.reason ?? 'it gave no reason'}`;

/** While the master is the source, or nobody is. */
function hearMaster(state: SourceState, event: EventOf<'follower'>): SourceStep {
  const next = { ...state, follower: event.name };
  const { at, rule } = event;
  switch (verdicts[event.name]) {
    case 'rests':
      return toRest(next, at);
    case 'refuses':
      return turnToArchive(next, at, whyRefused(event));
    case 'follows': {
      const here = { ...enter(next, at, 'master', event.name), isWaitingForMaster: false };
      return { state: here, effects: [{ type: 'cancel-timer' }] };
    }
    case 'tries':
      return stay(enter(next, at, 'master', event.name));
    case 'lost': {
      const because = `the master cannot be reached: ${event.reason ?? 'nobody knows why'}`;
      const lost = { ...enter(next, at, 'master', event.name), because };
      if (state.isWaitingForMaster) return stay(lost);
      return {
        state: { ...lost, isWaitingForMaster: true },
        effects: [{ type: 'timer', afterMs: rule.afterMs }],
      };
    }
  }
}

const giveUpMaster = (state: SourceState, event: EventOf<'timer'>): SourceStep =>
  state.isWaitingForMaster ? turnToArchive(state, event.at, state.because) : stay(state);

/** While the archive is the source: the master is tried beside. */
function hearBeside(state: SourceState, event: EventOf<'follower'>): SourceStep {
  const next = { ...state, follower: event.name };
  switch (verdicts[event.name]) {
    case 'rests':
      return toRest(next, event.at);
    case 'follows':
      return turnToMaster(next, event.at);
    case 'refuses':
      return stay(explained(next, whyRefused(event)));
    case 'lost':
    case 'tries':
      return stay(next);
  }
}

/** Where nothing is wrong with the archive, the reason is why it is followed. */
function explained(state: SourceState, because: string): SourceState {
  const reason = state.code === null ? because : state.reason;
  return { ...state, because, reason };
}

function yieldTo(state: SourceState): SourceStep {
  return {
    state: { ...state, name: 'yielding' },
    effects: [{ type: 'halt' }, { type: 'timer', afterMs: yieldMs }],
  };
}

/** What became of the master's answer. */
function hearAnswer(state: SourceState, event: EventOf<'follower'>): SourceStep {
  const verdict = verdicts[event.name];
  const step = hearBeside(state, event);
  return verdict === 'lost' || verdict === 'refuses' ? lookAgain(step.state, event) : step;
}

function lookAgain(state: SourceState, event: SourceEvent): SourceStep {
  const shown = state.shown === 'catching-up' ? 'catching-up' : 'waiting';
  return {
    state: { ...enter(state, event.at, 'reading', shown), isStale: false },
    effects: [{ type: 'cancel-timer' }, { type: 'read' }],
  };
}

function took(state: SourceState, event: EventOf<'read'>): SourceStep {
  return stay({ ...enter(state, event.at, 'reading', 'catching-up'), attempts: 0 });
}

function level(state: SourceState, event: EventOf<'read-ended'>): SourceStep {
  if (state.isStale) return lookAgain(state, event);
  const { at, rule } = event;
  const next = { ...enter(state, at, 'waiting', 'waiting'), attempts: 0 };
  const timer: SourceEffect = { type: 'timer', afterMs: rule.pollMs };
  const isDue =
    verdicts[state.follower] === 'refuses' && at.monotonicMs - state.probedMs >= masterProbeMs;
  if (!isDue) return { state: next, effects: [timer] };
  return {
    state: { ...next, probedMs: at.monotonicMs },
    effects: [timer, { type: 'probe' }],
  };
}

function failed(state: SourceState, event: EventOf<'read-failed'>): SourceStep {
  const { at, problem, rule } = event;
  // A gap may be closed by what is archived late; and the master may come back meanwhile.
  const isGone = problem.code === 'LOG_GONE';
  const terminal = isGone ? null : stateOfStoreFailure(problem);
  if (terminal !== null) return halt(state, at, terminal, problem);
  const { code, message: reason } = problem;
  const shown = isGone ? 'log-gone' : 'disconnected';
  const message = isGone ? adviceForArchive('log-gone', problem) : adviceForUnstored(problem);
  const next = enter(state, at, 'retrying', shown, { reason, code, message });
  const isNews = state.code !== code || state.shown !== shown;
  const afterMs = isGone ? rule.pollMs : retryDelayMs(state.attempts, at.chance);
  const remedy = message === undefined ? '' : ` ${message}`;
  const line = `Following the archive: ${reason}. Trying again.${remedy}`;
  return {
    state: { ...next, attempts: state.attempts + 1 },
    effects: [
      { type: 'timer', afterMs },
      ...(isNews ? [log('warning', 'source-archive-problem', line)] : []),
    ],
  };
}

function halt(state: SourceState, at: Moment, shown: TerminalState, problem: Problem): SourceStep {
  const { code, message: reason } = problem;
  const message = adviceForArchive(shown, problem);
  const line = `Following the archive stopped (${shown}): ${reason}. ${message}`;
  return {
    state: enter(state, at, 'stopped', shown, { reason, code, message }),
    effects: [{ type: 'cancel-timer' }, log('error', `source-archive-${shown}`, line)],
  };
}

/** While the archive failed: what is shown stays until something was read. */
const tryAgain = (state: SourceState): SourceStep => ({
  state: { ...state, name: 'reading', isStale: false },
  effects: [{ type: 'cancel-timer' }, { type: 'read' }],
});

const giveUpAnswer = (state: SourceState, event: EventOf<'timer'>): SourceStep =>
  lookAgain(state, event);

const waitAnew = (state: SourceState, event: EventOf<'rule'>): SourceStep => ({
  state,
  effects: state.isWaitingForMaster ? [{ type: 'timer', afterMs: event.rule.afterMs }] : [],
});

const pollAnew = (state: SourceState, event: EventOf<'rule'>): SourceStep => ({
  state,
  effects: [{ type: 'timer', afterMs: event.rule.pollMs }],
});

const noteStale = (state: SourceState): SourceStep => stay({ ...state, isStale: true });

const withMaster: Row = {
  start: stay,
  follower: hearMaster,
  reached: stay,
  read: stay,
  'read-ended': stay,
  'read-failed': stay,
  rule: stay,
  woken: stay,
  timer: stay,
};

const withArchive: Row = {
  start: stay,
  follower: hearBeside,
  reached: yieldTo,
  read: stay,
  'read-ended': stay,
  'read-failed': stay,
  rule: stay,
  woken: stay,
  timer: stay,
};

const table: Readonly<Record<SourceStateName, Row>> = {
  resting: withMaster,
  master: { ...withMaster, rule: waitAnew, timer: giveUpMaster },
  reading: {
    ...withArchive,
    read: took,
    'read-ended': level,
    'read-failed': failed,
    woken: noteStale,
  },
  waiting: {
    ...withArchive,
    start: lookAgain,
    rule: pollAnew,
    woken: lookAgain,
    timer: lookAgain,
  },
  retrying: { ...withArchive, start: tryAgain, woken: tryAgain, timer: tryAgain },
  stopped: { ...withArchive, start: tryAgain },
  yielding: { ...withArchive, follower: hearAnswer, reached: stay, timer: giveUpAnswer },
};
