// Byte frames of the replication channel: log bytes as they stand on the master's disk, behind a
// header that says where they belong. Little endian:
//   0 u8 frame type · 1 u8 flags (1 = ends the segment) · 2 u16 length of the segment's name
//   4 u32 number of log bytes · 8 u64 offset · 16 u64 last whole seq · 24 u64 zero
//   32 the segment's own header (it carries its checksum) · 160 the name · then the log bytes

import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  feedChunkBytesMax,
  fileNameLengthMax,
  PaminaError,
  parseSegmentPath,
  readUint64,
  segmentHeaderBytes,
  type SegmentHeader,
  viewOf,
  wireMessageBytesMax,
  writeUint64,
} from '@pamina/format';
import { channelFrame, type SegmentBytes } from './channel-message.js';

const headerStart = 32;
const nameStart = headerStart + segmentHeaderBytes;
const flagEndsSegment = 1;
const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder();

if (nameStart + fileNameLengthMax + feedChunkBytesMax > wireMessageBytesMax) {
  throw new RangeError('a chunk of the feed must fit into one message');
}

export function isBytesFrame(frame: Uint8Array): boolean {
  return frame[0] === channelFrame.bytes;
}

/** Copies the bytes once, behind the frame's header: the channel sends the frame as it is. */
export function encodeSegmentBytes(chunk: SegmentBytes): Uint8Array {
  const count = chunk.bytes.length;
  if (count > feedChunkBytesMax) throw tooLarge(count);
  const name = textEncoder.encode(chunk.name);
  const start = nameStart + name.length;
  const frame = new Uint8Array(start + count);
  const view = viewOf(frame);
  view.setUint8(0, channelFrame.bytes);
  view.setUint8(1, chunk.endsSegment ? flagEndsSegment : 0);
  view.setUint16(2, name.length, true);
  view.setUint32(4, count, true);
  writeUint64(view, 8, chunk.offset);
  writeUint64(view, 16, chunk.lastSeq);
  frame.set(encodeSegmentHeader(chunk.segment), headerStart);
  frame.set(name, nameStart);
  frame.set(chunk.bytes, start);
  return frame;
}

/**
 * The bytes are a view of the frame. Throws MESSAGE_INVALID, and what the segment's header throws:
 * SEGMENT_INVALID, FORMAT_UNKNOWN (a newer master).
 */
export function decodeSegmentBytes(frame: Uint8Array): SegmentBytes {
  if (frame.length < nameStart || frame[0] !== channelFrame.bytes) throw malformed('its length');
  const view = viewOf(frame);
  const flags = view.getUint8(1);
  const nameBytes = view.getUint16(2, true);
  const start = nameStart + nameBytes;
  const count = view.getUint32(4, true);
  if (flags > flagEndsSegment) throw malformed('its flags');
  if (nameBytes > fileNameLengthMax || frame.length !== start + count)
    throw malformed('its length');
  if (count > feedChunkBytesMax) throw tooLarge(count);
  if (count === 0 && flags === 0) throw malformed('it is empty');
  if (readUint64(view, 24) !== 0) throw malformed('bytes that are not zero');
  const segment = decodeSegmentHeader(frame.subarray(headerStart, nameStart));
  const name = textDecoder.decode(frame.subarray(nameStart, start));
  const lastSeq = safeNumber(view, 16);
  checkPlace(name, segment, lastSeq);
  return {
    name,
    segment,
    offset: safeNumber(view, 8),
    bytes: frame.subarray(start),
    endsSegment: flags === flagEndsSegment,
    lastSeq,
  };
}

/** The name decides where the bytes are kept: only one that this segment can have is let in. */
function checkPlace(name: string, segment: SegmentHeader, lastSeq: number): void {
  const place = parseSegmentPath(name);
  if (
    place === null ||
    place.session !== segment.session ||
    place.firstSeq !== segment.firstSeq ||
    (place.lastSeq === null && place.timelineId !== segment.timelineId)
  ) {
    throw malformed('the name of its segment');
  }
  if (lastSeq + 1 < segment.firstSeq || (place.lastSeq !== null && lastSeq > place.lastSeq)) {
    throw malformed('its last record');
  }
}

function safeNumber(view: DataView, at: number): number {
  const value = readUint64(view, at);
  if (!Number.isSafeInteger(value)) throw malformed('a number above 2^53');
  return value;
}

function malformed(what: string): PaminaError {
  return new PaminaError('MESSAGE_INVALID', `a byte frame of the feed is malformed: ${what}`);
}

function tooLarge(bytes: number): PaminaError {
  return new PaminaError(
    'MESSAGE_INVALID',
    `a byte frame carries ${bytes} bytes, more than ${feedChunkBytesMax}`,
    { context: { bytes, bytesMax: feedChunkBytesMax } },
  );
}
