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
import { readNoted, writeNoted } from './noted-json.js';
import type { HashedState } from './state-hash.js';

const fileVersion = 1;
const stateHashLength = 64;

/** On disk when it resolves; a crash leaves it or not (P8). FILE_NOT_FOUND where the backup is gone. */
export async function writeRecordedAudit(
  disk: Disk,
  folder: string,
  { chain, id, position }: BackupManifest,
  audit: HashedState & { readonly record: Position },
): Promise<void> {
  const { entries, rawBytes, record, stateHash } = audit;
  const { seq } = position;
  await writeNoted(disk, join(folder, auditFileName), {
    version: fileVersion,
    backup: id,
    seq,
    chain,
    stateHash,
    entries,
    rawBytes,
    record: formatPosition(record),
  });
}

/** What was recorded of the state of this backup; null if nothing was, or cannot be read. */
export async function readRecordedAudit(
  disk: Disk,
  folder: string,
  { chain, id, position }: BackupManifest,
): Promise<AuditBody | null> {
  const noted = await readNoted(disk, join(folder, auditFileName));
  if (noted?.['version'] !== fileVersion) return null;
  const { seq } = position;
  // One that was copied here from elsewhere says nothing of this backup.
  const isOfThis = noted['backup'] === id && noted['seq'] === seq && noted['chain'] === chain;
  const { stateHash } = noted;
  if (!isOfThis || !isHex(stateHash, stateHashLength)) return null;
  return { backup: id, seq, stateHash };
}
