// The follower's table: what every state does at every event, and what no order of events can break.
import { feedCreditBytesMax } from '@pamina/format';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FollowerEvent, FollowerState } from '../src/follower-event.js';
import { startFollower, stepFollower } from '../src/follower.js';
import { handshakeMs, silenceMs } from '../src/replication-limits.js';
import { pointAt } from './fixture.js';
import {
  at,
  type EventName,
  events,
  heartbeat,
  problem,
  run,
  stateOf,
  welcome,
} from './follower-fixture.js';

const eventNames = Object.keys(events) as EventName[];
const terminal = [
  'pattern-mismatch',
  'not-permitted',
  'diverged',
  'log-gone',
  'version-mismatch',
  'clone',
  'failed',
] as const;

const passing = [
  'offline',
  'connecting',
  'catching-up',
  'streaming',
  'waiting',
  'read-only',
  'disconnected',
] as const;

const atRest: Record<EventName, string> = {
  start: 'connecting: connect log',
  stop: 'offline: cancel-timer log',
  'read-only': '=',
  connected: '=',
  'connect-failed': '=',
  welcome: '=',
  refused: '=',
  bytes: '=',
  stored: '=',
  'store-failed': '= log',
  end: '=',
  heartbeat: '=',
  timer: '=',
  tick: '=',
  closed: '=',
};
const opening: Record<EventName, string> = {
  start: '=',
  stop: 'offline: cancel-timer disconnect log',
  'read-only': 'read-only: cancel-timer disconnect log',
  connected: 'connecting: hello',
  'connect-failed': 'disconnected: timer log',
  welcome: '=',
  refused: 'diverged: cancel-timer disconnect log',
  bytes: '=',
  stored: '=',
  'store-failed': 'failed: cancel-timer disconnect log',
  end: '=',
  heartbeat: '=',
  timer: '=',
  tick: '=',
  closed: 'disconnected: timer log',
};
const connected: Record<EventName, string> = {
  start: '=',
  stop: 'offline: cancel-timer disconnect log',
  'read-only': 'read-only: cancel-timer disconnect log',
  connected: '=',
  'connect-failed': '=',
  welcome: 'disconnected: disconnect timer log',
  refused: 'diverged: cancel-timer disconnect log',
  bytes: '= store',
  stored: '= report',
  'store-failed': 'failed: cancel-timer disconnect log',
  end: '=',
  heartbeat: '=',
  timer: '=',
  tick: '= report',
  closed: 'disconnected: timer log',
};
const violated = 'disconnected: disconnect timer log';

/** Case → state, and event → next state (= for the same) with the types of the effects. */
const cases: Record<string, [FollowerState, Record<EventName, string>]> = {
  offline: [stateOf('offline'), { ...atRest, stop: '=' }],
  'read-only': [stateOf('read-only'), { ...atRest, start: '=' }],
  'connecting, opening': [stateOf('connecting', { link: 'opening' }), opening],
  'connecting, open': [
    stateOf('connecting', { link: 'open' }),
    {
      ...opening,
      connected: '=',
      'connect-failed': '=',
      welcome: 'catching-up: log request report',
      bytes: violated,
      end: violated,
      heartbeat: violated,
    },
  ],
  'disconnected, waiting to retry': [
    stateOf('disconnected'),
    {
      ...opening,
      stop: 'offline: cancel-timer log',
      'read-only': 'read-only: cancel-timer log',
      connected: '=',
      'connect-failed': '=',
      refused: '=',
      'store-failed': 'failed: cancel-timer log',
      closed: '=',
      timer: '= connect',
    },
  ],
  'disconnected, opening': [stateOf('disconnected', { link: 'opening' }), opening],
  'catching-up': [
    stateOf('catching-up', {
      master: { point: pointAt(50), time: 900, heardMs: 900, backlogBytes: 0 },
    }),
    { ...connected, stored: 'streaming: report log' },
  ],
  streaming: [stateOf('streaming'), connected],
  waiting: [
    stateOf('waiting', { replicationDelayMs: 500, credit: 0 }),
    {
      ...connected,
      bytes: 'disconnected: disconnect timer log',
      stored: '= report',
      timer: '= request',
      heartbeat: 'catching-up: cancel-timer request log',
    },
  ],
  ...Object.fromEntries(terminal.map((name) => [name, [stateOf(name), atRest]])),
};

describe('follower table', () => {
  for (const [name, [state, row]] of Object.entries(cases)) {
    it.each(eventNames)(`${name} at %s`, (event) => {
      const step = stepFollower(state, events[event]);
      const head =
        step.state.name === state.name && row[event].startsWith('=') ? '=' : `${step.state.name}:`;
      expect([head, ...step.effects.map((effect) => effect.type)].join(' ')).toBe(row[event]);
    });
  }
});

describe('follower', () => {
  it('P9 every state says since when it lasts; where nothing is received, why, and in the end what to do', () => {
    const names = [...new Set<FollowerState['name']>([...passing, ...terminal])];
    for (const name of names) {
      for (const event of eventNames) {
        const before = stateOf(name, { since: at.now - 1 });
        const { state } = run(before, events[event]);
        if (state === before) continue;
        const label = `${name} at ${event}`;
        expect(state.since, label).toBe(state.name === name ? before.since : at.now);
        if (state.name === name) continue;
        const isTerminal = terminal.some((one) => one === state.name);
        if (isTerminal || state.name === 'disconnected') expect(state.reason, label).toBeTruthy();
        if (isTerminal) expect(state.message, label).toBeTruthy();
      }
    }
  });

  it('P13 a feed that sends more than it was allowed is given up', () => {
    const step = run(stateOf('streaming', { credit: 99 }), events.bytes);
    expect(step.state).toMatchObject({ name: 'disconnected', code: 'MESSAGE_INVALID' });
    expect(step.effects.map((effect) => effect.type)).not.toContain('store');
  });

  it('pulls, waits the delay after the end, and pulls again', () => {
    const delayed = { ...welcome, replicationDelayMs: 5000 };
    const pulling = run(stateOf('connecting', { link: 'open' }), {
      ...events.welcome,
      welcome: delayed,
    });
    expect(pulling.state).toMatchObject({ name: 'catching-up', pulling: true });
    const waiting = run(pulling.state, events.end);
    expect(waiting.state).toMatchObject({ name: 'waiting', pulling: false });
    expect(waiting.effects.at(-1)).toEqual({ type: 'timer', afterMs: 5000 });
    const again = run(waiting.state, events.timer);
    expect(again.effects).toEqual([{ type: 'request', bytes: 0, wait: false }]);
    expect(run(again.state, events.timer).effects).toEqual([]);
  });

  it('follows a change of the delay while it waits and while it streams', () => {
    const waiting = stateOf('waiting', { replicationDelayMs: 5000, endedMs: 800, durableSeq: 50 });
    const beat = (replicationDelayMs: number) => ({
      ...events.heartbeat,
      heartbeat: { ...heartbeat, replicationDelayMs },
    });
    expect(run(waiting, beat(300)).effects).toEqual([{ type: 'timer', afterMs: 100 }]);
    const streaming = run(waiting, beat(0));
    expect(streaming.state.name).toBe('streaming');
    expect(streaming.effects.map((effect) => effect.type)).toEqual([
      'cancel-timer',
      'request',
      'log',
    ]);
    const pulling = run(streaming.state, beat(300));
    expect(pulling.effects).toEqual([{ type: 'request', bytes: 0, wait: false }]);
    expect(run(pulling.state, events.end).state.name).toBe('waiting');
  });

  it('is catching up again when it is not even where the master was a heartbeat ago', () => {
    const beat = (seq: number) => ({
      ...events.heartbeat,
      heartbeat: { ...heartbeat, point: pointAt(seq) },
    });
    const one = run(stateOf('streaming', { durableSeq: 50 }), beat(60));
    expect(one.state.name).toBe('streaming');
    expect(run(one.state, beat(70)).state.name).toBe('catching-up');
    expect(run(one.state, { ...events.stored, durableSeq: 60 }, beat(70)).state.name).toBe(
      'streaming',
    );
  });

  it('P16 gives up a master that is silent, and one that does not welcome it', () => {
    const later = (ms: number) => ({ ...events.tick, at: { ...at, monotonicMs: 1_000 + ms } });
    expect(run(stateOf('streaming'), later(silenceMs)).state).toMatchObject({
      name: 'disconnected',
      code: 'TIMEOUT',
    });
    for (const link of ['opening', 'open'] as const) {
      const step = run(stateOf('connecting', { link }), later(handshakeMs));
      expect(step.state).toMatchObject({ name: 'disconnected', link: 'none' });
    }
  });

  it.each([
    ['PATTERN_MISMATCH', 'pattern-mismatch'],
    ['NOT_PERMITTED', 'not-permitted'],
    ['DIVERGED', 'diverged'],
    ['LOG_GONE', 'log-gone'],
    ['REPLICA_LOST', 'log-gone'],
    ['REPLICA_CLONED', 'clone'],
    ['VERSION_MISMATCH', 'version-mismatch'],
    ['DATABASE_NOT_FOUND', 'disconnected'],
    ['LOG_DAMAGED', 'disconnected'],
    ['SOMETHING_NEW', 'disconnected'],
  ] as const)('P9 a refusal with %s leads to %s and says what to do', (code, name) => {
    const step = run(stateOf('connecting', { link: 'open' }), {
      ...events.refused,
      problem: { ...problem, code },
    });
    expect(step.state).toMatchObject({ name, code, reason: 'nobody there' });
    expect(step.state.message === null).toBe(name === 'disconnected');
  });

  it.each([
    ['DISK_FULL', true, 'disconnected'],
    ['RECORD_GAP', false, 'failed'],
    ['LOG_DAMAGED', false, 'failed'],
    ['RECORD_INVALID', false, 'disconnected'],
    ['SEGMENT_INVALID', false, 'disconnected'],
    ['DATABASE_FAILED', false, 'failed'],
    ['PATTERN_MISMATCH', false, 'pattern-mismatch'],
    ['DIVERGED', false, 'diverged'],
    ['FORMAT_UNKNOWN', false, 'version-mismatch'],
  ] as const)('P4 P5 %s while storing leads to the right state', (code, retryable, name) => {
    const failed = { ...events['store-failed'], problem: { code, message: 'm', retryable } };
    expect(run(stateOf('streaming', { held: 10 }), failed).state).toMatchObject({
      name,
      held: 0,
      credit: 0,
    });
  });

  describe('P9 P16 with a disk that is full', () => {
    const message = 'cannot write x.seg (no space left on device)';
    const failed = {
      ...events['store-failed'],
      problem: { code: 'DISK_FULL', message, retryable: true },
    };
    const again = [events.timer, events.connected, events.welcome] as const;
    const said = { reason: message, code: 'DISK_FULL', message: expect.stringContaining('space') };

    it('says why and what to do, also while it tries again, until something is stored', () => {
      const full = run(stateOf('streaming', { held: 10 }), failed);
      expect(full.state).toMatchObject({ name: 'disconnected', ...said });
      const trying = run(full.state, ...again);
      expect(trying.state).toMatchObject({ name: 'catching-up', ...said });
      const level = run(trying.state, events.heartbeat);
      expect(level.state).toMatchObject(said);
      const stored = run(level.state, events.bytes, events.stored);
      expect(stored.state).toMatchObject({ reason: null, code: null, message: null });
    });

    it('waits longer from attempt to attempt though the master is there, and tells it once', () => {
      const waits: number[] = [];
      let state = stateOf('streaming', { held: 10 });
      for (let attempt = 0; attempt < 4; attempt += 1) {
        const step = run(state, failed);
        for (const effect of step.effects) {
          if (effect.type === 'timer') waits.push(effect.afterMs);
          if (effect.type === 'log') expect(attempt, effect.message).toBe(0);
        }
        state = run(step.state, ...again, events.heartbeat, events.bytes).state;
      }
      expect(waits).toEqual(waits.toSorted((a, b) => a - b));
      expect(new Set(waits).size).toBe(4);
    });

    it('tells of the master what is of the master, and forgets it all at a new start', () => {
      const full = run(stateOf('streaming', { held: 10 }), failed);
      const lost = run(full.state, events.timer, events['connect-failed']);
      expect(lost.state).toMatchObject({ reason: 'nobody there', message: null });
      const started = run(full.state, events.stop, events.start);
      expect(started.state).toMatchObject({ reason: null, message: null });
    });
  });

  it('switches between read-only and replicating, and catches up by itself', () => {
    const resting = run(stateOf('streaming'), events['read-only']);
    expect(resting.state).toMatchObject({ name: 'read-only', link: 'none' });
    const back = run(resting.state, { ...events['read-only'], readOnly: false });
    expect(back.state).toMatchObject({ name: 'connecting', link: 'opening' });
    expect(run(stateOf('offline'), { ...events.start, readOnly: true }).state.name).toBe(
      'read-only',
    );
  });

  it('P5 P13 P16 no order of events makes two connections, negative credit or a way out of a terminal state', () => {
    const codes = ['CONNECT_FAILED', 'DIVERGED', 'DISK_FULL', 'LOG_GONE', 'MESSAGE_INVALID'];
    const anyProblem = fc.record({
      code: fc.constantFrom(...codes),
      message: fc.constant('m'),
      retryable: fc.boolean(),
    });
    const amount = fc.integer({ min: 0, max: feedCreditBytesMax });
    const anyEvent: fc.Arbitrary<FollowerEvent> = fc.oneof(
      fc.constantFrom(...Object.values(events)),
      fc.constantFrom(events.start, events.connected, events.welcome, events.timer),
      fc.boolean().map((readOnly) => ({ ...events['read-only'], readOnly })),
      amount.map((bytes) => ({ ...events.bytes, bytes })),
      fc
        .tuple(amount, fc.nat(100))
        .map(([bytes, durableSeq]) => ({ ...events.stored, bytes, durableSeq })),
      fc
        .tuple(
          fc.constantFrom('connect-failed' as const, 'refused' as const, 'store-failed' as const),
          anyProblem,
        )
        .map(([type, problem]) => ({ ...events[type], problem })),
      fc.tuple(fc.nat(100), fc.constantFrom(0, 10, 5000)).map(([seq, replicationDelayMs]) => ({
        ...events.heartbeat,
        heartbeat: { ...heartbeat, point: pointAt(seq), replicationDelayMs },
      })),
      fc.nat(100_000).map((monotonicMs) => ({ ...events.tick, at: { ...at, monotonicMs } })),
    );
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 80 }), (list) => {
        let state = startFollower(0);
        let connections = 0;
        for (const event of list) {
          const before = state;
          const step = stepFollower(state, event);
          state = step.state;
          const isGone = event.type === 'closed' || event.type === 'connect-failed';
          if (isGone && before.link !== 'none')
            connections = state.link === 'none' ? 0 : connections;
          for (const effect of step.effects) {
            if (effect.type === 'disconnect') connections--;
            if (effect.type === 'connect') connections++;
          }
          expect(connections, `${before.name} ${event.type}`).toBe(state.link === 'none' ? 0 : 1);
          expect(state.credit).toBeGreaterThanOrEqual(0);
          expect(state.held).toBeGreaterThanOrEqual(0);
          if (state.link === 'none') expect(state.credit).toBe(0);
          expect(state.credit + state.held).toBeLessThanOrEqual(feedCreditBytesMax);
          const isTerminal = (terminal as readonly string[]).includes(before.name);
          if (isTerminal && event.type !== 'start' && event.type !== 'stop')
            expect(state.name).toBe(before.name);
          if ((terminal as readonly string[]).includes(state.name))
            expect(state.message).toBeTruthy();
        }
      }),
      { numRuns: 2000 },
    );
  });
});
