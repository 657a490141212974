// The checks at every connect: their codes, their order, and the byte at which sending starts.
import { describe, expect, it } from 'vitest';
import { judgeHello } from '../src/feed-check.js';
import type { FeedFacts } from '../src/feed-event.js';
import { factsFor, first, helloOf, pointAt, second, segmentFrom } from './fixture.js';

const other = { ...second, id: '33'.repeat(8) };

function judge(hello: Parameters<typeof helloOf>[0], facts: Partial<FeedFacts> = {}) {
  const said = helloOf(hello);
  const verdict = judgeHello(said, factsFor(said, facts));
  return 'refusal' in verdict ? verdict.refusal.code : verdict.plan;
}

describe('P5 the hello of a replica', () => {
  it('passes when everything agrees', () => {
    expect(judge({})).toEqual({ openAt: 6, heldSeq: 5, inside: null });
  });

  it.each([
    ['another database at this address', {}, { name: 'invoices' }, 'DATABASE_NOT_FOUND'],
    ['no pattern: made from an initial backup', { pattern: null }, {}, 'PATTERN_MISMATCH'],
    ['another pattern', { pattern: 'cd'.repeat(16) }, {}, 'PATTERN_MISMATCH'],
    ['a master without a pattern', {}, { pattern: null }, 'PATTERN_MISMATCH'],
    ['a name that is not permitted', {}, { permitted: null }, 'NOT_PERMITTED'],
    ['the master itself', {}, { instance: '01'.repeat(16) }, 'NOT_PERMITTED'],
    [
      'another one in its seat',
      {},
      { rival: { code: 'REPLICA_CLONED', message: 'twice', context: {} } },
      'REPLICA_CLONED',
    ],
    [
      'log that was given up for it',
      {},
      { chain: null, lost: { at: 7, cap: 'bytes' } },
      'REPLICA_LOST',
    ],
    [
      'another history, though log was given up for it',
      { point: pointAt(5, 1) },
      { chain: 2, lost: { at: 7, cap: 'bytes' } },
      'DIVERGED',
    ],
    ['another protocol', { protocol: 2 }, {}, 'VERSION_MISMATCH'],
    ['a replica that reads older segments only', { formatVersion: 0 }, {}, 'VERSION_MISMATCH'],
    ['a timeline that the master does not have', { timelines: [first, second] }, {}, 'DIVERGED'],
    [
      'another branch of the same number',
      { timelines: [first, other] },
      { timelines: [first, second] },
      'DIVERGED',
    ],
    ['nothing in common', { timelines: [{ ...first, id: '44'.repeat(8) }] }, {}, 'DIVERGED'],
    [
      'a point beyond the fork',
      { point: pointAt(101) },
      { timelines: [first, second] },
      'DIVERGED',
    ],
    ['a point ahead of the master', { point: pointAt(201) }, {}, 'DIVERGED'],
    ['another chain at its last record', { point: pointAt(5, 1) }, { chain: 2 }, 'DIVERGED'],
    ['a last record that is gone', {}, { chain: null }, 'LOG_GONE'],
    ['a next record that is gone', {}, { segments: [segmentFrom(7)] }, 'LOG_GONE'],
    [
      'a next record inside a segment that it lacks',
      {},
      { segments: [segmentFrom(1)] },
      'LOG_GONE',
    ],
  ] as const)('with %s is refused', (_name, hello, facts, code) => {
    expect(judge(hello, facts)).toBe(code);
  });

  it('P10 passes when its log is here all the same, though it was given up', () => {
    const lost = { at: 7, cap: 'age' } as const;
    expect(judge({}, { lost })).toEqual({ openAt: 6, heldSeq: 5, inside: null });
  });

  it('P9 P10 is told when and by which cap its log was given up', () => {
    const hello = helloOf();
    const lost = { at: 0, cap: 'age' } as const;
    const verdict = judgeHello(hello, factsFor(hello, { chain: null, lost }));
    expect(verdict).toMatchObject({
      refusal: {
        message: expect.stringMatching(/until 1970-01-01T.*replicaHoldDays/) as unknown,
        context: { seq: 5, cap: 'age' },
      },
    });
  });

  it('is checked in the order pattern, permission, version, history, log', () => {
    const faults = [
      ['PATTERN_MISMATCH', { pattern: null }, {}],
      ['NOT_PERMITTED', {}, { permitted: null }],
      ['VERSION_MISMATCH', { protocol: 2 }, {}],
      ['DIVERGED', { timelines: [first, second] }, {}],
      ['LOG_GONE', {}, { chain: null }],
    ] as const;
    for (const [from, [code]] of faults.entries()) {
      const rest = faults.slice(from);
      const hello = Object.assign({}, ...rest.map(([, change]) => change)) as object;
      const facts = Object.assign({}, ...rest.map(([, , change]) => change)) as object;
      expect(judge(hello, facts)).toBe(code);
    }
  });

  describe('P11 of one that follows who took over', () => {
    const takeover = { ...second, why: 'takeover of orders' };
    const master = { timelines: [first] };
    const hello = { timelines: [first, takeover] };

    it('stops the old master, wherever the replica is', () => {
      expect(judge({ ...hello, point: pointAt(3) }, master)).toBe('FENCED');
      expect(judge({ ...hello, point: pointAt(150) }, master)).toBe('FENCED');
    });

    it('stops nobody by a plain reset, a takeover of another name, or without permission', () => {
      expect(judge({ ...hello, timelines: [first, second] }, master)).toBe('DIVERGED');
      const other = { ...second, why: 'takeover of towns' };
      expect(judge({ ...hello, timelines: [first, other] }, master)).toBe('DIVERGED');
      expect(judge(hello, { ...master, permitted: null })).toBe('NOT_PERMITTED');
    });

    it('stops none that has begun a timeline of its own since', () => {
      const own = { ...second, id: '77'.repeat(8), why: 'restored' };
      expect(judge(hello, { ...master, timelines: [first, own] })).toBe('DIVERGED');
    });
  });

  it('P9 an initial backup is named in the message', () => {
    const hello = helloOf({ pattern: null });
    const verdict = judgeHello(hello, factsFor(hello));
    expect(verdict).toMatchObject({
      refusal: { message: expect.stringContaining('initial backup') },
    });
  });

  it('P11 a replica at or before the fork follows the promoted one', () => {
    const facts = { timelines: [first, second], segments: [segmentFrom(1), segmentFrom(101)] };
    expect(judge({ point: pointAt(100) }, facts)).toEqual({
      openAt: 101,
      heldSeq: 100,
      inside: null,
    });
  });
});

describe('P4 where sending starts', () => {
  const name = segmentFrom(1).name;

  it('goes on at exactly the byte at which the open segment of the replica ends', () => {
    expect(judge({ segment: { name, offset: 800 } })).toEqual({
      openAt: 5,
      heldSeq: 5,
      inside: { name, offset: 800 },
    });
  });

  it('goes on in the copy that a promotion made of that segment', () => {
    const copy = segmentFrom(1, { timeline: 2, timelineId: second.id, lastSeq: 100 });
    const facts = { timelines: [first, second], segments: [copy, segmentFrom(101)] };
    expect(judge({ segment: { name, offset: 800 } }, facts)).toMatchObject({
      inside: { name: copy.name, offset: 800 },
    });
  });

  it('sends the trailer of a segment whose records the replica has', () => {
    const facts = { segments: [segmentFrom(1), segmentFrom(6)] };
    expect(judge({ segment: { name, offset: 9952 } }, facts)).toMatchObject({
      openAt: 5,
      inside: { name, offset: 9952 },
    });
  });

  it('takes the successor of an open segment that held no record and is gone', () => {
    const empty = segmentFrom(6, { session: 36 }).name;
    expect(judge({ segment: { name: empty, offset: 128 } })).toEqual({
      openAt: 6,
      heldSeq: 5,
      inside: null,
    });
  });

  it('waits for the next segment at the end of the log', () => {
    const facts = { durable: pointAt(5), segments: [segmentFrom(1)] };
    expect(judge({}, facts)).toEqual({ openAt: 6, heldSeq: 5, inside: null });
  });

  it.each([
    [
      'the open segment is gone',
      { segments: [segmentFrom(5), segmentFrom(6)] },
      name,
      800,
      'LOG_GONE',
    ],
    ['the replica has more of it than the master', {}, name, 10_001, 'DIVERGED'],
    ['it is of another session', {}, segmentFrom(1, { session: 36 }).name, 800, 'LOG_GONE'],
    ['its name is none', {}, '../1.seg', 800, 'MESSAGE_INVALID'],
    ['it begins behind the replica’s last record', {}, segmentFrom(7).name, 800, 'MESSAGE_INVALID'],
  ] as const)('P5 is refused when %s', (_name, facts, open, offset, code) => {
    expect(judge({ segment: { name: open, offset } }, facts)).toBe(code);
  });
});
