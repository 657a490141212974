// The state hash of a physical backup, which is known only after the backup is published: kept in a file of
// its own beside the manifest, which never changes. It names the audit record in the log that says the
// same. Only a help: where it is lost, or damaged, the log is asked (P9).
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

export interface RecordedAudit extends AuditBody {
  /** A backup before it that held another state, though nothing was committed between the two. */
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

function auditIn(
  noted: Readonly<Record<string, unknown>> | null,
  { chain, id, position }: BackupManifest,
): RecordedAudit | null {
  if (noted?.['version'] !== fileVersion) return null;
  const { seq } = position;
  // One that was copied here from elsewhere says nothing of this backup.
  const isOfThis = noted['backup'] === id && noted['seq'] === seq && noted['chain'] === chain;
  const { differsFrom, stateHash } = noted;
  if (!isOfThis || !isHex(stateHash, stateHashLength)) return null;
  const isRefuted = typeof differsFrom === 'string';
  return { backup: id, seq, stateHash, differsFrom: isRefuted ? differsFrom : null };
}
