// What a replica refuses by itself, whatever the master let through.
import { describe, expect, it } from 'vitest';
import type { SegmentBytes, WelcomeMessage } from '@pamina/wire';
import { checkSegment, checkWelcome, type Self } from '../src/follower-accept.js';
import { first, pattern, pointAt, second } from './fixture.js';

const self: Self = {
  instance: '01'.repeat(16),
  pattern,
  masterName: 'orders',
  timelines: [first],
  durableSeq: 50,
};
const welcome: WelcomeMessage = {
  type: 'welcome',
  protocol: 1,
  instance: '02'.repeat(16),
  name: 'orders',
  timelines: [first, second],
  point: pointAt(200),
  replicationDelayMs: 0,
  time: 1,
  lockData: false,
};

describe('P5 P11 the welcome of a master', () => {
  it.each([
    ['continues this history', {}, {}, null],
    ['is exactly at the fork', { durableSeq: 100 }, {}, null],
    ['left this timeline before the last record here', { durableSeq: 101 }, {}, 'DIVERGED'],
    [
      'does not have this timeline',
      { timelines: [first, { ...second, id: '33'.repeat(8) }] },
      {},
      'DIVERGED',
    ],
    [
      'is on the old timeline of a replica that went on',
      { timelines: [first, second] },
      { timelines: [first] },
      'DIVERGED',
    ],
    ['ends before the last record here', {}, { point: pointAt(49) }, 'DIVERGED'],
    ['is this database itself', {}, { instance: self.instance }, 'NOT_PERMITTED'],
    ['speaks another protocol', {}, { protocol: 2 }, 'VERSION_MISMATCH'],
    ['is another database', {}, { name: 'invoices' }, 'DATABASE_NOT_FOUND'],
  ] as const)('that %s', (_name, me, it, code) => {
    expect(checkWelcome({ ...self, ...me }, { ...welcome, ...it })?.code ?? null).toBe(code);
  });
});

describe('P5 bytes of a segment', () => {
  const segment = {
    pattern,
    timeline: 1,
    timelineId: first.id,
    session: 1,
    firstSeq: 51,
    chainBefore: 0,
    startTime: 0,
    lockData: false,
  };
  const chunk: SegmentBytes = {
    name: 'x',
    segment,
    offset: 0,
    bytes: new Uint8Array(1),
    endsSegment: false,
    lastSeq: 100,
  };
  const newer = { ...segment, timeline: 2, timelineId: second.id, firstSeq: 101 };

  it.each([
    ['of this timeline', {}, null],
    ['of the welcomed new timeline', { segment: newer, lastSeq: 105 }, null],
    ['of a segment without a record yet', { lastSeq: 50 }, null],
    [
      'of another pattern',
      { segment: { ...segment, pattern: 'cd'.repeat(16) } },
      'PATTERN_MISMATCH',
    ],
    ['of an unknown timeline', { segment: { ...segment, timelineId: '33'.repeat(8) } }, 'DIVERGED'],
    ['of the old timeline beyond the fork', { lastSeq: 101 }, 'DIVERGED'],
    [
      'of the old timeline, beginning beyond the fork',
      { segment: { ...segment, firstSeq: 101 }, lastSeq: 105 },
      'DIVERGED',
    ],
    [
      'of the new timeline, beginning before the fork',
      { segment: { ...newer, firstSeq: 100 } },
      'DIVERGED',
    ],
    [
      'of another number than its timeline has',
      { segment: { ...segment, timeline: 2 } },
      'DIVERGED',
    ],
  ] as const)('%s', (_name, change, code) => {
    const problem = checkSegment(self, welcome.timelines, { ...chunk, ...change });
    expect(problem?.code ?? null).toBe(code);
  });
});
