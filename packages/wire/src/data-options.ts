// What a write may wait for and a read may demand, for administrations and over HTTP: the durability of a
// commit, the position and the age of the state that is read.

import {
  stalenessMsMax,
  synchronousReplicasMax,
  synchronousTimeoutMsMax,
  synchronousTimeoutMsMin,
  nameLengthMax,
} from '@pamina/format';
import { Type } from 'typebox';
import { answerWaitMsMax } from './http-limits.js';

const strict = { additionalProperties: false } as const;
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
