// Transactions of clients elsewhere: begun, named by every call, ended. Each has a lease, which every call renews: a
// client that is gone is noticed by its silence, and what it held is free again.

import {
  type Isolation,
  nameLengthMax,
  type ReadLockMode,
  transactionLeaseMsMax,
  transactionLeaseMsMin,
  transactionTimeoutMsMax,
} from '@pamina/format';
import { type Static, Type } from 'typebox';
import {
  type BatchOperation,
  type Committed,
  durabilitySchema,
  type Entry,
  type EntryRange,
  entryRange,
  isolationSchema,
  keySchema,
  lockModeSchema,
  operationsSchema,
  type WriteOptions,
} from './data-options.js';
import { answerWaitMsMax } from './http-limits.js';

const strict = { additionalProperties: false } as const;
const lockMode = Type.Optional(lockModeSchema);
const milliseconds = (minimum: number, maximum: number) =>
  Type.Optional(Type.Integer({ minimum, maximum }));

export const transactionParameters = Type.Object({
  name: Type.String({ minLength: 1, maxLength: nameLengthMax }),
  transaction: Type.String({ minLength: 1, maxLength: 64 }),
});
export const beginRequest = Type.Object(
  {
    isolation: Type.Optional(isolationSchema),
    lockMode,
    timeoutMs: milliseconds(1, transactionTimeoutMsMax),
    lockTimeoutMs: milliseconds(1, answerWaitMsMax),
    leaseMs: milliseconds(transactionLeaseMsMin, transactionLeaseMsMax),
  },
  strict,
);
export const transactionGetRequest = Type.Object({ key: keySchema, lockMode }, strict);
export const transactionPutRequest = Type.Object({ key: keySchema, value: Type.String() }, strict);
export const transactionDelRequest = Type.Object({ key: keySchema }, strict);
export const transactionBatchRequest = Type.Object({ operations: operationsSchema }, strict);
export const transactionRangeRequest = Type.Object({ ...entryRange, lockMode }, strict);
export const transactionCommitRequest = Type.Object(
  { durability: Type.Optional(durabilitySchema) },
  strict,
);
export const nothingRequest = Type.Object({}, strict);

export const transactionAnswer = Type.Object({
  id: Type.String(),
  isolation: isolationSchema,
  leaseMs: Type.Number(),
});

export type BeginRequest = Static<typeof beginRequest>;
export type TransactionGetRequest = Static<typeof transactionGetRequest>;
export type TransactionPutRequest = Static<typeof transactionPutRequest>;
export type TransactionDelRequest = Static<typeof transactionDelRequest>;
export type TransactionBatchRequest = Static<typeof transactionBatchRequest>;
export type TransactionRangeRequest = Static<typeof transactionRangeRequest>;
export type TransactionCommitRequest = Static<typeof transactionCommitRequest>;

export interface BeginOptions {
  /** What reads may see of others meanwhile. Default `serializable`. */
  readonly isolation?: Isolation | undefined;
  /** Of reads that do not say so themselves. Default: what the isolation level asks for. */
  readonly lockMode?: ReadLockMode | undefined;
  /** How long it may be open; then it is rolled back with TRANSACTION_TIMEOUT. Default 5 minutes. */
  readonly timeoutMs?: number | undefined;
  /** How long one of its calls waits for a lock; then the call fails with LOCK_TIMEOUT. Default 10 s. */
  readonly lockTimeoutMs?: number | undefined;
  /** How long nothing may be heard of it; then it is rolled back with TRANSACTION_LEASE_EXPIRED. Default 30 s. */
  readonly leaseMs?: number | undefined;
}

export interface BegunTransaction {
  /** Names it in every call; nobody can guess it. */
  readonly id: string;
  readonly isolation: Isolation;
  readonly leaseMs: number;
}

export interface TransactionReadOptions {
  /** Of this read. */
  readonly lockMode?: ReadLockMode | undefined;
}

/**
 * `name` is a database that is online, `id` a transaction begun there. All reject with how the transaction ended
 * once it has (TRANSACTION_LEASE_EXPIRED, TRANSACTION_TIMEOUT, DEADLOCK, TRANSACTION_OVER), and with
 * TRANSACTION_NOT_FOUND when that is forgotten: as long after its end as its lease is.
 */
export interface TransactionCalls {
  /** TRANSACTIONS_FULL, REPLICA_READ_ONLY, DATABASE_OFFLINE. */
  begin(name: string, options?: BeginOptions): Promise<BegunTransaction>;
  /** KEY_NOT_FOUND when there is no such key. LOCK_TIMEOUT. */
  get(name: string, id: string, key: string, options?: TransactionReadOptions): Promise<string>;
  /** Locks the document; written at the commit. LOCK_TIMEOUT. */
  put(name: string, id: string, key: string, value: string): Promise<void>;
  del(name: string, id: string, key: string): Promise<void>;
  /** All operations or none become part of the transaction. */
  batch(name: string, id: string, operations: readonly BatchOperation[]): Promise<void>;
  /** In key order, with what the transaction has written itself. A reader that stops reading is not heard of. */
  range(
    name: string,
    id: string,
    options?: EntryRange & TransactionReadOptions,
  ): AsyncIterable<Entry>;
  /** It is still wanted. */
  renew(name: string, id: string): Promise<BegunTransaction>;
  /**
   * One record; where nothing was written none, and the position of the present state. Asked again it says how it
   * ended. WRITE_CONFLICT, REPLICAS_UNCONFIRMED.
   */
  commit(name: string, id: string, options?: WriteOptions): Promise<Committed>;
  /** Leaves nothing behind; once more does nothing. TRANSACTION_OVER if it was committed. */
  rollback(name: string, id: string): Promise<void>;
}
