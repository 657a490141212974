// The feed's table: what every state does at every event, and what no order of events can break.
import { feedChunkBytesMax, feedCreditBytesMax } from '@pamina/format';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeedEvent, FeedState, FeedStateName } from '../src/feed-event.js';
import { startFeed, stepFeed } from '../src/feed.js';
import { feedReadBytesMin, handshakeMs } from '../src/replication-limits.js';
import { factsFor, helloOf } from './fixture.js';

const hello = helloOf();
const facts = factsFor(hello);
const refusal = { code: 'LOG_DAMAGED', message: 'bad', context: {} };
const report = { type: 'report', received: 5, durable: 5, applied: 4 } as const;

const events: { readonly [T in FeedEvent['type']]: Extract<FeedEvent, { type: T }> } = {
  hello: { type: 'hello', hello },
  facts: { type: 'facts', facts },
  request: { type: 'request', request: { type: 'request', bytes: 1 << 20, wait: true } },
  report: { type: 'report', report },
  goodbye: { type: 'goodbye' },
  chunk: { type: 'chunk', bytes: 1000, lastSeq: 9, bufferedBytes: 0 },
  dry: { type: 'dry' },
  more: { type: 'more', isAwaited: false },
  drained: { type: 'drained' },
  tick: { type: 'tick', nowMs: 1000, permitted: true },
  failed: { type: 'failed', refusal },
  stop: { type: 'stop', why: 'the database goes offline' },
  closed: { type: 'closed', message: 'the peer was silent for 15000 ms' },
};
const eventNames = Object.keys(events) as FeedEvent['type'][];

function stateOf(name: FeedStateName, change: Partial<FeedState> = {}): FeedState {
  const known = name === 'greeting' ? null : hello;
  return {
    ...startFeed(0),
    name,
    hello: known,
    credit: 1 << 20,
    wait: true,
    sentSeq: 5,
    ...change,
  };
}

/** state → event → next state and the types of the effects. */
const refused = 'closed: refuse log close';
const ended = 'closed: log close';
const expected: Readonly<Record<FeedStateName, Readonly<Record<FeedEvent['type'], string>>>> = {
  greeting: {
    hello: 'checking: gather',
    facts: 'greeting:',
    request: refused,
    report: refused,
    goodbye: 'closed: close',
    chunk: 'greeting:',
    dry: 'greeting:',
    more: 'greeting:',
    drained: 'greeting:',
    tick: 'greeting:',
    failed: refused,
    stop: 'closed: close',
    closed: 'closed:',
  },
  checking: {
    hello: refused,
    facts: 'idle: welcome log',
    request: refused,
    report: refused,
    goodbye: ended,
    chunk: 'checking:',
    dry: 'checking:',
    more: 'checking:',
    drained: 'checking:',
    tick: 'checking:',
    failed: refused,
    stop: 'closed: close',
    closed: 'closed: log',
  },
  idle: {
    hello: refused,
    facts: 'idle:',
    request: 'reading: read',
    report: 'idle: slot',
    goodbye: ended,
    chunk: 'idle:',
    dry: 'idle:',
    more: 'idle:',
    drained: 'idle:',
    tick: 'idle: send-heartbeat',
    failed: refused,
    stop: 'closed: close',
    closed: 'closed: log',
  },
  reading: {
    hello: refused,
    facts: 'reading:',
    request: 'reading:',
    report: 'reading: slot',
    goodbye: ended,
    chunk: 'reading: send-chunk read',
    dry: 'waiting:',
    more: 'reading:',
    drained: 'reading:',
    tick: 'reading: send-heartbeat',
    failed: refused,
    stop: 'closed: close',
    closed: 'closed: log',
  },
  blocked: {
    hello: refused,
    facts: 'blocked:',
    request: 'blocked:',
    report: 'blocked: slot',
    goodbye: ended,
    chunk: 'blocked:',
    dry: 'blocked:',
    more: 'blocked:',
    drained: 'reading: read',
    tick: 'blocked:',
    failed: refused,
    stop: 'closed: close',
    closed: 'closed: log',
  },
  starved: {
    hello: refused,
    facts: 'starved:',
    request: 'reading: read',
    report: 'starved: slot',
    goodbye: ended,
    chunk: 'starved:',
    dry: 'starved:',
    more: 'starved:',
    drained: 'starved:',
    tick: 'starved: send-heartbeat',
    failed: refused,
    stop: 'closed: close',
    closed: 'closed: log',
  },
  waiting: {
    hello: refused,
    facts: 'waiting:',
    request: 'waiting:',
    report: 'waiting: slot',
    goodbye: ended,
    chunk: 'waiting:',
    dry: 'waiting:',
    more: 'reading: read',
    drained: 'waiting:',
    tick: 'reading: send-heartbeat read',
    failed: refused,
    stop: 'closed: close',
    closed: 'closed: log',
  },
  closed: {
    hello: 'closed:',
    facts: 'closed:',
    request: 'closed:',
    report: 'closed:',
    goodbye: 'closed:',
    chunk: 'closed:',
    dry: 'closed:',
    more: 'closed:',
    drained: 'closed:',
    tick: 'closed:',
    failed: 'closed:',
    stop: 'closed:',
    closed: 'closed:',
  },
};

describe('feed table', () => {
  for (const name of Object.keys(expected) as FeedStateName[]) {
    it.each(eventNames)(`${name} at %s`, (event) => {
      const step = stepFeed(stateOf(name), events[event]);
      const text = [`${step.state.name}:`, ...step.effects.map((effect) => effect.type)].join(' ');
      expect(text).toBe(expected[name][event]);
    });
  }
});

describe('feed', () => {
  it.each([
    ['goodbye', { code: null, message: 'it said goodbye' }],
    ['stop', { code: null, message: 'the database goes offline' }],
    ['closed', { code: null, message: 'the peer was silent for 15000 ms' }],
    ['failed', { code: 'LOG_DAMAGED', message: 'bad' }],
  ] as const)('P9 keeps why it ended, of the first cause (%s)', (event, end) => {
    const { state } = stepFeed(stateOf('waiting'), events[event]);
    expect(state.end).toEqual(end);
    expect(stepFeed(state, { type: 'closed', message: 'later' }).state.end).toEqual(end);
  });

  it('P9 keeps why it refused, and whether who was refused is permitted', () => {
    const diverged = stepFeed(stateOf('checking'), {
      type: 'facts',
      facts: factsFor(hello, { chain: 1 }),
    });
    expect(diverged.state).toMatchObject({ isPermitted: true, end: { code: 'DIVERGED' } });
    const stranger = stepFeed(stateOf('checking'), {
      type: 'facts',
      facts: factsFor(hello, { permitted: null }),
    });
    expect(stranger.state).toMatchObject({ isPermitted: false, end: { code: 'NOT_PERMITTED' } });
  });

  it('a pull is answered by an end as soon as everything durable was sent', () => {
    const step = stepFeed(stateOf('reading', { wait: false }), events.dry);
    expect(step.state.name).toBe('idle');
    expect(step.effects).toEqual([{ type: 'send-end' }]);
  });

  it('a replica that turns from streaming to pull while it waits gets its end', () => {
    const request = { type: 'request', bytes: 0, wait: false } as const;
    const step = stepFeed(stateOf('waiting'), { type: 'request', request });
    expect(step.state).toMatchObject({ name: 'reading', wait: false });
  });

  it('P13 reads no more than the credit, and rests without it', () => {
    const few = stateOf('reading', { credit: feedReadBytesMin + 10 });
    const step = stepFeed(few, { ...events.chunk, bytes: 11 });
    expect(step.state).toMatchObject({ name: 'starved', credit: feedReadBytesMin - 1 });
    const more = stepFeed(stateOf('starved', { credit: 0 }), {
      type: 'request',
      request: { type: 'request', bytes: 70_000, wait: true },
    });
    expect(more.effects).toEqual([{ type: 'read', bytesMax: 70_000 }]);
  });

  it('P13 waits for a channel that has not drained, and adds no heartbeat to it', () => {
    const step = stepFeed(stateOf('reading'), { ...events.chunk, bufferedBytes: 1 << 20 });
    expect(step.state.name).toBe('blocked');
    expect(step.effects.map((effect) => effect.type)).toEqual(['send-chunk', 'await-drained']);
    expect(stepFeed(step.state, events.tick).effects).toEqual([]);
  });

  it('P13 P14 a replica that asks for more than a feed may owe is refused', () => {
    const request = { type: 'request', bytes: feedCreditBytesMax, wait: true } as const;
    const step = stepFeed(stateOf('idle', { credit: 1 }), { type: 'request', request });
    expect(step.state.name).toBe('closed');
    expect(step.effects[0]).toMatchObject({ type: 'refuse', refusal: { code: 'MESSAGE_INVALID' } });
  });

  it.each([
    { received: 6, durable: 5, applied: 5 },
    { received: 5, durable: 6, applied: 5 },
    { received: 5, durable: 4, applied: 5 },
  ])('P10 a report that cannot be true (%o) is refused', (positions) => {
    const step = stepFeed(stateOf('idle'), {
      type: 'report',
      report: { type: 'report', ...positions },
    });
    expect(step.effects[0]).toMatchObject({ type: 'refuse', refusal: { code: 'MESSAGE_INVALID' } });
  });

  it('P14 a peer that does not say hello in time is given up', () => {
    for (const name of ['greeting', 'checking'] as const) {
      const step = stepFeed(stateOf(name), { ...events.tick, nowMs: handshakeMs });
      expect(step.effects[0]).toMatchObject({ type: 'refuse', refusal: { code: 'TIMEOUT' } });
    }
  });

  it.each(['idle', 'reading', 'blocked', 'starved', 'waiting'] as const)(
    'a permission that is withdrawn ends the feed (%s)',
    (name) => {
      const step = stepFeed(stateOf(name), { ...events.tick, permitted: false });
      expect(step.effects[0]).toMatchObject({ type: 'refuse', refusal: { code: 'NOT_PERMITTED' } });
    },
  );

  it.each([true, false])(
    'P12 what the replica wants (%s) is entered beside its permission, if it is not there',
    (simultaneousQuery) => {
      const hello = helloOf({ simultaneousQuery });
      const effectsFor = (entered: boolean) => {
        const permitted = { name: hello.replica, simultaneousQuery: entered };
        const facts = { ...factsFor(hello), permitted };
        return stepFeed(stateOf('checking', { hello }), { type: 'facts', facts }).effects;
      };
      expect(effectsFor(!simultaneousQuery)[0]).toEqual({
        type: 'permit-simultaneous-query',
        replica: hello.replica,
        simultaneousQuery,
      });
      expect(effectsFor(simultaneousQuery)[0]).toMatchObject({ type: 'welcome' });
    },
  );

  it('P13 no order of events gives negative or unbounded credit, a second read, or life after close', () => {
    const anyEvent: fc.Arbitrary<FeedEvent> = fc.oneof(
      fc.constantFrom(...Object.values(events)),
      fc.record({
        type: fc.constant('request' as const),
        request: fc.record({
          type: fc.constant('request' as const),
          bytes: fc.integer({ min: 0, max: feedCreditBytesMax }),
          wait: fc.boolean(),
        }),
      }),
    );
    fc.assert(
      fc.property(
        fc.array(anyEvent, { maxLength: 60 }),
        fc.nat(feedChunkBytesMax),
        (list, size) => {
          let state = startFeed(0);
          let reads = 0;
          let allowed = 0;
          for (const event of [events.hello, events.facts, ...list]) {
            const isAnswer = event.type === 'chunk' || event.type === 'dry';
            if (isAnswer && reads === 0) continue;
            if (isAnswer) reads--;
            const bytes = Math.min(size, allowed);
            const before = state;
            const step = stepFeed(state, event.type === 'chunk' ? { ...event, bytes } : event);
            state = step.state;
            expect(state.credit).toBeGreaterThanOrEqual(0);
            expect(state.credit).toBeLessThanOrEqual(feedCreditBytesMax);
            if (before.name === 'closed') expect(step).toEqual({ state: before, effects: [] });
            for (const effect of step.effects) {
              if (effect.type !== 'read') continue;
              reads++;
              allowed = effect.bytesMax;
              expect(effect.bytesMax).toBeLessThanOrEqual(
                Math.min(state.credit, feedChunkBytesMax),
              );
            }
            expect(reads).toBeLessThanOrEqual(1);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
