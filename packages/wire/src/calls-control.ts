// How a connection of calls begins and ends, and what calls are asked with beside keys and values: msgpack, read
// field by field. Unknown fields are let through: a newer peer may say more.

import {
  type FieldReader,
  keyBytesMax,
  nameLengthMax,
  packBytes,
  PaminaError,
  type Position,
  stalenessMsMax,
  type Timeline,
  unpackBytes,
  type ReadLockMode,
  readLockModes,
} from '@pamina/format';
import { Value } from 'typebox/value';
import { callsKind, callsProtocol } from './calls-format.js';
import {
  identityLength,
  readErrorCode,
  readFields,
  readObject,
  readTimelines,
} from './channel-field.js';
import { refusalLengthMax } from './channel-control.js';
import { durabilitySchema, type WriteOptions } from './data-options.js';
import { answerWaitMsMax } from './http-limits.js';
import { type BeginOptions, beginRequest } from './transactions.js';

const databaseTypes = ['normal', 'replica', 'unassigned'] as const;
const controlBytesMax = 1024 * 1024;
const replicasMax = 1000;

/** First message of a client. */
export interface CallsHello {
  readonly type: 'hello';
  readonly protocol: number;
}

/** The answer to it. */
export interface CallsWelcome {
  readonly type: 'welcome';
  readonly protocol: number;
  readonly name: string;
  readonly instance: string;
  readonly databaseType: (typeof databaseTypes)[number];
  readonly timelines: readonly Timeline[];
  readonly position: Position;
}

/** Ends the connection. `code` is one of the error table; unknown ones are kept. */
export interface CallsRefusal {
  readonly type: 'refuse';
  readonly code: string;
  readonly message: string;
  readonly context: Readonly<Record<string, unknown>>;
}

export type CallsControl = CallsHello | CallsWelcome | CallsRefusal;

/** What a read demands of the state that it sees. */
export interface CallDemands {
  readonly after?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxStalenessMs?: number | undefined;
}

export interface CallOptions extends CallDemands {
  readonly durability?: WriteOptions['durability'];
  readonly lockMode?: ReadLockMode | undefined;
}

/** Keys as bytes; of each side at most one bound counts. */
export interface CallRange {
  readonly source: number;
  readonly gt?: Uint8Array | undefined;
  readonly gte?: Uint8Array | undefined;
  readonly lt?: Uint8Array | undefined;
  readonly lte?: Uint8Array | undefined;
  readonly reverse: boolean;
  /** -1 = no limit */
  readonly limit: number;
}

export interface CallIterator extends CallRange {
  readonly keys: boolean;
  readonly values: boolean;
  /** Of one answer, as far as entries allow it. */
  readonly answerBytes: number;
}

export function encodeCallsControl(message: CallsControl): Uint8Array {
  const body = packBytes(message);
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = callsKind.control;
  bytes.set(body, 1);
  return bytes;
}

export function isCallsControl(message: Uint8Array): boolean {
  return message[0] === callsKind.control;
}

/** MESSAGE_INVALID, VERSION_MISMATCH. */
export function decodeCallsHello(message: Uint8Array): CallsHello {
  const fields = controlFields(message, 'hello');
  return { type: 'hello', protocol: readProtocol(fields) };
}

/** What a server says that is no answer. MESSAGE_INVALID, VERSION_MISMATCH. */
export function decodeCallsControl(message: Uint8Array): CallsWelcome | CallsRefusal {
  const fields = controlFields(message, null);
  if (fields.choice('type', ['welcome', 'refuse']) === 'refuse') {
    return {
      type: 'refuse',
      code: readErrorCode(fields, 'code'),
      message: fields.text('message', refusalLengthMax),
      context: readObject(fields, 'context'),
    };
  }
  const protocol = readProtocol(fields);
  const position = readFields(fields.raw('position'));
  return {
    type: 'welcome',
    protocol,
    name: fields.text('name', nameLengthMax),
    instance: fields.hex('instance', identityLength),
    databaseType: fields.choice('databaseType', databaseTypes),
    timelines: readTimelines(fields, 'timelines'),
    position: { timeline: position.uint32('timeline', 1), seq: position.count('seq') },
  };
}

/** MESSAGE_INVALID */
export function readCallOptions(bytes: Uint8Array): CallOptions {
  const fields = readFields(unpackBytes(bytes, 'MESSAGE_INVALID'));
  const durability = fields.raw('durability');
  if (durability !== undefined && !Value.Check(durabilitySchema, durability)) {
    throw fields.invalid('durability');
  }
  const after = fields.raw('after') === undefined ? undefined : fields.text('after', 64);
  return {
    after,
    timeoutMs: countUpTo(fields, 'timeoutMs', answerWaitMsMax),
    maxStalenessMs: countUpTo(fields, 'maxStalenessMs', stalenessMsMax),
    durability,
    lockMode:
      fields.raw('lockMode') === undefined ? undefined : fields.choice('lockMode', readLockModes),
  };
}

/** MESSAGE_INVALID */
export function readRange(bytes: Uint8Array): CallRange {
  return rangeOf(readFields(unpackBytes(bytes, 'MESSAGE_INVALID')));
}

/** MESSAGE_INVALID */
export function readIterator(bytes: Uint8Array): CallIterator {
  const fields = readFields(unpackBytes(bytes, 'MESSAGE_INVALID'));
  return {
    ...rangeOf(fields),
    keys: fields.flag('keys'),
    values: fields.flag('values'),
    answerBytes: fields.uint32('answerBytes', 1),
  };
}

/** MESSAGE_INVALID; REQUEST_INVALID where only what is asked for is wrong. */
export function readBegin(bytes: Uint8Array): BeginOptions {
  const value = unpackBytes(bytes, 'MESSAGE_INVALID');
  if (Value.Check(beginRequest, value)) return value;
  const [first] = Value.Errors(beginRequest, value);
  const where = first?.instancePath ?? '';
  throw new PaminaError('REQUEST_INVALID', `the options of a transaction: ${where} is not allowed`);
}

/** MESSAGE_INVALID */
export function readReplicaNames(bytes: Uint8Array): string[] {
  const fields = readFields(unpackBytes(bytes, 'MESSAGE_INVALID'));
  return fields.list('names', replicasMax).map((name) => {
    if (typeof name !== 'string' || name.length > nameLengthMax) throw fields.invalid('names');
    return name;
  });
}

function rangeOf(fields: FieldReader): CallRange {
  const bound = (name: string): Uint8Array | undefined =>
    fields.raw(name) === undefined ? undefined : fields.bytes(name, keyBytesMax);
  const limit = fields.raw('limit');
  return {
    source: fields.uint32('source'),
    gt: bound('gt'),
    gte: bound('gte'),
    lt: bound('lt'),
    lte: bound('lte'),
    reverse: fields.flag('reverse'),
    limit: limit === -1 ? -1 : fields.count('limit'),
  };
}

function countUpTo(fields: FieldReader, name: string, max: number): number | undefined {
  if (fields.raw(name) === undefined) return undefined;
  const value = fields.count(name);
  if (value > max) throw fields.invalid(name);
  return value;
}

function controlFields(message: Uint8Array, type: 'hello' | null): FieldReader {
  if (!isCallsControl(message) || message.length > controlBytesMax) {
    throw new PaminaError('MESSAGE_INVALID', 'the channel of calls does not begin with a hello');
  }
  const fields = readFields(unpackBytes(message.subarray(1), 'MESSAGE_INVALID'));
  if (type !== null) fields.choice('type', [type]);
  return fields;
}

function readProtocol(fields: FieldReader): number {
  const protocol = fields.uint32('protocol');
  if (protocol === callsProtocol) return protocol;
  throw new PaminaError(
    'VERSION_MISMATCH',
    `the peer speaks version ${protocol} of the channel of calls, this one ${callsProtocol}`,
    { context: { protocol, expected: callsProtocol } },
  );
}
