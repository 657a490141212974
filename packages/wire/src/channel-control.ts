// Control messages of the replication channel as bytes: one byte frame type, then msgpack.
// Unknown fields are let through: a newer peer may say more.

import {
  type FieldReader,
  nameLengthMax,
  packBytes,
  PaminaError,
  replicationDelayMsMax,
  unpackBytes,
  wireMessageBytesMax,
} from '@pamina/format';
import {
  identityLength,
  readCountIfPresent,
  readErrorCode,
  readFields,
  readObject,
  readPoint,
  readSegmentOrNull,
  readTimelines,
} from './channel-field.js';
import {
  channelFrame,
  type ChannelMessage,
  channelProtocol,
  type FeedMessage,
  type FollowerMessage,
} from './channel-message.js';

type Reader<M extends ChannelMessage> = (fields: FieldReader) => M;
type Readers<M extends ChannelMessage> = {
  readonly [T in M['type']]: Reader<Extract<M, { type: T }>>;
};

const messageTypeLengthMax = 32;
/** 64 random bits. */
const runLength = 16;
/** Of a refusal; longer ones are cut by their sender. */
export const refusalLengthMax = 2048;

const followerReaders: Readers<FollowerMessage> = {
  hello: (fields) => ({
    type: 'hello',
    protocol: fields.uint32('protocol'),
    formatVersion: fields.uint32('formatVersion'),
    database: fields.text('database', nameLengthMax),
    replica: fields.text('replica', nameLengthMax),
    instance: fields.hex('instance', identityLength),
    run: fields.raw('run') === undefined ? undefined : fields.hex('run', runLength),
    pattern: fields.isNull('pattern') ? null : fields.hex('pattern', identityLength),
    timelines: readTimelines(fields, 'timelines'),
    point: readPoint(fields, 'point'),
    segment: readSegmentOrNull(fields, 'segment'),
    simultaneousQuery: fields.flag('simultaneousQuery'),
  }),
  request: (fields) => ({
    type: 'request',
    bytes: fields.uint32('bytes'),
    wait: fields.flag('wait'),
  }),
  report: (fields) => ({
    type: 'report',
    received: fields.count('received'),
    durable: fields.count('durable'),
    applied: fields.count('applied'),
    oldest: readCountIfPresent(fields, 'oldest'),
  }),
  query: (fields) => ({
    type: 'query',
    replica: fields.text('replica', nameLengthMax),
    simultaneousQuery: fields.flag('simultaneousQuery'),
  }),
  goodbye: () => ({ type: 'goodbye' }),
};

const feedReaders: Readers<FeedMessage> = {
  welcome: (fields) => ({
    type: 'welcome',
    protocol: fields.uint32('protocol'),
    instance: fields.hex('instance', identityLength),
    name: fields.text('name', nameLengthMax),
    timelines: readTimelines(fields, 'timelines'),
    point: readPoint(fields, 'point'),
    replicationDelayMs: readDelay(fields),
    time: fields.count('time'),
    lockData: fields.flag('lockData'),
  }),
  refuse: (fields) => ({
    type: 'refuse',
    code: readErrorCode(fields, 'code'),
    message: fields.text('message', refusalLengthMax),
    context: readObject(fields, 'context'),
  }),
  end: (fields) => ({
    type: 'end',
    point: readPoint(fields, 'point'),
    time: fields.count('time'),
  }),
  heartbeat: (fields) => ({
    type: 'heartbeat',
    point: readPoint(fields, 'point'),
    time: fields.count('time'),
    logBytes: readCountIfPresent(fields, 'logBytes'),
    replicationDelayMs: readDelay(fields),
    behindMs: fields.isNull('behindMs') ? null : readCountIfPresent(fields, 'behindMs'),
    isAwaited: fields.raw('isAwaited') === undefined ? undefined : fields.flag('isAwaited'),
  }),
};

function readDelay(fields: FieldReader): number {
  const delay = fields.count('replicationDelayMs');
  if (delay > replicationDelayMsMax) throw fields.invalid('replicationDelayMs');
  return delay;
}

/** Frame type and msgpack. MESSAGE_INVALID when it would exceed `wireMessageBytesMax`. */
export function encodeChannelMessage(message: ChannelMessage): Uint8Array {
  const body = packBytes(message);
  if (body.length + 1 > wireMessageBytesMax) {
    throw new PaminaError(
      'MESSAGE_INVALID',
      `a ${message.type} message of ${body.length} bytes is larger than ${wireMessageBytesMax}`,
      { context: { type: message.type, bytes: body.length } },
    );
  }
  const frame = new Uint8Array(body.length + 1);
  frame[0] = channelFrame.control;
  frame.set(body, 1);
  return frame;
}

/** What a feed may hear. Throws MESSAGE_INVALID, or VERSION_MISMATCH for a newer protocol's hello. */
export function decodeFollowerMessage(frame: Uint8Array): FollowerMessage {
  return decode(frame, followerReaders);
}

/** What a follower may hear beside byte frames. Throws MESSAGE_INVALID or VERSION_MISMATCH. */
export function decodeFeedMessage(frame: Uint8Array): FeedMessage {
  return decode(frame, feedReaders);
}

function decode<M extends ChannelMessage>(frame: Uint8Array, readers: Readers<M>): M {
  if (frame.length > wireMessageBytesMax || frame[0] !== channelFrame.control) {
    throw new PaminaError('MESSAGE_INVALID', 'replication message: not a control frame', {
      context: { bytes: frame.length, frame: frame[0] ?? null },
    });
  }
  const fields = readFields(unpackBytes(frame.subarray(1), 'MESSAGE_INVALID'));
  const type = fields.text('type', messageTypeLengthMax);
  if (!Object.hasOwn(readers, type)) {
    throw new PaminaError('MESSAGE_INVALID', `no replication message is called ${type}`, {
      context: { type },
    });
  }
  const read = readers[type as M['type']] as Reader<M>;
  try {
    return read(fields);
  } catch (error) {
    throw versionMismatch(fields) ?? error;
  }
}

/** A message that cannot be read because its peer speaks another protocol says so, not "invalid". */
function versionMismatch(fields: FieldReader): PaminaError | null {
  const protocol = fields.raw('protocol');
  if (typeof protocol !== 'number' || protocol === channelProtocol) return null;
  return new PaminaError(
    'VERSION_MISMATCH',
    `the peer speaks version ${protocol} of the replication protocol, this one ${channelProtocol}`,
    { context: { protocol, expected: channelProtocol } },
  );
}
