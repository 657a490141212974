// What the HTTP administration accepts: one schema a request body or query. The server checks each
// request against them before anything else looks at it.

import {
  archiveKeepHoursMax,
  backupAgeDaysLimit,
  backupGenerationsMax,
  backupGenerationsMin,
  backupTierGenerationsMax,
  keyBytesMax,
  nameLengthMax,
  tagLengthMax,
} from '@pamina/format';
import { type Static, Type } from 'typebox';
import { durabilitySchema, keySchema, operationsSchema, readDemands } from './data-options.js';
import { settingLengthMax, sourceLengthMax } from './http-limits.js';

const strict = { additionalProperties: false } as const;
const name = Type.String({ minLength: 1, maxLength: nameLengthMax });
const key = keySchema;
const count = Type.String({ pattern: '^[0-9]{1,15}$' });
const whole = (minimum: number, maximum: number) => Type.Integer({ minimum, maximum });
const flag = Type.Union([Type.Literal('true'), Type.Literal('false')]);

export const nameParameters = Type.Object({ name });
export const replicaParameters = Type.Object({ name, replica: name });
export const propertyParameters = Type.Object({ name, property: Type.String({ maxLength: 64 }) });
export const backupFileParameters = Type.Object({
  name,
  id: Type.String({ minLength: 1, maxLength: 128 }),
  file: Type.String({ minLength: 1, maxLength: 128 }),
});

export const archiveParameters = Type.Object({ name, archive: name });

const path = Type.String({ minLength: 1, maxLength: sourceLengthMax });
export const addArchiveRequest = Type.Object(
  {
    address: path,
    recipients: Type.Optional(Type.Array(path, { minItems: 1, maxItems: 32 })),
    identityFile: Type.Optional(path),
    credentialsFile: Type.Optional(path),
  },
  strict,
);
export const runArchiveRequest = Type.Object({ archive: Type.Optional(name) }, strict);

export const createRequest = Type.Object(
  { name, fromBackup: Type.Optional(Type.String({ minLength: 1, maxLength: sourceLengthMax })) },
  strict,
);
export const backupRequest = Type.Object(
  {
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: tagLengthMax })),
    form: Type.Optional(Type.Union([Type.Literal('logical'), Type.Literal('physical')])),
    compression: Type.Optional(
      Type.Union([Type.Literal('lz4'), Type.Literal('brotli-1'), Type.Literal('none')]),
    ),
    incremental: Type.Optional(Type.Boolean()),
  },
  strict,
);
export const verifyRequest = Type.Object(
  {
    from: Type.Optional(Type.String({ minLength: 1, maxLength: sourceLengthMax })),
    credentialsFile: Type.Optional(Type.String({ minLength: 1, maxLength: sourceLengthMax })),
    identityFile: Type.Optional(Type.String({ minLength: 1, maxLength: sourceLengthMax })),
    backup: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    deep: Type.Optional(Type.Boolean()),
    again: Type.Optional(Type.Boolean()),
    maxAgeMs: Type.Optional(Type.Number({ minimum: 0 })),
    until: Type.Optional(Type.String({ maxLength: 64 })),
  },
  strict,
);
export const rebuildRequest = Type.Object(
  {
    dryRun: Type.Optional(Type.Boolean()),
    stop: Type.Optional(Type.Boolean()),
    removeKept: Type.Optional(Type.Boolean()),
  },
  strict,
);
export const expireRequest = Type.Object(
  {
    dryRun: Type.Optional(Type.Boolean()),
    from: Type.Optional(path),
    keep: Type.Optional(
      Type.Object(
        {
          generations: whole(backupGenerationsMin, backupGenerationsMax),
          daily: Type.Optional(whole(0, backupTierGenerationsMax)),
          weekly: Type.Optional(whole(0, backupTierGenerationsMax)),
          monthly: Type.Optional(whole(0, backupTierGenerationsMax)),
          ageDaysMax: Type.Optional(whole(0, backupAgeDaysLimit)),
          keepHours: Type.Optional(whole(0, archiveKeepHoursMax)),
        },
        strict,
      ),
    ),
    abandoned: Type.Optional(Type.Boolean()),
    credentialsFile: Type.Optional(path),
    identityFile: Type.Optional(path),
  },
  strict,
);
export const locksQuery = Type.Object(
  { limit: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,5}$' })) },
  strict,
);
export const releaseRequest = Type.Object(
  { transaction: whole(1, Number.MAX_SAFE_INTEGER) },
  strict,
);
export const allowRequest = Type.Object(
  { simultaneousQuery: Type.Optional(Type.Boolean()) },
  strict,
);
export const replicateRequest = Type.Object(
  {
    master: name,
    simultaneousQuery: Type.Optional(Type.Boolean()),
    recreate: Type.Optional(Type.Boolean()),
    fromArchive: Type.Optional(path),
    credentialsFile: Type.Optional(path),
    identityFile: Type.Optional(path),
  },
  strict,
);
const position = Type.String({ minLength: 1, maxLength: 64 });
export const applyRequest = Type.Object(
  { untilPosition: Type.Optional(position), untilTime: Type.Optional(Type.Number()) },
  strict,
);
export const resetRequest = Type.Object({ untilPosition: Type.Optional(position) }, strict);
export const renameRequest = Type.Object({ to: name }, strict);
export const setRequest = Type.Object(
  { value: Type.String({ maxLength: settingLengthMax }) },
  strict,
);
const durability = Type.Optional(durabilitySchema);
export const getRequest = Type.Object({ key, ...readDemands }, strict);
export const delRequest = Type.Object({ key, durability }, strict);
export const putRequest = Type.Object({ key, value: Type.String(), durability }, strict);
export const batchRequest = Type.Object(
  {
    operations: operationsSchema,
    durability,
  },
  strict,
);

export const deleteQuery = Type.Object(
  { keepBackups: Type.Optional(flag), dryRun: Type.Optional(flag) },
  strict,
);
export const backupsQuery = Type.Object(
  {
    from: Type.Optional(path),
    credentialsFile: Type.Optional(path),
    identityFile: Type.Optional(path),
  },
  strict,
);
export const jobLogQuery = Type.Object(
  { lines: Type.Optional(count), follow: Type.Optional(flag) },
  strict,
);
export const logQuery = Type.Object(
  {
    from: Type.Optional(count),
    limit: Type.Optional(count),
    around: Type.Optional(Type.String({ pattern: '^-?[0-9]{1,15}$' })),
    grep: Type.Optional(Type.String({ maxLength: keyBytesMax })),
    source: Type.Optional(Type.String({ minLength: 1, maxLength: sourceLengthMax })),
  },
  strict,
);
export const exportQuery = Type.Object({ prefix: Type.Optional(key) }, strict);
export const hashQuery = Type.Object(
  { at: Type.Optional(Type.String({ maxLength: 64 })), verify: Type.Optional(flag) },
  strict,
);

export type AddArchiveRequest = Static<typeof addArchiveRequest>;
export type RunArchiveRequest = Static<typeof runArchiveRequest>;
export type CreateRequest = Static<typeof createRequest>;
export type BackupRequest = Static<typeof backupRequest>;
export type ExpireRequest = Static<typeof expireRequest>;
export type AllowRequest = Static<typeof allowRequest>;
export type ReplicateRequest = Static<typeof replicateRequest>;
export type ApplyRequest = Static<typeof applyRequest>;
export type ResetRequest = Static<typeof resetRequest>;
export type RenameRequest = Static<typeof renameRequest>;
export type SetRequest = Static<typeof setRequest>;
export type GetRequest = Static<typeof getRequest>;
export type DelRequest = Static<typeof delRequest>;
export type PutRequest = Static<typeof putRequest>;
export type BatchRequest = Static<typeof batchRequest>;
export type DeleteQuery = Static<typeof deleteQuery>;
export type BackupsQuery = Static<typeof backupsQuery>;
export type LocksQuery = Static<typeof locksQuery>;
export type ReleaseRequest = Static<typeof releaseRequest>;
export type JobLogQuery = Static<typeof jobLogQuery>;
export type ExportQuery = Static<typeof exportQuery>;
export type LogQuery = Static<typeof logQuery>;
export type HashQuery = Static<typeof hashQuery>;
