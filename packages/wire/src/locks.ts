// What is told of locks: who holds them, what the log carries of them, and how queries and replay get along.
import { type TSchema, Type } from 'typebox';

export interface LockDataStatus {
  /** A permitted replica has simultaneous query on. */
  readonly inLog: boolean;
  /** Since it is online. */
  readonly records: number;
  readonly bytes: number;
}

export interface QueriesStatus {
  /** Whether the log says what the master has locked; null before the first query that would wait for it. */
  readonly lockData: boolean | null;
  /** Transactions that read. */
  readonly open: number;
  /** How often replay had to wait for them since it is online, and for how long. */
  readonly replayWaits: number;
  readonly replayWaitedMs: number;
  /** Ended for the replay. */
  readonly cancelled: number;
  /** So long replay waits for one. */
  readonly maxReplayWaitMs: number;
}

/** A lock that is held, or waited for. */
export interface LockSummary {
  readonly transaction: number;
  /** On a replica `master`: a transaction of the master, with its number there. */
  readonly origin: 'here' | 'master';
  readonly level: 'database' | 'collection' | 'document';
  readonly name: string;
  readonly mode: string;
  /** Null: it is held. */
  readonly waitingMs: number | null;
}

const amount = Type.Number();
const oneOf = <T extends string>(...values: T[]) => Type.Unsafe<T>(Type.Enum(values));
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const lockDataAnswer = Type.Object({
  inLog: Type.Boolean(),
  records: amount,
  bytes: amount,
});
export const queriesAnswer = Type.Object({
  lockData: orNull(Type.Boolean()),
  open: amount,
  replayWaits: amount,
  replayWaitedMs: amount,
  cancelled: amount,
  maxReplayWaitMs: amount,
});
export const locksAnswer = Type.Array(
  Type.Object({
    transaction: amount,
    origin: oneOf('here', 'master'),
    level: oneOf('database', 'collection', 'document'),
    name: Type.String(),
    mode: Type.String(),
    waitingMs: orNull(amount),
  }),
);
