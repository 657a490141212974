// Bodies of the control records: small documents, checked field by field when they are read.
import { packBytes, unpackBytes } from './codec.js';
import { FieldReader } from './fields.js';
import { backupIdLengthMax, nameLengthMax, tagLengthMax, versionLengthMax } from './limits.js';
import { namePattern, tagPattern } from './name.js';
import { PaminaError, isPaminaError } from './pamina-error.js';
import { RecordKind } from './record.js';
import { validateTimelines, type Timeline } from './timeline.js';

/** Starts a log space: who writes, in which session, on which history. */
export interface SessionBody {
  readonly session: number;
  /** Identification pattern, 32 lowercase hex digits. */
  readonly pattern: string;
  readonly timelines: readonly Timeline[];
  /** Instance id of the writer, 32 lowercase hex digits. */
  readonly instance: string;
  readonly name: string;
  /** At least one permitted replica has simultaneous query. */
  readonly lockData: boolean;
  /** Version of Pamina that writes. */
  readonly version: string;
}

/** Stands exactly at the position of a backup. */
export interface MarkBody {
  readonly backup: string;
  readonly tag: string | null;
  /** There where no audit of the state here will follow. */
  readonly audit?: false | undefined;
}

/** The state hash of the backup whose mark is record `seq`. */
export interface AuditBody {
  readonly backup: string;
  readonly seq: number;
  /** sha256, 64 lowercase hex digits. */
  readonly stateHash: string;
}

/** Proves to an archive that nothing was committed before its time. */
export type HeartbeatBody = Readonly<Record<string, never>>;

export interface ControlBodies {
  readonly [RecordKind.session]: SessionBody;
  readonly [RecordKind.mark]: MarkBody;
  readonly [RecordKind.audit]: AuditBody;
  readonly [RecordKind.heartbeat]: HeartbeatBody;
}
export type ControlKind = keyof ControlBodies;

export const backupIdPattern = /^[0-9a-z][0-9a-z-]*$/;
export const patternLength = 32;
const instanceLength = 32;
export const stateHashLength = 64;

/** Throws BODY_INVALID if the body would not decode again. */
export function encodeBody<K extends ControlKind>(kind: K, body: ControlBodies[K]): Uint8Array {
  return packBytes(readBody(kind, body));
}

/** Throws BODY_INVALID. */
export function decodeBody<K extends ControlKind>(kind: K, bytes: Uint8Array): ControlBodies[K] {
  return readBody(kind, unpackBytes(bytes, 'BODY_INVALID'));
}

function readBody<K extends ControlKind>(kind: K, value: unknown): ControlBodies[K] {
  const reader: ((fields: FieldReader) => ControlBodies[K]) | undefined = readers[kind];
  if (reader === undefined) {
    throw new PaminaError('BODY_INVALID', `records of kind ${kind} have no control body`);
  }
  return reader(new FieldReader(value, 'BODY_INVALID', 'the body of a control record'));
}

const readers: { readonly [K in ControlKind]: (fields: FieldReader) => ControlBodies[K] } = {
  [RecordKind.session]: (fields) => ({
    session: fields.uint32('session', 1),
    pattern: fields.hex('pattern', patternLength),
    timelines: readTimelines(fields),
    instance: fields.hex('instance', instanceLength),
    name: fields.text('name', nameLengthMax, namePattern),
    lockData: fields.flag('lockData'),
    version: fields.text('version', versionLengthMax),
  }),
  [RecordKind.mark]: (fields) => ({
    backup: fields.text('backup', backupIdLengthMax, backupIdPattern),
    tag: fields.isNull('tag') ? null : fields.text('tag', tagLengthMax, tagPattern),
    // Older ones say nothing, and an audit may follow.
    ...(fields.raw('audit') === undefined || fields.flag('audit') ? {} : { audit: false }),
  }),
  [RecordKind.audit]: (fields) => ({
    backup: fields.text('backup', backupIdLengthMax, backupIdPattern),
    seq: fields.count('seq'),
    stateHash: fields.hex('stateHash', stateHashLength),
  }),
  [RecordKind.heartbeat]: () => ({}),
};

function readTimelines(fields: FieldReader): Timeline[] {
  try {
    return validateTimelines(fields.raw('timelines'));
  } catch (cause) {
    if (!isPaminaError(cause, 'TIMELINES_INVALID')) throw cause;
    throw new PaminaError('BODY_INVALID', `a session record: ${cause.message}`, { cause });
  }
}
