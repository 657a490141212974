// The queue in front of the disk: in order, joined where that saves a sync, dropped after a failure.
import { feedChunkBytesMax } from '@pamina/format';
import type { SegmentBytes } from '@pamina/wire';
import { describe, expect, it } from 'vitest';
import { FrameQueue } from '../src/frame-queue.js';

function chunk(
  name: string,
  offset: number,
  bytes: number,
  change: Partial<SegmentBytes> = {},
): SegmentBytes {
  const segment = {
    pattern: '',
    timeline: 1,
    timelineId: '',
    session: 1,
    firstSeq: 1,
    chainBefore: 0,
    startTime: 0,
    lockData: false,
  };
  const content = new Uint8Array(bytes).map((_byte, index) => (offset + index) % 251);
  return {
    name,
    segment,
    offset,
    bytes: content,
    endsSegment: false,
    lastSeq: offset + bytes,
    ...change,
  };
}

function queueOf(store: (chunk: SegmentBytes) => Promise<void> = () => Promise.resolve()) {
  const stored: SegmentBytes[] = [];
  const failed: unknown[] = [];
  const queue = new FrameQueue({
    store,
    onStored: (one) => stored.push(one),
    onFailed: (error) => failed.push(error),
  });
  return { queue, stored, failed };
}
const shape = (one: SegmentBytes) => [
  one.name,
  one.offset,
  one.bytes.length,
  one.endsSegment,
  one.lastSeq,
];

describe('frame queue', () => {
  it('P4 joins neighbours of one file and keeps the order', async () => {
    const { queue, stored } = queueOf();
    queue.push(chunk('a', 0, 10));
    queue.push(chunk('a', 10, 5));
    queue.push(chunk('a', 15, 5, { endsSegment: true }));
    queue.push(chunk('b', 0, 7));
    queue.push(chunk('b', 9, 1));
    expect(queue.lastSeq).toBe(10);
    await queue.idle();
    expect(stored.map(shape)).toEqual([
      ['a', 0, 20, true, 20],
      ['b', 0, 7, false, 7],
      ['b', 9, 1, false, 10],
    ]);
    expect(stored[0]?.bytes).toEqual(chunk('a', 0, 20).bytes);
    expect(queue.lastSeq).toBe(0);
  });

  it('P13 joins no more than a chunk', async () => {
    const { queue, stored } = queueOf();
    queue.push(chunk('a', 0, feedChunkBytesMax));
    queue.push(chunk('a', feedChunkBytesMax, 1));
    await queue.idle();
    expect(stored.map((one) => one.bytes.length)).toEqual([feedChunkBytesMax, 1]);
  });

  it('P4 drops what waits behind a failure, and goes on after it', async () => {
    let isBroken = true;
    const { queue, stored, failed } = queueOf(() =>
      isBroken ? Promise.reject(new Error('full')) : Promise.resolve(),
    );
    queue.push(chunk('a', 0, 10));
    queue.push(chunk('b', 0, 10));
    await queue.idle();
    expect([stored.length, failed.length, queue.lastSeq]).toEqual([0, 1, 0]);
    isBroken = false;
    queue.push(chunk('a', 0, 10));
    await queue.idle();
    expect(stored.map(shape)).toEqual([['a', 0, 10, false, 10]]);
  });
});
