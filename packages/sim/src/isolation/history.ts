// What clients saw of a database, as plain data: transactions with their operations and the times between which
// each of them was done. Whoever runs transactions writes it down; `check.ts` says whether it may have happened.
import type { Isolation, Position, ReadLockMode } from '@pamina/format';

/**
 * Null: nothing was there. A list is what appends made, oldest first. No text is written twice under one key, no
 * element is appended twice to one list, and nothing is deleted, so that each value names who wrote it.
 */
export type Value = string | readonly string[] | null;

/** Milliseconds of one clock for all clients: done somewhen between the two. */
interface Span {
  readonly invokedAt: number;
  readonly answeredAt: number;
}

interface LockedRead {
  /** Of this read; undefined: what the isolation level asks for. */
  readonly lockMode?: ReadLockMode | undefined;
}

export interface PointRead extends Span, LockedRead {
  readonly type: 'read';
  readonly key: string;
  readonly value: Value;
}

/** All that was there of the keys that begin with `prefix`. */
export interface RangeRead extends Span, LockedRead {
  readonly type: 'range';
  readonly prefix: string;
  readonly entries: readonly (readonly [key: string, value: Exclude<Value, null>])[];
}

export interface Write extends Span {
  readonly type: 'write';
  readonly key: string;
  readonly value: string;
}

/** To what the transaction read under the key before, else to what is there. */
export interface Append extends Span {
  readonly type: 'append';
  readonly key: string;
  readonly element: string;
}

/** Only what was answered: an operation that failed did nothing. */
export type Operation = PointRead | RangeRead | Write | Append;

export interface Transaction {
  readonly id: number;
  /** Who ran it. One process runs one transaction at a time. */
  readonly process: string;
  /** `master`, or the name of the replica that it ran on. */
  readonly place: string;
  readonly isolation: Isolation;
  readonly beginInvokedAt: number;
  readonly begunAt: number;
  readonly operations: readonly Operation[];
  /** Null: its commit was never asked for. */
  readonly commitInvokedAt: number | null;
  readonly endedAt: number;
  /** `unknown`: the answer to its commit was lost, or said that nobody knows. */
  readonly outcome: 'ok' | 'fail' | 'unknown';
  /** Of its record, where that is known, by the answer or from the log; who wrote nothing has none. */
  readonly position: Position | null;
  /** The token that its reads held: the last record that they must have seen. */
  readonly after: Position | null;
}

export interface History {
  readonly transactions: readonly Transaction[];
}

export const master = 'master';

export function isWrite(operation: Operation): operation is Write | Append {
  return operation.type === 'write' || operation.type === 'append';
}

export function isWriter({ operations }: Transaction): boolean {
  return operations.some(isWrite);
}
