// What there is to say of a database and of a backup, in a form that can be compared years later. The
// entries are spelled out: a later version is not to be believed by its own hash alone.
import { createHash } from 'node:crypto';
import { hashState, verifyBackup, type BackupSource } from '@pamina/backup';
import type { Database } from '@pamina/engine';
import { formatPosition, type Timeline } from '@pamina/format';

/** Longer values are told by their hash. */
const valueBytesShown = 64;

export interface DatabaseDescription {
  readonly type: string;
  readonly position: string;
  readonly pattern: string | null;
  readonly timelines: readonly Timeline[];
  readonly session: number;
  readonly stateHash: string;
  /** Keys with their prefix byte, and values, in hex. */
  readonly entries: Readonly<Record<string, string>>;
  readonly permitted: readonly string[];
  readonly settings: Readonly<Record<string, unknown>>;
  /** Of the log that is here: seq, kind, time, bytes, chain. */
  readonly records: readonly (readonly number[])[];
  readonly segments: readonly string[];
}

export async function describeDatabase(database: Database): Promise<DatabaseDescription> {
  await database.whenApplied(database.durable().seq);
  const { point, snapshot } = await database.stateSnapshot();
  const entries: Record<string, string> = {};
  let stateHash: string;
  try {
    ({ stateHash } = await hashState(snapshot));
    for await (const batch of snapshot.entries()) {
      for (const [key, value] of batch) entries[hex(key)] = shown(value);
    }
  } finally {
    await snapshot.close();
  }
  const records: number[][] = [];
  for await (const { header } of database.log.records(database.log.firstSeq)) {
    records.push([header.seq, header.kind, header.time, header.length, header.checksum]);
  }
  const settings = database.settings();
  return {
    type: database.control.type,
    position: formatPosition(point),
    pattern: database.identity.pattern,
    timelines: database.timelines,
    session: database.session,
    stateHash,
    entries,
    permitted: (await database.permitted()).map(({ name }) => name),
    settings: { ...settings },
    records,
    segments: database.log.segments().map(({ name }) => name),
  };
}

export interface BackupDescription {
  readonly kind: string;
  /** Null in what is not full: an incremental one. */
  readonly form: string | null;
  readonly tag: string | null;
  readonly position: string;
  readonly codec: string;
  readonly entries: number | null;
  readonly stateHash: string | null;
}

export async function describeBackup(source: BackupSource): Promise<BackupDescription> {
  const { manifest, stateHash } = await verifyBackup(source);
  const { kind, tag, position, codec, entries, after } = manifest;
  const form = after === undefined ? manifest.form : null;
  return { kind, form, tag, position: formatPosition(position), codec, entries, stateHash };
}

function shown(value: Uint8Array): string {
  if (value.length <= valueBytesShown) return hex(value);
  return `${value.length} bytes, sha256 ${createHash('sha256').update(value).digest('hex')}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

export interface ExpectedBackup extends BackupDescription {
  /** State hash of what is restored from it; not in files that have logical ones alone. */
  readonly restoredHash?: string;
}

/** The file `expected.json` of a version. */
export interface Expected {
  /** By the name of its folder. */
  readonly databases: Readonly<Record<string, DatabaseDescription>>;
  /** By its path. */
  readonly backups: Readonly<Record<string, ExpectedBackup>>;
}
