// Continuous archiving as a pure state machine: closed segments at once, the open one every interval,
// backups as they come, a heartbeat when it has become quiet, and then nothing at all. What is next is
// decided in one place (`proceed`); every state says what it does at every event.
import type {
  ArchiverEffect,
  ArchiverEvent,
  ArchiverState,
  ArchiverStateName,
  ArchiverStep,
  LogWork,
} from './archiver-event.js';

type EventOf<T extends ArchiverEvent['type']> = Extract<ArchiverEvent, { type: T }>;
type Row = {
  readonly [T in ArchiverEvent['type']]: (state: ArchiverState, event: EventOf<T>) => ArchiverStep;
};
interface Moment {
  readonly nowMs: number;
  readonly work: LogWork;
}

const retryMsMin = 1000;
const retryMsMax = 60_000;

export function startArchiver(intervalMs: number, heartbeatMs = 0): ArchiverState {
  return {
    name: 'stopped',
    intervalMs,
    heartbeatMs,
    attempts: 0,
    areBackupsDue: true,
    isHeartbeatDue: false,
    isHurried: false,
    archivedMs: Number.NEGATIVE_INFINITY,
    problem: null,
  };
}

export function stepArchiver(state: ArchiverState, event: ArchiverEvent): ArchiverStep {
  const handle = table[state.name][event.type] as (
    state: ArchiverState,
    event: ArchiverEvent,
  ) => ArchiverStep;
  return handle(state, event);
}

const stay = (state: ArchiverState): ArchiverStep => ({ state, effects: [] });

function start(state: ArchiverState): ArchiverStep {
  return {
    state: { ...state, name: 'starting', areBackupsDue: true, isHeartbeatDue: true },
    effects: [{ type: 'cancel-timer' }, { type: 'reconcile' }],
  };
}

function working(state: ArchiverState, type: WorkEffect): ArchiverStep {
  return { state: { ...state, name: 'working' }, effects: [{ type: 'cancel-timer' }, { type }] };
}
type WorkEffect = 'archive-segment' | 'archive-piece' | 'archive-backups' | 'write-heartbeat';

/** Log first: what is lost with the machine is what is not archived yet. */
function proceed(state: ArchiverState, { nowMs, work }: Moment): ArchiverStep {
  const restMs = state.isHurried ? 0 : state.archivedMs + state.intervalMs - nowMs;
  if (work.isClosed) return working(state, 'archive-segment');
  if (work.bytes > 0 && restMs <= 0) return working(state, 'archive-piece');
  // One that comes while these are copied is due again.
  if (state.areBackupsDue) return working({ ...state, areBackupsDue: false }, 'archive-backups');
  const isQuiet = work.bytes === 0;
  if (isQuiet && state.isHeartbeatDue && restMs <= 0) return working(state, 'write-heartbeat');
  if (!isQuiet || state.isHeartbeatDue) {
    return {
      state: { ...state, name: 'waiting' },
      effects: [{ type: 'set-timer', ms: Math.max(1, Math.ceil(restMs)) }],
    };
  }
  return resting({ ...state, name: 'idle', isHurried: false });
}

/** Nothing is to be done; that nothing was is said now and then. */
function resting(state: ArchiverState): ArchiverStep {
  const { heartbeatMs: ms } = state;
  return { state, effects: [ms > 0 ? { type: 'set-timer', ms } : { type: 'cancel-timer' }] };
}

function succeeded(state: ArchiverState): ArchiverState {
  return { ...state, attempts: 0, problem: null };
}

function started(state: ArchiverState, event: EventOf<'started'>): ArchiverStep {
  const step = proceed({ ...state, problem: null }, event);
  if (state.problem === null) return step;
  const message = 'Archiving goes on.';
  return withLog(step, { type: 'log', level: 'info', event: 'archive-resumed', message });
}

function withLog(step: ArchiverStep, effect: ArchiverEffect): ArchiverStep {
  return { state: step.state, effects: [effect, ...step.effects] };
}

function logArchived(state: ArchiverState, event: EventOf<'log-archived'>): ArchiverStep {
  return proceed({ ...succeeded(state), isHeartbeatDue: true, archivedMs: event.nowMs }, event);
}

function backupsArchived(state: ArchiverState, event: EventOf<'backups-archived'>): ArchiverStep {
  return proceed(succeeded(state), event);
}

function heartbeatWritten(state: ArchiverState, event: EventOf<'heartbeat-written'>): ArchiverStep {
  return proceed({ ...succeeded(state), isHeartbeatDue: false }, event);
}

/** The request under way is followed by what is due then. */
const noteBackups = (state: ArchiverState): ArchiverStep => stay({ ...state, areBackupsDue: true });
const calm = (state: ArchiverState): ArchiverStep => stay({ ...state, isHurried: false });
const noteHurry = (state: ArchiverState): ArchiverStep => stay({ ...state, isHurried: true });

function failed(state: ArchiverState, event: EventOf<'failed'>): ArchiverStep {
  const { chance, isFinal, problem } = event;
  const isNew = state.problem?.code !== problem.code;
  const effects: ArchiverEffect[] = [];
  if (isNew) {
    effects.push({
      type: 'log',
      level: isFinal ? 'error' : 'warning',
      event: isFinal ? 'archive-blocked' : 'archive-failed',
      message: `Archiving ${isFinal ? 'has stopped' : 'waits'}: ${problem.code}: ${problem.message}.`,
    });
  }
  const next = { ...state, problem, isHurried: false, attempts: state.attempts + 1 };
  if (isFinal)
    return { state: { ...next, name: 'blocked' }, effects: [...effects, { type: 'cancel-timer' }] };
  const step = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(state.attempts, 30));
  const ms = Math.round(step * (0.5 + 0.5 * chance));
  return { state: { ...next, name: 'retrying' }, effects: [...effects, { type: 'set-timer', ms }] };
}

const stop = (state: ArchiverState): ArchiverStep => ({
  state: { ...state, name: 'stopped', isHurried: false },
  effects: [{ type: 'cancel-timer' }],
});

const noteInterval = (state: ArchiverState, { ms }: EventOf<'heartbeat-interval'>): ArchiverStep =>
  stay({ ...state, heartbeatMs: ms });

/** A backup may be what closes a gap. */
function startOverForBackup(state: ArchiverState): ArchiverStep {
  return start({ ...state, areBackupsDue: true });
}

/** Late answers to what was asked for in an earlier state. */
const late = {
  started: stay,
  'log-archived': stay,
  'backups-archived': stay,
  'heartbeat-written': stay,
} as const;
const away = { ...late, 'log-changed': stay, timer: stay, failed: stay } as const;

const table: Readonly<Record<ArchiverStateName, Row>> = {
  stopped: {
    ...away,
    'heartbeat-interval': noteInterval,
    start,
    'backups-changed': noteBackups,
    calm,
    hurry: stay,
    stop: stay,
  },
  starting: {
    ...late,
    'heartbeat-interval': noteInterval,
    start: stay,
    started,
    'log-changed': stay,
    'backups-changed': noteBackups,
    calm,
    hurry: noteHurry,
    timer: stay,
    failed,
    stop,
  },
  idle: {
    ...late,
    'heartbeat-interval': (state, { ms }) => resting({ ...state, heartbeatMs: ms }),
    start: stay,
    'log-changed': proceed,
    'backups-changed': (state, event) => proceed({ ...state, areBackupsDue: true }, event),
    calm,
    hurry: (state, event) => proceed({ ...state, isHurried: true }, event),
    timer: (state, event) => proceed({ ...state, isHeartbeatDue: true }, event),
    failed: stay,
    stop,
  },
  waiting: {
    ...late,
    'heartbeat-interval': noteInterval,
    start: stay,
    'log-changed': (state, event) => (event.work.isClosed ? proceed(state, event) : stay(state)),
    'backups-changed': (state, event) => proceed({ ...state, areBackupsDue: true }, event),
    calm,
    hurry: (state, event) => proceed({ ...state, isHurried: true }, event),
    timer: proceed,
    failed: stay,
    stop,
  },
  working: {
    ...late,
    'heartbeat-interval': noteInterval,
    start: stay,
    'log-archived': logArchived,
    'backups-archived': backupsArchived,
    'heartbeat-written': heartbeatWritten,
    'log-changed': stay,
    'backups-changed': noteBackups,
    calm,
    hurry: noteHurry,
    timer: stay,
    failed,
    stop,
  },
  retrying: {
    ...away,
    'heartbeat-interval': noteInterval,
    start,
    'backups-changed': noteBackups,
    calm,
    hurry: (state) => start({ ...state, isHurried: true }),
    timer: start,
    stop,
  },
  blocked: {
    ...away,
    'heartbeat-interval': noteInterval,
    start,
    'backups-changed': startOverForBackup,
    calm,
    hurry: (state) => start({ ...state, isHurried: true }),
    stop,
  },
};
