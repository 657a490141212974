// The fields of a backup manifest, and the checks that each must pass when it is read.
import { backupIdPattern, patternLength, stateHashLength } from './control-body.js';
import { FieldReader } from './fields.js';
import { hexToBytes } from './hex.js';
import {
  backupIdLengthMax,
  manifestBytesMax,
  nameLengthMax,
  tagLengthMax,
  versionLengthMax,
} from './limits.js';
import { readTables, writeTables, type BackupTable } from './manifest-tables.js';
import { readFileName, readSha256 } from './manifest-file.js';
import {
  readIncrement,
  requireContinuous,
  writeSegments,
  type BackupSegment,
} from './manifest-increment.js';
import { namePattern, tagPattern } from './name.js';
import { PaminaError, isPaminaError } from './pamina-error.js';
import type { Position } from './position.js';
import { currentTimeline, validateTimelines, type Timeline } from './timeline.js';

export interface BackupChunk {
  /** Name of a file beside the manifest. */
  readonly file: string;
  /** Bytes of the file. */
  readonly bytes: number;
  /** Bytes before compression. */
  readonly rawBytes: number;
  readonly entries: number;
  /** Of the file, 64 lowercase hex digits. */
  readonly sha256: string;
}

export const backupForms = ['logical', 'physical'] as const;
export type BackupForm = (typeof backupForms)[number];
export const backupKinds = ['full', 'initial', 'incremental'] as const;
export const backupCodecs = ['brotli-1', 'lz4', 'none'] as const;

export interface BackupManifest {
  /** E.g. `0000000000048213-1`; names the backup's folder. */
  readonly id: string;
  /** `logical`: the state in key order, in chunks. `physical`: the files of the store, in `tables`. */
  readonly form: BackupForm;
  /** An initial backup carries no pattern: no replica can be made from it. */
  readonly kind: (typeof backupKinds)[number];
  readonly tag: string | null;
  /** Name of the database that was backed up. */
  readonly database: string;
  /** 32 lowercase hex digits; null exactly in an initial backup. */
  readonly pattern: string | null;
  /** History of the database; the position is on its last timeline. */
  readonly timelines: readonly Timeline[];
  readonly session: number;
  readonly position: Position;
  /** Chain after the record at the position. */
  readonly chain: number;
  /** Commit time of the record at the position, or of creation; ms since 1970. */
  readonly createdAt: number;
  /** When the backup was started, ms since 1970. */
  readonly startedAt: number;
  readonly codec: (typeof backupCodecs)[number];
  /** In key order; none in a physical backup. */
  readonly chunks: readonly BackupChunk[];
  /** There exactly in a physical backup. */
  readonly tables?: readonly BackupTable[];
  /** Sum over the chunks; null in a physical backup whose state was not read. */
  readonly entries: number | null;
  /** Sum over the chunks; null in a physical backup whose state was not read. */
  readonly rawBytes: number | null;
  /** sha256 of the state, 64 lowercase hex digits; null if it was not computed. */
  readonly stateHash: string | null;
  /** Version of Pamina that wrote it. */
  readonly version: string;
  /** Exactly in an incremental backup: the id of the backup that it continues. */
  readonly after?: string;
  /** Exactly in an incremental backup: the log from there to the position, without a gap. */
  readonly segments?: readonly BackupSegment[];
}

const what = 'the manifest';
/** No chunk takes fewer bytes in a manifest. */
const chunksMax = manifestBytesMax / 32;

/** The document that is encoded: chunks as lists, hashes as bytes, because there can be many. */
export function writeManifestBody(manifest: BackupManifest): Record<string, unknown> {
  const chunks = manifest.chunks.map((chunk) => [
    chunk.file,
    chunk.bytes,
    chunk.rawBytes,
    chunk.entries,
    hexToBytes(chunk.sha256),
  ]);
  const { tables, segments, ...rest } = manifest;
  return {
    ...rest,
    chunks,
    ...(tables === undefined ? {} : { tables: writeTables(tables) }),
    ...(segments === undefined ? {} : { segments: writeSegments(segments) }),
  };
}

/** Throws MANIFEST_INVALID. */
export function readManifestBody(value: unknown): BackupManifest {
  const fields = new FieldReader(value, 'MANIFEST_INVALID', what);
  const kind = fields.choice('kind', backupKinds);
  const timelines = readTimelines(fields);
  const position = readPosition(fields);
  const form = fields.choice('form', backupForms);
  const manifest: BackupManifest = {
    id: fields.text('id', backupIdLengthMax, backupIdPattern),
    form,
    kind,
    tag: fields.isNull('tag') ? null : fields.text('tag', tagLengthMax, tagPattern),
    database: fields.text('database', nameLengthMax, namePattern),
    pattern: fields.isNull('pattern') ? null : fields.hex('pattern', patternLength),
    timelines,
    session: fields.uint32('session'),
    position,
    chain: fields.uint32('chain'),
    createdAt: fields.count('createdAt'),
    startedAt: fields.count('startedAt'),
    codec: fields.choice('codec', backupCodecs),
    chunks: readChunks(fields),
    ...(form === 'physical' ? { tables: readTables(fields) } : {}),
    entries: fields.isNull('entries') ? null : fields.count('entries'),
    rawBytes: fields.isNull('rawBytes') ? null : fields.count('rawBytes'),
    stateHash: fields.isNull('stateHash') ? null : fields.hex('stateHash', stateHashLength),
    version: fields.text('version', versionLengthMax),
    ...(kind === 'incremental' ? readIncrement(fields) : {}),
  };
  requireConsistent(manifest, fields);
  if (manifest.segments !== undefined) requireContinuous(manifest, fields);
  return manifest;
}

function requireConsistent(manifest: BackupManifest, fields: FieldReader): void {
  if ((manifest.pattern === null) !== (manifest.kind === 'initial'))
    throw fields.invalid('pattern');
  const current = currentTimeline(manifest.timelines);
  const { timeline, seq } = manifest.position;
  if (timeline !== current.timeline || seq < current.atSeq) throw fields.invalid('position');
  if (manifest.form === 'physical') requirePhysical(manifest, fields);
  else requireSums(manifest, fields);
}

function requireSums(manifest: BackupManifest, fields: FieldReader): void {
  let entries = 0;
  let rawBytes = 0;
  const files = new Set<string>();
  for (const chunk of manifest.chunks) {
    entries += chunk.entries;
    rawBytes += chunk.rawBytes;
    files.add(chunk.file);
  }
  if (entries !== manifest.entries) throw fields.invalid('entries');
  if (rawBytes !== manifest.rawBytes) throw fields.invalid('rawBytes');
  if (files.size !== manifest.chunks.length) throw fields.invalid('chunks');
}

/** Its state was read through, or it was not. */
function requirePhysical(manifest: BackupManifest, fields: FieldReader): void {
  if (manifest.chunks.length > 0) throw fields.invalid('chunks');
  const isRead = manifest.stateHash !== null;
  if ((manifest.entries !== null) !== isRead) throw fields.invalid('entries');
  if ((manifest.rawBytes !== null) !== isRead) throw fields.invalid('rawBytes');
}

function readPosition(fields: FieldReader): Position {
  const position = new FieldReader(fields.raw('position'), 'MANIFEST_INVALID', `${what}: position`);
  return { timeline: position.uint32('timeline', 1), seq: position.count('seq') };
}

function readChunks(fields: FieldReader): BackupChunk[] {
  return fields.list('chunks', chunksMax).map((item) => {
    if (!Array.isArray(item) || item.length !== 5) throw fields.invalid('chunks');
    const [file, bytes, rawBytes, entries, sha256] = item as unknown[];
    const chunk = new FieldReader(
      { file, bytes, rawBytes, entries, sha256 },
      'MANIFEST_INVALID',
      `${what}: a chunk`,
    );
    return {
      file: readFileName(chunk),
      bytes: chunk.count('bytes'),
      rawBytes: chunk.count('rawBytes'),
      entries: chunk.count('entries'),
      sha256: readSha256(chunk),
    };
  });
}

function readTimelines(fields: FieldReader): Timeline[] {
  try {
    return validateTimelines(fields.raw('timelines'));
  } catch (cause) {
    if (!isPaminaError(cause, 'TIMELINES_INVALID')) throw cause;
    throw new PaminaError('MANIFEST_INVALID', `${what}: ${cause.message}`, { cause });
  }
}
