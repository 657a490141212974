// Bodies of lock data: what the transactions of a master hold exclusively, so that a replica can tell which
// documents are about to change. Names are the bytes of keys, as they stand in the store without their prefix.
import { packBytes, unpackBytes } from './codec.js';
import { FieldReader } from './fields.js';
import { locksMax, storeKeyBytesMax, transactionsMax } from './limits.js';
import { RecordKind } from './record.js';

/** What is held exclusively; a level that is left out holds nothing. */
export interface LockedNames {
  /** The whole database. */
  readonly database?: true | undefined;
  readonly collections?: readonly Uint8Array[] | undefined;
  readonly documents?: readonly Uint8Array[] | undefined;
}

/**
 * A transaction holds this beside what it held before. With `commits` it holds nothing any more: what it wrote is
 * the next commit.
 */
export interface LockBody extends LockedNames {
  /** Its number, unique in the session. */
  readonly transaction: number;
  readonly commits?: true | undefined;
}

/** A transaction was rolled back and holds nothing any more. */
export interface AbortBody {
  readonly transaction: number;
}

/** All that is held: what a segment begins with, unless nothing is. */
export interface LocksBody {
  readonly held: readonly LockBody[];
  /** The next record goes on with it. */
  readonly more?: true | undefined;
}

export interface LockBodies {
  readonly [RecordKind.lock]: LockBody;
  readonly [RecordKind.abort]: AbortBody;
  readonly [RecordKind.locks]: LocksBody;
}
export type LockKind = keyof LockBodies;

export function isLockKind(kind: number): kind is LockKind {
  return kind === RecordKind.lock || kind === RecordKind.abort || kind === RecordKind.locks;
}

/** Throws BODY_INVALID if the body would not decode again. */
export function encodeLockBody<K extends LockKind>(kind: K, body: LockBodies[K]): Uint8Array {
  return packBytes(readBody(kind, body));
}

/** Throws BODY_INVALID. */
export function decodeLockBody<K extends LockKind>(kind: K, bytes: Uint8Array): LockBodies[K] {
  return readBody(kind, unpackBytes(bytes, 'BODY_INVALID'));
}

function readBody<K extends LockKind>(kind: K, value: unknown): LockBodies[K] {
  const reader: (fields: FieldReader) => LockBodies[K] = readers[kind];
  return reader(fieldsOf(value));
}

const readers: { readonly [K in LockKind]: (fields: FieldReader) => LockBodies[K] } = {
  [RecordKind.lock]: readLock,
  [RecordKind.abort]: (fields) => ({ transaction: fields.count('transaction', 1) }),
  [RecordKind.locks]: (fields) => ({
    held: fields.list('held', transactionsMax).map((one) => readLock(fieldsOf(one))),
    ...readTrue(fields, 'more'),
  }),
};

function readLock(fields: FieldReader): LockBody {
  return {
    transaction: fields.count('transaction', 1),
    ...readTrue(fields, 'database'),
    ...readNames(fields, 'collections'),
    ...readNames(fields, 'documents'),
    ...readTrue(fields, 'commits'),
  };
}

function readTrue<N extends string>(fields: FieldReader, name: N): Partial<Record<N, true>> {
  if (fields.raw(name) === undefined) return {};
  if (!fields.flag(name)) throw fields.invalid(name);
  return { [name]: true } as Partial<Record<N, true>>;
}

function readNames<N extends string>(
  fields: FieldReader,
  name: N,
): Partial<Record<N, readonly Uint8Array[]>> {
  if (fields.raw(name) === undefined) return {};
  const names = fields.list(name, locksMax).map((one) => {
    const isName = one instanceof Uint8Array && one.length <= storeKeyBytesMax;
    if (!isName) throw fields.invalid(name);
    return one;
  });
  return { [name]: names } as unknown as Partial<Record<N, readonly Uint8Array[]>>;
}

function fieldsOf(value: unknown): FieldReader {
  return new FieldReader(value, 'BODY_INVALID', 'lock data');
}
