// A whole log, opened with one of its files replaced: the one decoder that reads more than one file.
import {
  crc32,
  segmentBytesMin,
  segmentHeaderBytes,
  segmentTrailerBytes,
  viewOf,
} from '@pamina/format';
import { nodeEnv } from '@pamina/env';
import { Log, type ChainPoint } from '@pamina/log';
import { MemoryDisk } from '../../../packages/log/test/memory-disk.js';
import { hold, type Target } from '../target.js';
import { joined } from './forms.js';
import { sealRecords } from './log-bytes.js';
import { pattern } from './samples.js';

const folder = '/orders/log';
const base: ChainPoint = { seq: 0, chain: 0x1234_5678, time: 1000 };
const timeline = { timeline: 1, timelineId: '0f3a5c7e90b1d2f4' };
const recordHeaderBytes = 32;

function open(memory: MemoryDisk): Promise<Log> {
  return Log.open({
    disk: memory.disk,
    clock: nodeEnv().clock,
    folder,
    segmentBytes: segmentBytesMin,
    backlogBytesMax: 64 * 1024 * 1024,
    base,
    from: base,
    ownTimelineId: timeline.timelineId,
    watch: [2],
    onEvent: () => undefined,
  });
}

/** Two closed segments and one that a crash left open. */
async function sample(): Promise<ReadonlyMap<string, Uint8Array>> {
  const memory = new MemoryDisk();
  let files: ReadonlyMap<string, Uint8Array> = new Map();
  for (const session of [1, 2, 3]) {
    const log = await open(memory);
    const appender = await log.startAppending(
      { pattern, ...timeline, session, lockData: false },
      {
        onDurable: (group) => {
          group.complete();
          appender.release(group);
        },
        onFailed: () => undefined,
        onSegmentClosed: () => undefined,
      },
    );
    for (let count = 0; count < 3; count++) {
      appender.reserve(10 * count);
      await appender.seal(1, 10 * count).done;
    }
    files = new Map(memory.files);
    await log.close();
  }
  return new Map([...files].map(([path, bytes]) => [path, bytes.slice(0, 600)]));
}

const files = await sample();
const names = [...files.keys()].toSorted();

/** Header, records and trailer as they should be for what they hold. */
function sealSegment(input: Uint8Array): void {
  const bytes = input.subarray(1);
  if (bytes.length < segmentHeaderBytes + recordHeaderBytes) return;
  const view = viewOf(bytes);
  view.setUint32(124, crc32(bytes.subarray(0, 124)), true);
  const end = sealRecords(bytes, segmentHeaderBytes, view.getUint32(56, true));
  if (bytes.length - end < segmentTrailerBytes || bytes[end] !== 0xff) return;
  view.setUint32(end + 28, crc32(bytes.subarray(0, end)), true);
  view.setUint32(end + 32, end, true);
  view.setUint32(end + 44, crc32(bytes.subarray(end, end + 44)), true);
}

const log: Target = {
  name: 'log',
  about: 'a log of three segments and log/synced with one file replaced; the first byte says which',
  seeds: names.map((name, index) =>
    joined(Uint8Array.of(index), files.get(name) ?? new Uint8Array(0)),
  ),
  seal: sealSegment,
  codes: ['LOG_DAMAGED', 'LOG_GONE', 'FORMAT_UNKNOWN'],
  // Each open reads with buffers of a megabyte.
  share: 0.02,
  async run(bytes) {
    const name = names[(bytes[0] ?? 0) % names.length] ?? folder;
    const memory = new MemoryDisk(new Map(files).set(name, bytes.slice(1)));
    const opened = await open(memory);
    try {
      const { seq } = opened.durable;
      let last = opened.firstSeq - 1;
      for await (const { header } of opened.records(opened.firstSeq)) {
        hold(header.seq === last + 1, 'records are read without a gap');
        last = header.seq;
      }
      hold(last === seq, 'all that is promised can be read');
      return `records ${seq} of ${opened.segments().length}`;
    } finally {
      await opened.close();
    }
  },
};

export const wholeLog: readonly Target[] = [log];
