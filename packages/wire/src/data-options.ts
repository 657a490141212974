// What a write may wait for and a read may demand, for administrations and over HTTP: the durability of a
// commit, the position and the age of the state that is read.

import {
  isolationLevels,
  type Isolation,
  keyBytesMax,
  readLockModes,
  type ReadLockMode,
  stalenessMsMax,
  synchronousReplicasMax,
  synchronousTimeoutMsMax,
  synchronousTimeoutMsMin,
  nameLengthMax,
} from '@pamina/format';
import { type Static, Type } from 'typebox';
import { answerWaitMsMax, batchOperationsMax } from './http-limits.js';

const strict = { additionalProperties: false } as const;
const oneOf = <T extends string>(values: readonly T[]) => Type.Unsafe<T>(Type.Enum([...values]));
const names = Type.Array(Type.String({ minLength: 1, maxLength: nameLengthMax }), {
  minItems: 1,
  maxItems: synchronousReplicasMax,
});

export const durabilitySchema = Type.Union([
  Type.Literal('disk'),
  Type.Literal('memory'),
  Type.Object(
    {
      replicas: Type.Integer({ minimum: 1, maximum: synchronousReplicasMax }),
      names: Type.Optional(names),
      policy: Type.Optional(Type.Union([Type.Literal('wait'), Type.Literal('degrade')])),
      timeoutMs: Type.Optional(
        Type.Integer({ minimum: synchronousTimeoutMsMin, maximum: synchronousTimeoutMsMax }),
      ),
    },
    strict,
  ),
]);

export const readDemands = {
  /** A position, such as that of a commit on the master: waited for. */
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  /** How long it is waited for, ms. */
  timeoutMs: Type.Optional(Type.Integer({ minimum: 0, maximum: answerWaitMsMax })),
  maxStalenessMs: Type.Optional(Type.Integer({ minimum: 0, maximum: stalenessMsMax })),
};

/** In characters, of which each has at least one byte; the engine holds the bytes against its limit. */
export const keySchema = Type.String({ maxLength: keyBytesMax });
export const operationsSchema = Type.Array(
  Type.Object(
    {
      type: Type.Union([Type.Literal('put'), Type.Literal('del')]),
      key: keySchema,
      value: Type.Optional(Type.String()),
    },
    strict,
  ),
  { minItems: 1, maxItems: batchOperationsMax },
);
export const isolationSchema = oneOf(isolationLevels);
export const lockModeSchema = oneOf(readLockModes);

export const entryRange = {
  prefix: Type.Optional(keySchema),
  gt: Type.Optional(keySchema),
  gte: Type.Optional(keySchema),
  lt: Type.Optional(keySchema),
  lte: Type.Optional(keySchema),
  reverse: Type.Optional(Type.Boolean()),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
};
export const queryRequest = Type.Object(
  {
    ...entryRange,
    ...readDemands,
    isolation: Type.Optional(isolationSchema),
    lockMode: Type.Optional(lockModeSchema),
  },
  strict,
);
export type QueryRequest = Static<typeof queryRequest>;

export interface Entry {
  readonly key: string;
  readonly value: string;
}

export interface ExportOptions {
  /** Only entries whose key begins so. */
  readonly prefix?: string | undefined;
}

export interface BatchOperation {
  readonly type: 'put' | 'del';
  readonly key: string;
  /** Needed by `put`. */
  readonly value?: string | undefined;
}

export interface Committed {
  readonly position: string;
}

export interface ImportReport {
  readonly entries: number;
  /** Position of the last commit of the import. */
  readonly position: string;
}

/** So many replicas have the commit on their disks; what is left out is as the database has it. */
export interface ReplicatedDurability {
  readonly replicas: number;
  /** Those that count; none = every permitted one. */
  readonly names?: readonly string[] | undefined;
  /** When they do not confirm: wait on, or go on without them after `timeoutMs`, loudly. */
  readonly policy?: 'wait' | 'degrade' | undefined;
  readonly timeoutMs?: number | undefined;
}

/** `durability`: what is waited for; without it what the database's settings say. */
export interface WriteOptions {
  readonly durability?: 'disk' | 'memory' | ReplicatedDurability | undefined;
}

/** POSITION_TIMEOUT, POSITION_LOST, REPLICA_STALE where it cannot be had. */
export interface GetOptions {
  readonly after?: string | undefined;
  readonly timeoutMs?: number | undefined;
  readonly maxStalenessMs?: number | undefined;
}

/** Which entries, in the order of their keys; all of what is given holds. */
export interface EntryRange {
  /** Only entries whose key begins so. */
  readonly prefix?: string | undefined;
  readonly gt?: string | undefined;
  readonly gte?: string | undefined;
  readonly lt?: string | undefined;
  readonly lte?: string | undefined;
  /** The last one first. */
  readonly reverse?: boolean | undefined;
  readonly limit?: number | undefined;
}

export interface QueryOptions extends EntryRange, GetOptions {
  /** What the read may see of others meanwhile. Default `snapshot`, which never waits. */
  readonly isolation?: Isolation | undefined;
  /** Default: what the isolation level asks for. */
  readonly lockMode?: ReadLockMode | undefined;
  /** Ends it, also while it waits for a lock. */
  readonly signal?: AbortSignal | undefined;
}

/** What the commits of a database wait for that do not say it themselves, and how that goes. */
export interface SynchronousSummary {
  /** 0 = no replica. */
  readonly replicas: number;
  /** Those that count; none = every permitted one. */
  readonly names: readonly string[];
  readonly policy: 'wait' | 'degrade';
  readonly timeoutMs: number;
  readonly state: 'off' | 'synchronous' | 'degraded';
  /** Since when commits are acknowledged without their replicas, ms since 1970. */
  readonly since: number | null;
  /** Commits that wait at this moment. */
  readonly waiting: number;
  /** Commits acknowledged without their replicas since the database went online. */
  readonly unreplicated: number;
}
