import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSegmentPath, segmentPath, type SegmentName } from '../src/segment-path.js';
import { atLeastOne, count, hex, uint32 } from './arbitrary.js';

const example: SegmentName = {
  timeline: 1,
  timelineId: '0f3a000000000001',
  session: 37,
  firstSeq: 48213,
  lastSeq: null,
};

const segmentName: fc.Arbitrary<SegmentName> = fc
  .record({
    timeline: atLeastOne(uint32),
    timelineId: hex(16),
    session: atLeastOne(uint32),
    firstSeq: atLeastOne(count),
    records: fc.option(fc.nat()),
  })
  .map(({ records, ...rest }) => {
    const lastSeq = records === null ? null : rest.firstSeq - 1 + records;
    return { ...rest, lastSeq: Number.isSafeInteger(lastSeq) ? lastSeq : null };
  });

describe('segment path', () => {
  it('reads as the design says', () => {
    expect(segmentPath(example)).toBe('1-0f3a000000000001/00000037/0000000000048213.seg');
    expect(segmentPath({ ...example, lastSeq: 48300 })).toBe(
      '1-0f3a000000000001/00000037/0000000000048213-0000000000048300.seg',
    );
  });

  it('comes back from its text', () => {
    fc.assert(
      fc.property(segmentName, (name) => {
        expect(parseSegmentPath(segmentPath(name))).toEqual(name);
      }),
    );
  });

  it('sorts in the order of the log within a log space', () => {
    fc.assert(
      fc.property(atLeastOne(count), atLeastOne(count), (one, two) => {
        const a = segmentPath({ ...example, firstSeq: one });
        const b = segmentPath({ ...example, firstSeq: two });
        expect(a < b).toBe(one < two);
      }),
    );
  });

  it('P14 is never found in a path that was not written by segmentPath', () => {
    const good = segmentPath(example);
    const texts = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat({ max: good.length }), fc.string({ maxLength: 2 })).map(([at, insert]) => {
        return good.slice(0, at) + insert + good.slice(at);
      }),
      fc.stringMatching(/^[0-9]{1,3}-[0-9a-f]{16}\/[0-9]{8,11}\/[0-9]{16}(-[0-9]{16})?\.seg$/),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseSegmentPath(text);
        if (parsed !== null) expect(segmentPath(parsed)).toBe(text);
      }),
      { numRuns: 1000 },
    );
    const refused = [
      '01-0f3a000000000001/00000037/0000000000048213.seg',
      '0-0f3a000000000001/00000037/0000000000048213.seg',
      '1-0f3a000000000001/000000037/0000000000048213.seg',
      '1-0f3a000000000001/00000000/0000000000048213.seg',
      '1-0f3a000000000001/00000037/0000000000000000.seg',
      '1-0f3a000000000001/00000037/9999999999999999.seg',
      '1-0f3a000000000001/00000037/0000000000048213-0000000000048211.seg',
      '1-0f3a000000000001/00000037/../0000000000048213.seg',
      '/1-0f3a000000000001/00000037/0000000000048213.seg',
      '1-0f3a000000000001/00000037/0000000000048213.seg\n',
    ];
    for (const path of refused) expect(parseSegmentPath(path), path).toBeNull();
  });
});
