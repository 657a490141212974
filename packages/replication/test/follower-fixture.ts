// The follower's states and events in their plainest form, for its tests.
import { feedCreditBytesMax } from '@pamina/format';
import type {
  FollowerEvent,
  FollowerState,
  FollowerStateName,
  FollowerStep,
  Moment,
  Problem,
} from '../src/follower-event.js';
import { startFollower, stepFollower } from '../src/follower.js';
import { first, pointAt } from './fixture.js';

export const at: Moment = { now: 5_000, monotonicMs: 1_000, chance: 0.5 };
export const problem: Problem = {
  code: 'CONNECT_FAILED',
  message: 'nobody there',
  retryable: true,
};
export const welcome = {
  type: 'welcome',
  protocol: 1,
  instance: '02'.repeat(16),
  name: 'orders',
  timelines: [first],
  point: pointAt(50),
  replicationDelayMs: 0,
  time: 900,
  lockData: false,
} as const;
export const heartbeat = {
  type: 'heartbeat',
  point: pointAt(50),
  time: 950,
  logBytes: 7,
  replicationDelayMs: 0,
} as const;

export type EventName = FollowerEvent['type'];
export const events: { readonly [T in EventName]: Extract<FollowerEvent, { type: T }> } = {
  start: { type: 'start', at, masterName: 'orders', readOnly: false, durableSeq: 5 },
  stop: { type: 'stop', at },
  'read-only': { type: 'read-only', at, readOnly: true },
  connected: { type: 'connected', at },
  'connect-failed': { type: 'connect-failed', at, problem },
  welcome: { type: 'welcome', at, welcome },
  refused: { type: 'refused', at, problem: { ...problem, code: 'DIVERGED' } },
  bytes: { type: 'bytes', at, bytes: 100 },
  stored: { type: 'stored', at, bytes: 100, durableSeq: 60 },
  'store-failed': {
    type: 'store-failed',
    at,
    problem: { ...problem, code: 'RECORD_GAP', retryable: false },
  },
  end: { type: 'end', at, end: { type: 'end', point: pointAt(50), time: 950 } },
  heartbeat: { type: 'heartbeat', at, heartbeat },
  timer: { type: 'timer', at },
  tick: { type: 'tick', at },
  closed: { type: 'closed', at, message: 'gone' },
};
export function stateOf(
  name: FollowerStateName,
  change: Partial<FollowerState> = {},
): FollowerState {
  const isConnected = name === 'catching-up' || name === 'streaming' || name === 'waiting';
  return {
    ...startFollower(0),
    name,
    masterName: 'orders',
    link: isConnected ? 'open' : 'none',
    heardMs: 1_000,
    credit: isConnected ? feedCreditBytesMax : 0,
    durableSeq: 5,
    ...change,
  };
}

export function run(state: FollowerState, ...list: FollowerEvent[]) {
  return list.reduce((step, event) => stepFollower(step.state, event), {
    state,
    effects: [],
  } as FollowerStep);
}
