// What a restore is asked for and what it says: plan and result have one shape, so that a dry run
// prints what the run will do.
import { type Static, Type } from 'typebox';
import { nameLengthMax, tagLengthMax } from '@pamina/format';
import { sourceLengthMax } from './http-limits.js';

const place = Type.String({ minLength: 1, maxLength: sourceLengthMax });
const amount = Type.Number();
const text = Type.String();
const orNull = <T extends ReturnType<typeof Type.Number> | ReturnType<typeof Type.String>>(
  schema: T,
) => Type.Union([schema, Type.Null()]);

/** At most one of `recover`, `untilPosition`, `untilTime` and `untilTag`; without any `recover` is `all`. */
export const restoreRequest = Type.Object(
  {
    /** Id or tag, or folder or URL of a backup; the best one for the target if it is left out. */
    backup: Type.Optional(place),
    /** Folder, archive or `pamina://NAME` to take from; without it what the database itself has. */
    from: Type.Optional(place),
    /** For an archive: files where the server runs, with an identity of age and with access keys. */
    identityFile: Type.Optional(place),
    credentialsFile: Type.Optional(place),
    recover: Type.Optional(Type.Union([Type.Literal('all'), Type.Literal('none')])),
    untilPosition: Type.Optional(Type.String({ maxLength: 64 })),
    /** ms since 1970 */
    untilTime: Type.Optional(Type.Number()),
    untilTag: Type.Optional(Type.String({ minLength: 1, maxLength: tagLengthMax })),
    /** Name of the copy that is made, while the database itself stays as it is. */
    as: Type.Optional(Type.String({ minLength: 1, maxLength: nameLengthMax })),
    /** Nothing is written: the answer is the plan. */
    dryRun: Type.Optional(Type.Boolean()),
    /** A database that is online is stopped for it. */
    stop: Type.Optional(Type.Boolean()),
    /** What the restored one replaces is removed, and not kept. */
    discardOld: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
type RestoreRequest = Static<typeof restoreRequest>;
export type RestoreOptions = {
  readonly [K in keyof RestoreRequest]?: RestoreRequest[K] | undefined;
};

export const restoreAnswer = Type.Object({
  /** Name of the database that is restored to. */
  name: text,
  dryRun: Type.Boolean(),
  /**
   * `new`: there was none of this name; `recovered`: the store built anew through the end of the log,
   * which stays; `replaced`: another database stands in the old one's place.
   */
  how: Type.Unsafe<'new' | 'recovered' | 'replaced'>(Type.Enum(['new', 'recovered', 'replaced'])),
  backup: text,
  /** Where backup and log are read from. */
  from: text,
  backupPosition: text,
  backupBytes: amount,
  /** Log that is replayed, in the order of its records. */
  log: Type.Array(
    Type.Object({ file: text, source: text, fromSeq: amount, toSeq: amount, bytes: amount }),
  ),
  logBytes: amount,
  records: amount,
  position: text,
  /** Commit time of the last record, ms since 1970. */
  time: amount,
  /** Whether the database goes on with the timeline that it was on. */
  keepsTimeline: Type.Boolean(),
  /** Where what was replaced is kept; null when nothing was, and in a dry run. */
  kept: orNull(text),
  stateHash: orNull(text),
  /** The hash was recorded at this position, and is the same. */
  proven: Type.Boolean(),
});
export type RestoreReport = Static<typeof restoreAnswer>;
