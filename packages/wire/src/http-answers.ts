// What the HTTP administration answers: one schema a result. The client checks every answer, since
// what listens at an address of the directory need not be what was expected. Unknown properties are
// let through: a newer server may say more.

import { type TSchema, Type } from 'typebox';
import { lockDataAnswer, queriesAnswer } from './locks.js';

const text = Type.String();
const amount = Type.Number();
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const oneOf = <T extends string>(...values: T[]) => Type.Unsafe<T>(Type.Enum(values));

const databaseType = oneOf('normal', 'replica', 'unassigned');
const databaseState = oneOf(
  'open',
  'failed',
  'offline',
  'connecting',
  'catching-up',
  'streaming',
  'waiting',
  'delayed',
  'paused',
  'read-only',
  'disconnected',
  'pattern-mismatch',
  'not-permitted',
  'diverged',
  'log-gone',
  'version-mismatch',
  'clone',
);
const lag = Type.Object({
  records: orNull(amount),
  bytes: orNull(amount),
  seconds: orNull(amount),
});
const lags = Type.Object({ received: lag, durable: lag, applied: lag });
const timeline = Type.Object({
  timeline: amount,
  id: text,
  forkedFrom: orNull(text),
  atSeq: amount,
  why: text,
});

export const serverAnswer = Type.Object({
  product: Type.Literal('pamina'),
  instance: text,
  startedAt: amount,
  tls: Type.Optional(Type.Object({ expiresAt: amount })),
});
/** Who answers at an address; told to anybody, so it says no more than that. */
export interface ServerAnswer {
  readonly product: 'pamina';
  /** Random, of one run of the server. */
  readonly instance: string;
  /** ms since 1970. */
  readonly startedAt: number;
  /** Of a server with TLS: how long its certificate is valid, ms since 1970. */
  readonly tls?: { readonly expiresAt: number } | undefined;
}

const fenceStatus = Type.Optional(
  orNull(Type.Object({ since: amount, successor: text, takenOver: Type.Boolean() })),
);
const summaryAnswer = Type.Object({
  name: text,
  type: databaseType,
  online: Type.Boolean(),
  state: databaseState,
  position: orNull(text),
  sizeBytes: amount,
  fence: fenceStatus,
});

const retirement = { since: orNull(amount), goesAt: orNull(amount) };

export const backupAnswer = Type.Object({
  id: text,
  form: Type.Optional(orNull(oneOf('logical', 'physical'))),
  kind: oneOf('full', 'initial', 'incremental'),
  tag: orNull(text),
  database: text,
  pattern: orNull(text),
  position: orNull(text),
  createdAt: amount,
  entries: orNull(amount),
  bytes: amount,
  rawBytes: orNull(amount),
  stateHash: orNull(text),
  problem: Type.Optional(orNull(text)),
  isUnread: Type.Optional(Type.Boolean()),
  after: Type.Optional(orNull(text)),
  reasons: Type.Optional(Type.Array(text)),
  folder: Type.Optional(text),
  isDue: Type.Optional(Type.Boolean()),
  retired: Type.Optional(orNull(Type.Object(retirement))),
});

export const expireAnswer = Type.Object({
  decisions: Type.Array(
    Type.Object({
      id: text,
      kind: orNull(oneOf('full', 'initial', 'incremental')),
      tag: orNull(text),
      bytes: amount,
      keeps: Type.Boolean(),
      isDue: Type.Boolean(),
      reasons: Type.Array(text),
    }),
  ),
  removed: Type.Array(text),
  freedBytes: amount,
  freedLogBytes: Type.Optional(amount),
  keepFromSeq: orNull(amount),
  logBytes: orNull(amount),
  retired: Type.Optional(Type.Array(Type.Object({ id: text, ...retirement }))),
  dryRun: Type.Boolean(),
});

export const archiveAnswer = Type.Object({
  name: text,
  address: text,
  encrypted: Type.Boolean(),
  state: oneOf(
    'offline',
    'stopped',
    'starting',
    'idle',
    'waiting',
    'working',
    'retrying',
    'blocked',
  ),
  problem: orNull(Type.Object({ code: text, message: text })),
  hint: orNull(text),
  archived: orNull(text),
  archivedTime: orNull(amount),
  missing: Type.Optional(orNull(Type.Object({ fromSeq: amount, toSeq: amount }))),
  behindBytes: orNull(amount),
  backups: orNull(amount),
  retired: Type.Optional(orNull(Type.Array(Type.Object({ id: text, ...retirement })))),
});
export const archivesAnswer = Type.Array(archiveAnswer);

const holdAnswer = Type.Object({
  replica: text,
  state: oneOf('ok', 'holding', 'past-cap', 'lost'),
  position: text,
  bytes: amount,
  since: orNull(amount),
  cap: orNull(oneOf('bytes', 'age')),
});

export const statusAnswer = Type.Object({
  name: text,
  type: databaseType,
  online: Type.Boolean(),
  state: databaseState,
  reason: orNull(text),
  since: orNull(amount),
  message: orNull(text),
  instance: text,
  pattern: orNull(text),
  timeline: orNull(timeline),
  timelines: Type.Array(timeline),
  position: orNull(text),
  received: orNull(text),
  durable: orNull(text),
  applied: orNull(text),
  sizeBytes: amount,
  readOnly: Type.Boolean(),
  simultaneousQuery: Type.Boolean(),
  settings: orNull(
    Type.Object({
      replicationDelayMs: amount,
      backupGenerations: amount,
      backupForm: Type.Optional(oneOf('logical', 'physical')),
      backupAudit: Type.Optional(Type.Boolean()),
      replicaHoldBytes: Type.Optional(amount),
      replicaHoldDays: Type.Optional(amount),
    }),
  ),
  synchronous: Type.Optional(
    orNull(
      Type.Object({
        replicas: amount,
        names: Type.Array(text),
        policy: oneOf('wait', 'degrade'),
        timeoutMs: amount,
        state: oneOf('off', 'synchronous', 'degraded'),
        since: orNull(amount),
        waiting: amount,
        unreplicated: amount,
      }),
    ),
  ),
  lockData: Type.Optional(orNull(lockDataAnswer)),
  queries: Type.Optional(orNull(queriesAnswer)),
  master: orNull(
    Type.Object({
      name: text,
      address: orNull(text),
      durable: orNull(text),
      lag: lags,
      lastReplicatedModificationTime: orNull(amount),
      source: Type.Optional(oneOf('master', 'archive')),
      archive: Type.Optional(
        orNull(
          Type.Object({
            address: text,
            position: orNull(text),
            lookedAt: orNull(amount),
            completeUntil: orNull(amount),
            problem: orNull(text),
            pollMs: amount,
            afterMs: amount,
          }),
        ),
      ),
      behindMs: Type.Optional(orNull(amount)),
    }),
  ),
  applying: Type.Optional(
    orNull(
      Type.Object({
        delayMs: amount,
        paused: Type.Boolean(),
        since: orNull(amount),
        waiting: amount,
        nextAt: orNull(amount),
      }),
    ),
  ),
  audit: Type.Optional(
    orNull(
      Type.Object({
        result: oneOf('equal', 'different', 'skipped'),
        backup: text,
        position: text,
        at: amount,
        reason: orNull(text),
        stateHash: orNull(text),
        expected: orNull(text),
      }),
    ),
  ),
  backups: Type.Object({ count: amount, newest: orNull(backupAnswer) }),
  log: Type.Object({ segments: amount, bytes: amount, firstSeq: orNull(amount) }),
  createdAt: amount,
  holds: Type.Optional(Type.Array(holdAnswer)),
  archives: Type.Optional(archivesAnswer),
  fence: fenceStatus,
  replaced: Type.Optional(Type.Array(Type.Object({ path: text, sizeBytes: amount }))),
  takeover: Type.Optional(
    orNull(
      Type.Object({
        of: text,
        formerName: text,
        since: amount,
        atSeq: amount,
        finished: Type.Boolean(),
      }),
    ),
  ),
});

const replicaAnswer = Type.Object({
  name: text,
  instance: orNull(text),
  permitted: Type.Boolean(),
  simultaneousQuery: Type.Boolean(),
  connected: Type.Boolean(),
  state: oneOf('permitted', 'connected', 'disconnected', 'lost'),
  since: Type.Optional(orNull(amount)),
  reason: Type.Optional(orNull(text)),
  received: orNull(text),
  durable: orNull(text),
  applied: orNull(text),
  lag: lags,
  seenAt: orNull(amount),
  hold: Type.Optional(orNull(holdAnswer)),
});

export const jobEventAnswer = Type.Object({
  time: amount,
  level: oneOf('info', 'warning', 'error'),
  event: text,
  message: text,
  fields: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

export const logLineAnswer = Type.Object({
  position: text,
  seq: amount,
  kind: text,
  time: amount,
  bytes: amount,
  session: amount,
  segment: text,
  offset: amount,
  operationCount: orNull(amount),
  operations: Type.Array(
    Type.Object({
      type: oneOf('put', 'del'),
      space: oneOf('user', 'system', 'local'),
      key: text,
      valueBytes: orNull(amount),
    }),
  ),
  body: Type.Unknown(),
});

export const hashAnswer = Type.Object({
  position: text,
  stateHash: text,
  recovered: Type.Boolean(),
  comparedWith: Type.Array(
    Type.Object({
      with: oneOf('recovered', 'recorded'),
      backup: text,
      stateHash: text,
      equal: Type.Boolean(),
    }),
  ),
  verified: orNull(Type.Boolean()),
});

const verdict = oneOf('verified', 'damaged', 'unverified');
export const verifyAnswer = Type.Object({
  verdict,
  checks: Type.Array(
    Type.Object({
      check: oneOf('files', 'chain', 'restore', 'tables', 'log', 'content'),
      subject: text,
      verdict,
      message: text,
      code: orNull(text),
      problems: Type.Array(text),
      problemCount: amount,
      differences: Type.Array(
        Type.Object({
          space: oneOf('user', 'system'),
          key: text,
          what: oneOf('missing', 'extra', 'other value'),
        }),
      ),
      bytes: amount,
      rememberedAt: orNull(amount),
    }),
  ),
});

export const rebuildAnswer = Type.Object({
  backup: orNull(text),
  position: orNull(text),
  records: amount,
  entries: orNull(amount),
  stateHash: orNull(text),
  compared: amount,
  kept: Type.Array(text),
  removed: Type.Array(text),
});

export const progressAnswer = Type.Object({
  step: text,
  done: amount,
  total: orNull(amount),
  unit: oneOf('bytes', 'entries', 'records', 'steps'),
});

export const deleteAnswer = Type.Object({
  removed: Type.Array(text),
  kept: Type.Array(text),
  archives: Type.Optional(
    Type.Array(Type.Object({ name: text, address: text, problem: orNull(text) })),
  ),
});
export const importAnswer = Type.Object({ entries: amount, position: text });
export const positionAnswer = Type.Object({ position: text });
export const valueAnswer = Type.Object({ value: text });
export const entryAnswer = Type.Object({ key: text, value: text });
export const settingsAnswer = Type.Record(Type.String(), Type.Unknown());
export const doneAnswer = Type.Object({});
export const listAnswer = Type.Array(summaryAnswer);
export const backupsAnswer = Type.Array(backupAnswer);
export const replicasAnswer = Type.Array(replicaAnswer);
