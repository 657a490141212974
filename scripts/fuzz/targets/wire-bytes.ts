// What comes over the network: messages and bytes of the replication channel, and the documents that
// messages, manifests and control bodies are encoded as.
import {
  crc32,
  encodeSegmentHeader,
  isPaminaError,
  packBytes,
  segmentHeaderBytes,
  segmentPath,
  unpackBytes,
  viewOf,
} from '@pamina/format';
import {
  decodeFeedMessage,
  decodeFollowerMessage,
  decodeSegmentBytes,
  encodeChannelMessage,
  encodeSegmentBytes,
  isBytesFrame,
  type ChannelMessage,
  type SegmentBytes,
} from '@pamina/wire';
import { hold, holdSameBytes, type Target } from '../target.js';
import { holdEqual, joined, packed, shapeOf, signless, textBytes } from './forms.js';
import { pattern, segmentHeader, timelines } from './samples.js';

const deep = joined(new Uint8Array(15).fill(0x91), Uint8Array.of(1));
const tooDeep = joined(new Uint8Array(40).fill(0x91), Uint8Array.of(1));
/** A list that claims 2^32 - 1 values. */
const huge = Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff, 1);

const document: Target = {
  name: 'document',
  about: 'MessagePack of plain types, scanned before it is decoded',
  seeds: [
    packBytes({
      a: 1,
      b: -1,
      c: 1.5,
      d: null,
      e: [true, false],
      f: Uint8Array.of(1, 2),
      g: 'text',
    }),
    packBytes([2 ** 40, -(2 ** 40), 65_536, 'x'.repeat(300), new Uint8Array(300), []]),
    packBytes({ ä: { '': {} } }),
    Uint8Array.of(0xd3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    deep,
    tooDeep,
    huge,
  ],
  words: ['__proto__', 'constructor'],
  document: packed(),
  codes: ['BODY_INVALID'],
  run(bytes) {
    const decoded = unpackBytes(bytes, 'BODY_INVALID');
    holdEqual(
      unpackBytes(packBytes(decoded), 'BODY_INVALID'),
      signless(decoded),
      'a document comes back',
    );
    return shapeOf(decoded);
  },
};

const point = { timeline: 2, timelineId: '1f3a5c7e90b1d2f4', seq: 9, chain: 77, time: 1234 };
const segmentName = segmentPath(segmentHeader);
const messages: readonly ChannelMessage[] = [
  {
    type: 'hello',
    protocol: 1,
    formatVersion: 1,
    database: 'orders',
    replica: 'orders-replica',
    instance: pattern,
    pattern,
    timelines,
    point,
    segment: { name: segmentName, offset: 4711 },
    simultaneousQuery: true,
  },
  { type: 'request', bytes: 1 << 20, wait: true },
  { type: 'report', received: 9, durable: 8, applied: 7, oldest: 3 },
  { type: 'goodbye' },
  {
    type: 'welcome',
    protocol: 1,
    instance: pattern,
    name: 'orders',
    timelines,
    point,
    replicationDelayMs: 5000,
    time: 99,
    lockData: false,
  },
  { type: 'refuse', code: 'LOG_GONE', message: 'no', context: { seq: 7, list: [1, { a: null }] } },
  { type: 'end', point, time: 99 },
  { type: 'heartbeat', point, time: 99, logBytes: 12, replicationDelayMs: 0 },
];

const control: Target = {
  name: 'channel-control',
  about: 'control messages of the replication channel, heard by a feed and by a follower',
  seeds: messages.map(encodeChannelMessage),
  words: messages.flatMap((message) => [message.type, ...Object.keys(message)]),
  document: packed(1, 0, (bytes) => joined(Uint8Array.of(1), bytes)),
  codes: ['MESSAGE_INVALID', 'VERSION_MISMATCH'],
  run(frame) {
    let heard = '';
    let refusal: unknown = null;
    for (const decode of [decodeFollowerMessage, decodeFeedMessage]) {
      try {
        const message = decode(frame);
        const again = decode(encodeChannelMessage(message));
        holdEqual(again, signless(message), 'a message comes back');
        heard += shapeOf(message, 1);
      } catch (error) {
        if (!isPaminaError(error)) throw error;
        refusal = error;
      }
    }
    if (heard === '') throw refusal;
    return heard;
  },
};

const chunks: readonly SegmentBytes[] = [
  {
    name: segmentName,
    segment: segmentHeader,
    offset: 128,
    bytes: textBytes('log bytes'),
    endsSegment: false,
    lastSeq: 48_212,
  },
  {
    name: segmentPath({ ...segmentHeader, timeline: 3, lastSeq: 48_213 }),
    segment: segmentHeader,
    offset: 0,
    bytes: encodeSegmentHeader(segmentHeader),
    endsSegment: true,
    lastSeq: 48_213,
  },
];

const headerAt = 32;
const nameAt = headerAt + segmentHeaderBytes;

const bytes: Target = {
  name: 'channel-bytes',
  about: 'byte frames of the replication channel: log bytes and where they belong',
  seeds: chunks.map(encodeSegmentBytes),
  words: ['../', segmentName, '.seg', '-0000000000048213'],
  seal(frame) {
    if (frame.length < nameAt) return;
    const view = viewOf(frame);
    const checksum = crc32(frame.subarray(headerAt, nameAt - 4));
    view.setUint32(nameAt - 4, checksum, true);
    view.setUint32(4, Math.max(0, frame.length - nameAt - view.getUint16(2, true)), true);
  },
  codes: ['MESSAGE_INVALID', 'SEGMENT_INVALID', 'FORMAT_UNKNOWN'],
  run(frame) {
    const chunk = decodeSegmentBytes(frame);
    hold(isBytesFrame(frame), 'what decodes is known for a byte frame');
    holdSameBytes(encodeSegmentBytes(chunk), frame, 'a byte frame is canonical');
    return `chunk ${chunk.endsSegment} ${chunk.offset === 0}`;
  },
};

export const wireBytes: readonly Target[] = [document, control, bytes];
