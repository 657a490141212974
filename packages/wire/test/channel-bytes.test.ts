// Byte frames: log bytes arrive as they left, with the place where they belong.
import { feedChunkBytesMax, isPaminaError, segmentPath } from '@pamina/format';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSegmentBytes, encodeSegmentBytes, isBytesFrame } from '../src/channel-bytes.js';
import type { SegmentBytes } from '../src/channel-message.js';

const segment = {
  pattern: 'cd'.repeat(16),
  timeline: 3,
  timelineId: '0f3a0f3a0f3a0f3a',
  session: 37,
  firstSeq: 48213,
  chainBefore: 0xdeadbeef,
  startTime: 1_785_000_000_000,
  lockData: false,
};
const chunk: SegmentBytes = {
  name: segmentPath(segment),
  segment,
  offset: 2 ** 33 + 5,
  bytes: Uint8Array.of(1, 2, 3),
  endsSegment: false,
  lastSeq: 48_220,
};
/** A part that a promotion cut off: another folder, the segment's own header. */
const cut: SegmentBytes = {
  ...chunk,
  name: segmentPath({ ...segment, timeline: 4, timelineId: '1'.repeat(16), lastSeq: 48_220 }),
  endsSegment: true,
};

describe('byte frames', () => {
  it.each([
    ['of an open segment', chunk],
    ['of a part that a promotion cut off', cut],
    ['without bytes, at the end of a segment', { ...cut, bytes: new Uint8Array(0) }],
    ['of the largest size', { ...chunk, bytes: new Uint8Array(feedChunkBytesMax).fill(7) }],
  ])('P3 bytes %s arrive as they left', (_name, sent) => {
    const frame = encodeSegmentBytes(sent);
    expect(isBytesFrame(frame)).toBe(true);
    const received = decodeSegmentBytes(frame);
    expect({ ...received, bytes: null }).toEqual({ ...sent, bytes: null });
    expect(Buffer.compare(received.bytes, sent.bytes)).toBe(0);
  });

  it('P13 more bytes than a chunk are refused on both sides', () => {
    const bytes = new Uint8Array(feedChunkBytesMax + 1);
    expect(() => encodeSegmentBytes({ ...chunk, bytes })).toThrow(/more than/);
  });

  it.each([
    ['another session in the name', { ...chunk, name: segmentPath({ ...segment, session: 38 }) }],
    [
      'another first record in the name',
      { ...chunk, name: segmentPath({ ...segment, firstSeq: 1 }) },
    ],
    [
      'a whole segment in the folder of another timeline',
      { ...chunk, name: segmentPath({ ...segment, timeline: 4 }).replace('0f3a', '1f3a') },
    ],
    ['a path that leads elsewhere', { ...chunk, name: '../../control.json' }],
    ['a record beyond the one in the name', { ...cut, lastSeq: 48_221 }],
    ['a record before the first one', { ...chunk, lastSeq: 48_211 }],
    ['no bytes in the middle', { ...chunk, bytes: new Uint8Array(0) }],
  ])('P5 P14 a frame with %s is refused', (_name, sent) => {
    expect(() => decodeSegmentBytes(encodeSegmentBytes(sent))).toThrow(/malformed/);
  });

  it('P14 a frame whose reserved bytes say something is refused', () => {
    const frame = encodeSegmentBytes(chunk);
    frame[27] = 1;
    expect(() => decodeSegmentBytes(frame)).toThrow(/malformed/);
  });

  it('P14 no bytes make the decoder throw anything but its own errors; a changed header is noticed', () => {
    const frame = encodeSegmentBytes(cut);
    const damaged = fc
      .tuple(fc.nat(frame.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(frame.length))
      .map(([at, mask, length]) => {
        const copy = frame.slice(0, length);
        if (at < length) copy.set([new DataView(copy.buffer).getUint8(at) ^ mask], at);
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 400 })), (bytes) => {
        try {
          const read = decodeSegmentBytes(bytes);
          expect(read.segment).toEqual(segment);
        } catch (error) {
          expect(isPaminaError(error)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
