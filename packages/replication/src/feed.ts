// The master's side of a replication channel as a pure state machine: every state says what it does
// at every event. Clocks, the log and the channel are the runner's (feed-runner.ts).

import { feedChunkBytesMax, feedCreditBytesMax } from '@pamina/format';
import type { RequestMessage } from '@pamina/wire';
import { judgeHello } from './feed-check.js';
import type {
  EndCause,
  FeedEffect,
  FeedEvent,
  FeedFacts,
  FeedState,
  FeedStateName,
  FeedStep,
  Refusal,
} from './feed-event.js';
import { feedBufferedBytesMax, feedReadBytesMin, handshakeMs } from './replication-limits.js';

type EventOf<T extends FeedEvent['type']> = Extract<FeedEvent, { type: T }>;
type Row = {
  readonly [T in FeedEvent['type']]: (state: FeedState, event: EventOf<T>) => FeedStep;
};

/** Close codes of the channel: 1000 = in order, 4000 and above = see the refusal sent before. */
const closeCodes = { done: 1000, refused: 4000 } as const;

export function startFeed(nowMs: number): FeedState {
  return {
    name: 'greeting',
    startedMs: nowMs,
    hello: null,
    credit: 0,
    wait: false,
    sentSeq: 0,
    sentBytes: 0,
    isCalled: false,
    isPermitted: false,
    end: null,
  };
}

export function stepFeed(state: FeedState, event: FeedEvent): FeedStep {
  const handle = table[state.name][event.type] as (state: FeedState, event: FeedEvent) => FeedStep;
  return handle(state, event);
}

const stay = (state: FeedState): FeedStep => ({ state, effects: [] });

function close(state: FeedState, end: EndCause, effects: readonly FeedEffect[]): FeedStep {
  return { state: { ...state, name: 'closed', end }, effects };
}

function refuseWith(state: FeedState, refusal: Refusal): FeedStep {
  const who = state.hello === null ? 'A replica' : `Replica ${state.hello.replica}`;
  const { code, message } = refusal;
  return close(state, { code, message }, [
    { type: 'refuse', refusal },
    {
      type: 'log',
      level: 'warning',
      event: 'feed-refused',
      message: `${who} was refused: ${code}: ${message}.`,
    },
    { type: 'close', code: closeCodes.refused, message: code },
  ]);
}

const refuseEvent = (state: FeedState, event: EventOf<'failed'>): FeedStep =>
  refuseWith(state, event.refusal);

/** What a peer must not say in this state ends the channel: nothing is guessed. */
function unexpected(state: FeedState, event: FeedEvent): FeedStep {
  return refuseWith(state, {
    code: 'MESSAGE_INVALID',
    message: `the replica sent ${event.type} while the feed was ${state.name}`,
    context: { state: state.name, event: event.type },
  });
}

function tellDisconnected({ hello }: FeedState): FeedEffect[] {
  if (hello === null) return [];
  const message = `Replica ${hello.replica} disconnected.`;
  return [{ type: 'log', level: 'info', event: 'feed-closed', message }];
}

function disconnected(state: FeedState, { message }: EventOf<'closed'>): FeedStep {
  return close(state, { code: null, message }, tellDisconnected(state));
}

function sayGoodbye(state: FeedState): FeedStep {
  return close(state, { code: null, message: 'it said goodbye' }, [
    ...tellDisconnected(state),
    { type: 'close', code: closeCodes.done, message: 'goodbye' },
  ]);
}

function stop(state: FeedState, { why }: EventOf<'stop'>): FeedStep {
  const end = { code: null, message: why };
  return close(state, end, [{ type: 'close', code: closeCodes.done, message: why }]);
}

function greet(state: FeedState, event: EventOf<'hello'>): FeedStep {
  const { hello } = event;
  return {
    state: { ...state, name: 'checking', hello, sentSeq: hello.point.seq },
    effects: [{ type: 'gather', hello }],
  };
}

function judge(state: FeedState, event: EventOf<'facts'>): FeedStep {
  if (state.hello === null) return unexpected(state, event);
  const verdict = judgeHello(state.hello, event.facts);
  const { replica, point } = state.hello;
  const judged: FeedState = { ...state, isPermitted: event.facts.permitted !== null };
  if ('refusal' in verdict) {
    const step = refuseWith(judged, verdict.refusal);
    if (verdict.refusal.code !== 'FENCED') return step;
    return { ...step, effects: [...step.effects, { type: 'taken-over', replica }] };
  }
  return {
    state: { ...judged, name: 'idle' },
    effects: [
      ...permitQuery(state, event.facts),
      { type: 'welcome', plan: verdict.plan },
      {
        type: 'log',
        level: 'info',
        event: 'feed-opened',
        message: `Replica ${replica} connected at ${point.timeline}/${point.seq}.`,
      },
    ],
  };
}

/** What the replica wants is entered beside its permission, so that it is known at session start. */
function permitQuery({ hello }: FeedState, { permitted }: FeedFacts): FeedEffect[] {
  if (hello === null || permitted === null) return [];
  const { replica, simultaneousQuery } = hello;
  if (permitted.simultaneousQuery === simultaneousQuery) return [];
  return [{ type: 'permit-simultaneous-query', replica, simultaneousQuery }];
}

/** Adds the credit; null if there would be more than a feed may ever owe. */
function addCredit(state: FeedState, request: RequestMessage): FeedState | null {
  const credit = state.credit + request.bytes;
  if (credit > feedCreditBytesMax) return null;
  return { ...state, credit, wait: request.wait, isCalled: false };
}

function creditExceeded(state: FeedState): FeedStep {
  return refuseWith(state, {
    code: 'MESSAGE_INVALID',
    message: `the replica asked for more than ${feedCreditBytesMax} bytes at once`,
    context: { credit: state.credit },
  });
}

/** Starts a read if there is enough credit for it. No read may be under way. */
function readOn(state: FeedState, before: readonly FeedEffect[] = []): FeedStep {
  if (state.credit < feedReadBytesMin)
    return { state: { ...state, name: 'starved' }, effects: before };
  const bytesMax = Math.min(feedChunkBytesMax, state.credit);
  return {
    state: { ...state, name: 'reading' },
    effects: [...before, { type: 'read', bytesMax }],
  };
}

function requestAtRest(state: FeedState, event: EventOf<'request'>): FeedStep {
  const next = addCredit(state, event.request);
  return next === null ? creditExceeded(state) : readOn(next);
}

/** Something is under way already and will find the new credit when it ends. */
function requestMeanwhile(state: FeedState, event: EventOf<'request'>): FeedStep {
  const next = addCredit(state, event.request);
  return next === null ? creditExceeded(state) : stay(next);
}

/** Credit alone changes nothing for one who waits; wanting an end does. */
function requestWhileWaiting(state: FeedState, event: EventOf<'request'>): FeedStep {
  const next = addCredit(state, event.request);
  if (next === null) return creditExceeded(state);
  return next.wait ? stay(next) : readOn(next);
}

function sendChunk(state: FeedState, event: EventOf<'chunk'>): FeedStep {
  const sent: FeedState = {
    ...state,
    credit: Math.max(0, state.credit - event.bytes),
    sentSeq: Math.max(state.sentSeq, event.lastSeq),
    sentBytes: state.sentBytes + event.bytes,
  };
  if (event.bufferedBytes + event.bytes > feedBufferedBytesMax) {
    return {
      state: { ...sent, name: 'blocked' },
      effects: [{ type: 'send-chunk' }, { type: 'await-drained' }],
    };
  }
  return readOn(sent, [{ type: 'send-chunk' }]);
}

function runDry(state: FeedState): FeedStep {
  if (state.wait) return stay({ ...state, name: 'waiting' });
  return { state: { ...state, name: 'idle' }, effects: [{ type: 'send-end' }] };
}

function takeReport(state: FeedState, event: EventOf<'report'>): FeedStep {
  const { received, durable, applied } = event.report;
  if (received > state.sentSeq || durable > received || applied > durable) {
    return refuseWith(state, {
      code: 'MESSAGE_INVALID',
      message: `the replica reports ${received}, ${durable}, ${applied}, but was sent records up to ${state.sentSeq}`,
      context: { received, durable, applied, sentSeq: state.sentSeq },
    });
  }
  return { state, effects: [{ type: 'slot', report: event.report }] };
}

function tickInHandshake(state: FeedState, event: EventOf<'tick'>): FeedStep {
  if (event.nowMs - state.startedMs < handshakeMs) return stay(state);
  return refuseWith(state, {
    code: 'TIMEOUT',
    message: `the handshake took longer than ${handshakeMs} ms`,
    context: {},
  });
}

function notPermitted(state: FeedState): FeedStep {
  return refuseWith(state, {
    code: 'NOT_PERMITTED',
    message: 'the permission of this replica was withdrawn',
    context: {},
  });
}

function beat(state: FeedState, event: EventOf<'tick'>): FeedStep {
  if (!event.permitted) return notPermitted(state);
  return { state, effects: [{ type: 'send-heartbeat', isAwaited: false }] };
}

/** A wake-up that no listener gives (a segment was closed) is made good at the next beat. */
function beatAndLook(state: FeedState, event: EventOf<'tick'>): FeedStep {
  if (!event.permitted) return notPermitted(state);
  return readOn(state, [{ type: 'send-heartbeat', isAwaited: false }]);
}

/** A replica that asks every replication delay is told once that a commit waits for it. */
function callIfAwaited(state: FeedState, event: EventOf<'more'>): FeedStep {
  if (!event.isAwaited || state.isCalled) return stay(state);
  const called: FeedState = { ...state, isCalled: true };
  return { state: called, effects: [{ type: 'send-heartbeat', isAwaited: true }] };
}

/** Nothing is added to a channel that does not drain (P13). */
const beatLater = (state: FeedState, event: EventOf<'tick'>): FeedStep =>
  event.permitted ? stay(state) : notPermitted(state);

const ending = { failed: refuseEvent, stop, closed: disconnected, goodbye: sayGoodbye } as const;
/** Late answers to effects of an earlier state. */
const late = { more: stay, drained: stay, dry: stay, chunk: stay, facts: stay } as const;

const table: Readonly<Record<FeedStateName, Row>> = {
  greeting: {
    ...late,
    ...ending,
    hello: greet,
    request: unexpected,
    report: unexpected,
    tick: tickInHandshake,
  },
  checking: {
    ...late,
    ...ending,
    hello: unexpected,
    facts: judge,
    request: unexpected,
    report: unexpected,
    tick: tickInHandshake,
  },
  idle: {
    ...late,
    ...ending,
    hello: unexpected,
    request: requestAtRest,
    report: takeReport,
    more: callIfAwaited,
    tick: beat,
  },
  reading: {
    ...late,
    ...ending,
    hello: unexpected,
    request: requestMeanwhile,
    report: takeReport,
    chunk: sendChunk,
    dry: runDry,
    tick: beat,
  },
  blocked: {
    ...late,
    ...ending,
    hello: unexpected,
    request: requestMeanwhile,
    report: takeReport,
    drained: (state) => readOn(state),
    tick: beatLater,
  },
  starved: {
    ...late,
    ...ending,
    hello: unexpected,
    request: requestAtRest,
    report: takeReport,
    tick: beat,
  },
  waiting: {
    ...late,
    ...ending,
    hello: unexpected,
    request: requestWhileWaiting,
    report: takeReport,
    more: (state) => readOn(state),
    tick: beatAndLook,
  },
  closed: {
    ...late,
    hello: stay,
    request: stay,
    report: stay,
    goodbye: stay,
    tick: stay,
    failed: stay,
    stop: stay,
    closed: stay,
  },
};
