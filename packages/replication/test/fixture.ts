// Small made-up histories for the tests of feed and follower.
import { segmentPath, type Timeline } from '@pamina/format';
import type { HelloMessage } from '@pamina/wire';
import type { FeedSegment } from '../src/contract.js';
import type { FeedFacts } from '../src/feed-event.js';

export const pattern = 'ab'.repeat(16);
export const first: Timeline = {
  timeline: 1,
  id: '11'.repeat(8),
  forkedFrom: null,
  atSeq: 0,
  why: 'created',
};
export const second: Timeline = {
  timeline: 2,
  id: '22'.repeat(8),
  forkedFrom: first.id,
  atSeq: 100,
  why: 'reset of a replica of orders',
};

export function pointAt(seq: number, chain = seq * 7) {
  return { timeline: 1, timelineId: first.id, seq, chain, time: 1000 + seq };
}

export function helloOf(change: Partial<HelloMessage> = {}): HelloMessage {
  return {
    type: 'hello',
    protocol: 1,
    formatVersion: 1,
    database: 'orders',
    replica: 'orders-replica',
    instance: '01'.repeat(16),
    pattern,
    timelines: [first],
    point: pointAt(5),
    segment: null,
    simultaneousQuery: false,
    ...change,
  };
}

export function segmentFrom(
  firstSeq: number,
  change: Partial<{
    session: number;
    lastSeq: number;
    timeline: number;
    timelineId: string;
    bytes: number;
  }> = {},
): FeedSegment {
  const place = {
    timeline: change.timeline ?? 1,
    timelineId: change.timelineId ?? first.id,
    session: change.session ?? 37,
    firstSeq,
    lastSeq: change.lastSeq ?? null,
  };
  return { name: segmentPath(place), place, firstSeq, bytes: change.bytes ?? 10_000, header: null };
}

/** Facts of a master on which the hello passes every check. */
export function factsFor(hello: HelloMessage, change: Partial<FeedFacts> = {}): FeedFacts {
  return {
    name: hello.database,
    instance: '02'.repeat(16),
    pattern,
    timelines: [first],
    durable: pointAt(200),
    permitted: { name: hello.replica, simultaneousQuery: false },
    rival: null,
    lost: null,
    chain: hello.point.chain,
    segments: [segmentFrom(1), segmentFrom(6), segmentFrom(150)],
    ...change,
  };
}
