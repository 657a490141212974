// What a restore is asked for and what it says: plan and result have one shape, so that a dry run
// prints what the run will do.
import { Type } from 'typebox';
import { nameLengthMax, tagLengthMax } from '@pamina/format';
import { sourceLengthMax } from './http-limits.js';

const place = Type.String({ minLength: 1, maxLength: sourceLengthMax });
const amount = Type.Number();
const text = Type.String();
const orNull = <T extends ReturnType<typeof Type.Number> | ReturnType<typeof Type.String>>(
  schema: T,
) => Type.Union([schema, Type.Null()]);

/** At most one of `recover`, `untilPosition`, `untilTime` and `untilTag`; without any `recover` is `all`. */
export interface RestoreOptions {
  /** Id or tag, or folder or URL of a backup; the best one for the target if it is left out. */
  readonly backup?: string | undefined;
  /**
   * Folder, archive (its address, or the name that the database gave it: a word without a slash) or `pamina://NAME`
   * to take from; without it what the database itself has.
   */
  readonly from?: string | undefined;
  /** For an archive: files where the server runs, with an identity of age and with access keys. */
  readonly identityFile?: string | undefined;
  readonly credentialsFile?: string | undefined;
  readonly recover?: 'all' | 'none' | undefined;
  readonly untilPosition?: string | undefined;
  /** ms since 1970 */
  readonly untilTime?: number | undefined;
  readonly untilTag?: string | undefined;
  /** Name of the copy that is made, while the database itself stays as it is. */
  readonly as?: string | undefined;
  /** Nothing is written: the answer is the plan. */
  readonly dryRun?: boolean | undefined;
  /** A database that is online is stopped for it. */
  readonly stop?: boolean | undefined;
  /** What the restored one replaces is removed, and not kept. */
  readonly discardOld?: boolean | undefined;
}

export interface RestoreReport {
  /** Name of the database that is restored to. */
  readonly name: string;
  readonly dryRun: boolean;
  /**
   * `new`: there was none of this name; `recovered`: the store built anew through the end of the log,
   * which stays; `replaced`: another database stands in the old one's place.
   */
  readonly how: 'new' | 'recovered' | 'replaced';
  readonly backup: string;
  /** Where backup and log are read from. */
  readonly from: string;
  readonly backupPosition: string;
  readonly backupBytes: number;
  /** Log that is replayed, in the order of its records. */
  readonly log: readonly RestoredLog[];
  readonly logBytes: number;
  readonly records: number;
  readonly position: string;
  /** Commit time of the last record, ms since 1970. */
  readonly time: number;
  /** Whether the database goes on with the timeline that it was on. */
  readonly keepsTimeline: boolean;
  /** Where what was replaced is kept; null when nothing was, and in a dry run. */
  readonly kept: string | null;
  readonly stateHash: string | null;
  /** The hash was recorded at this position, and is the same. */
  readonly proven: boolean;
}

interface RestoredLog {
  readonly file: string;
  readonly source: string;
  readonly fromSeq: number;
  readonly toSeq: number;
  readonly bytes: number;
}

export const restoreRequest = Type.Object(
  {
    backup: Type.Optional(place),
    from: Type.Optional(place),
    identityFile: Type.Optional(place),
    credentialsFile: Type.Optional(place),
    recover: Type.Optional(Type.Union([Type.Literal('all'), Type.Literal('none')])),
    untilPosition: Type.Optional(Type.String({ maxLength: 64 })),
    untilTime: Type.Optional(Type.Number()),
    untilTag: Type.Optional(Type.String({ minLength: 1, maxLength: tagLengthMax })),
    as: Type.Optional(Type.String({ minLength: 1, maxLength: nameLengthMax })),
    dryRun: Type.Optional(Type.Boolean()),
    stop: Type.Optional(Type.Boolean()),
    discardOld: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

export const restoreAnswer = Type.Object({
  name: text,
  dryRun: Type.Boolean(),
  how: Type.Unsafe<RestoreReport['how']>(Type.Enum(['new', 'recovered', 'replaced'])),
  backup: text,
  from: text,
  backupPosition: text,
  backupBytes: amount,
  log: Type.Array(
    Type.Object({ file: text, source: text, fromSeq: amount, toSeq: amount, bytes: amount }),
  ),
  logBytes: amount,
  records: amount,
  position: text,
  time: amount,
  keepsTimeline: Type.Boolean(),
  kept: orNull(text),
  stateHash: orNull(text),
  proven: Type.Boolean(),
});
