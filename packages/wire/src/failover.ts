// Changing the master: what is asked, and what is reported, of failover, fence, takeover and rejoin.

import { nameLengthMax } from '@pamina/format';
import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false } as const;
const name = Type.String({ minLength: 1, maxLength: nameLengthMax });
const text = Type.String();
const amount = Type.Number();
const orNullText = Type.Union([text, Type.Null()]);
const milliseconds = Type.Integer({ minimum: 0, maximum: 86_400_000 });

/** How long a replica may take to get the rest of a fenced master's log, unless told otherwise. */
export const failoverTimeoutMsDefault = 30_000;

export const failoverRequest = Type.Object(
  {
    to: Type.Optional(name),
    acceptLoss: Type.Optional(Type.Boolean()),
    timeoutMs: Type.Optional(milliseconds),
    dryRun: Type.Optional(Type.Boolean()),
  },
  strict,
);
export interface FailoverOptions {
  /** The replica that takes over; the most advanced healthy one if it is left out. */
  readonly to?: string | undefined;
  /** Also where another replica has more of the log. */
  readonly acceptLoss?: boolean | undefined;
  /** For the rest of a fenced master's log, in ms. */
  readonly timeoutMs?: number | undefined;
  readonly dryRun?: boolean | undefined;
}

export const fenceRequest = Type.Object({ successor: name }, strict);
export type FenceRequest = Static<typeof fenceRequest>;
export const fenceAnswer = Type.Object({ instance: text, position: text, seq: amount });
/** The end of a master that takes no writes any more. */
export interface FenceAnswer {
  readonly instance: string;
  readonly position: string;
  readonly seq: number;
}

export const takeOverRequest = Type.Object(
  {
    master: name,
    fenced: Type.Union([text, Type.Null()]),
    untilSeq: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
    timeoutMs: milliseconds,
  },
  strict,
);
export interface TakeOverRequest {
  readonly master: string;
  /** Instance of the master that was fenced; null where it could not be reached. */
  readonly fenced: string | null;
  /** Its last record: the replica must have it; null where it is not known. */
  readonly untilSeq: number | null;
  readonly timeoutMs: number;
}

const follower = Type.Object({ name: text, problem: orNullText });
export const takeOverAnswer = Type.Object({
  formerName: text,
  address: orNullText,
  atSeq: amount,
  position: text,
  followers: Type.Array(follower),
  oldMaster: orNullText,
});
export interface TakeOverReport {
  readonly formerName: string;
  readonly address: string | null;
  /** The last record that both histories have. */
  readonly atSeq: number;
  readonly position: string;
  readonly followers: readonly { readonly name: string; readonly problem: string | null }[];
  /** What the old master is called now where it was in the same data folder. */
  readonly oldMaster: string | null;
}

const candidate = Type.Object({
  name: text,
  address: text,
  durable: orNullText,
  seq: Type.Union([amount, Type.Null()]),
  state: text,
  problem: orNullText,
});
/** A replica, and why it cannot take over; null if it can. */
export interface FailoverCandidate {
  readonly name: string;
  readonly address: string;
  readonly durable: string | null;
  readonly seq: number | null;
  readonly state: string;
  readonly problem: string | null;
}

export const failoverAnswer = Type.Object({
  master: text,
  successor: text,
  address: orNullText,
  position: orNullText,
  fenced: Type.Boolean(),
  masterProblem: orNullText,
  lost: Type.Object({ records: amount, isCertain: Type.Boolean() }),
  withoutWriterMs: Type.Union([amount, Type.Null()]),
  candidates: Type.Array(candidate),
  followers: Type.Array(follower),
  oldMaster: orNullText,
  notArchived: Type.Optional(Type.Array(text)),
  dryRun: Type.Boolean(),
});
export interface FailoverReport {
  readonly master: string;
  /** The replica that took over, by the name that it had. */
  readonly successor: string;
  readonly address: string | null;
  /** Where its timeline begins; null in a dry run. */
  readonly position: string | null;
  /** Whether the old master was told to stop first: nothing is lost then. */
  readonly fenced: boolean;
  /** Why it was not. */
  readonly masterProblem: string | null;
  /** Records that the old master is known to have had; with `isCertain` there were no more. */
  readonly lost: { readonly records: number; readonly isCertain: boolean };
  /** From the fence, or from the beginning, until the new master took writes, in ms. */
  readonly withoutWriterMs: number | null;
  readonly candidates: readonly FailoverCandidate[];
  /** Replicas of the successor that were pointed at its new name. */
  readonly followers: readonly { readonly name: string; readonly problem: string | null }[];
  /** What the old master is called now where it was in the same data folder. */
  readonly oldMaster: string | null;
  /** Addresses of archives of the old master, as far as it could be asked, that the new one has not. */
  readonly notArchived?: readonly string[] | undefined;
  readonly dryRun: boolean;
}

export const rejoinRequest = Type.Object(
  {
    as: Type.Optional(name),
    master: Type.Optional(name),
    acceptLoss: Type.Optional(Type.Boolean()),
    dryRun: Type.Optional(Type.Boolean()),
  },
  strict,
);
export interface RejoinOptions {
  /** What the old master is called as a replica; its name with `-old` behind it if left out. */
  readonly as?: string | undefined;
  /** Whom it follows, by default whoever took over its name. */
  readonly master?: string | undefined;
  /** Also where records that no other database has are not in its log any more, and so not in the file. */
  readonly acceptLoss?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
}

export const rejoinAnswer = Type.Object({
  name: text,
  formerName: text,
  master: text,
  forkSeq: amount,
  unshipped: amount,
  rescue: orNullText,
  missing: Type.Optional(
    Type.Union([Type.Object({ fromSeq: amount, toSeq: amount }), Type.Null()]),
  ),
  way: Type.Unsafe<'followed' | 'recreated'>(Type.Enum(['followed', 'recreated'])),
  kept: orNullText,
  dryRun: Type.Boolean(),
});
export interface RejoinReport {
  readonly name: string;
  readonly formerName: string;
  readonly master: string;
  /** The last record that both histories have. */
  readonly forkSeq: number;
  /** Commits behind it, which no other database has. */
  readonly unshipped: number;
  /** File that holds them; null where there are none. */
  readonly rescue: string | null;
  /** Records behind `forkSeq` that its log does not hold any more; left out by older servers. */
  readonly missing?: { readonly fromSeq: number; readonly toSeq: number } | null | undefined;
  /** Whether its own files were gone on with, or built anew from a backup of the master. */
  readonly way: 'followed' | 'recreated';
  /** Where the files of before are kept; null where they were gone on with. */
  readonly kept: string | null;
  readonly dryRun: boolean;
}

export interface FenceStatus {
  /** ms since 1970 */
  readonly since: number;
  readonly successor: string;
  readonly takenOver: boolean;
}

export interface TakeoverStatus {
  readonly of: string;
  readonly formerName: string;
  /** ms since 1970 */
  readonly since: number;
  /** The last record that both have. */
  readonly atSeq: number;
  readonly finished: boolean;
}
