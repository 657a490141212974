// What became known of a full backup after it was published: the state hash of a physical one, why there is
// none, or that it is of a damaged store. Kept in a file of its own beside the manifest, which never changes.
// A hash names the audit record in the log that says the same. Only a help: where it is lost, or damaged,
// the log is asked (P9).
import { join } from 'node:path';
import {
  formatPosition,
  isHex,
  type AuditBody,
  type BackupManifest,
  type Position,
} from '@pamina/format';
import type { Disk } from '@pamina/env';
import { auditFileName } from './layout.js';
import { parseNoted, readNoted, writeNoted } from './noted-json.js';
import type { HashedState } from './state-hash.js';

const fileVersion = 1;
/** More than one ever has. */
export const auditFileBytesMax = 64 * 1024;
const stateHashLength = 64;

/** On disk when it resolves; a crash leaves it or not (P8). FILE_NOT_FOUND where the backup is gone. */
export async function writeRecordedAudit(
  disk: Disk,
  folder: string,
  { chain, id, position }: BackupManifest,
  audit: HashedState & {
    /** Null where it was not recorded, because the store was found to be damaged. */
    readonly record: Position | null;
    readonly differsFrom?: string | undefined;
  },
): Promise<void> {
  const { differsFrom, entries, rawBytes, record, stateHash } = audit;
  const { seq } = position;
  await writeNoted(disk, join(folder, auditFileName), {
    version: fileVersion,
    backup: id,
    seq,
    chain,
    stateHash,
    entries,
    rawBytes,
    record: record === null ? null : formatPosition(record),
    ...(differsFrom === undefined ? {} : { differsFrom }),
  });
}

/** Of a backup of whose state nobody knows a hash. */
export interface SkippedAudit {
  readonly why: string;
  /** The store was found to be damaged since it was taken. */
  readonly isDoubted: boolean;
}

/** What is known of its state already stays. */
export async function writeSkippedAudit(
  disk: Disk,
  folder: string,
  manifest: BackupManifest,
  { isDoubted, why }: SkippedAudit,
): Promise<void> {
  if ((await readRecordedAudit(disk, folder, manifest)) !== null) return;
  const before = await readSkippedAudit(disk, folder, manifest);
  const { chain, id, position } = manifest;
  const { seq } = position;
  const about = { version: fileVersion, backup: id, seq, chain, stateHash: null };
  await writeNoted(disk, join(folder, auditFileName), {
    ...about,
    skipped: why,
    isDoubted: isDoubted || before?.isDoubted === true,
  });
}

/** Null where nothing was noted. */
export async function readSkippedAudit(
  disk: Disk,
  folder: string,
  manifest: BackupManifest,
): Promise<SkippedAudit | null> {
  const noted = await readNoted(disk, join(folder, auditFileName));
  if (!isOf(noted, manifest) || typeof noted['skipped'] !== 'string') return null;
  return { why: noted['skipped'], isDoubted: noted['isDoubted'] === true };
}

export interface RecordedAudit extends AuditBody {
  /**
   * A backup before it that leads to another state: nothing was committed between the two, or the log
   * between them was replayed.
   */
  readonly differsFrom: string | null;
}

/** What was recorded of the state of this backup; null if nothing was, or cannot be read. */
export async function readRecordedAudit(
  disk: Disk,
  folder: string,
  manifest: BackupManifest,
): Promise<RecordedAudit | null> {
  return auditIn(await readNoted(disk, join(folder, auditFileName)), manifest);
}

/** The same of its bytes, as they stand in an archive. */
export function parseRecordedAudit(
  bytes: Uint8Array,
  manifest: BackupManifest,
): RecordedAudit | null {
  return auditIn(parseNoted(bytes), manifest);
}

function auditIn(noted: Noted | null, manifest: BackupManifest): RecordedAudit | null {
  if (!isOf(noted, manifest)) return null;
  const { differsFrom, stateHash } = noted;
  if (!isHex(stateHash, stateHashLength)) return null;
  const { id, position } = manifest;
  const isRefuted = typeof differsFrom === 'string';
  const { seq } = position;
  return { backup: id, seq, stateHash, differsFrom: isRefuted ? differsFrom : null };
}

/** One that was copied here from elsewhere says nothing of this backup. */
function isOf(noted: Noted | null, { chain, id, position }: BackupManifest): noted is Noted {
  if (noted?.['version'] !== fileVersion) return false;
  return noted['backup'] === id && noted['seq'] === position.seq && noted['chain'] === chain;
}

type Noted = Readonly<Record<string, unknown>>;
