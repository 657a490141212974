// Backups that were taken of a damaged store, as a replay of the log from an older one shows: from then on
// they are listed as bad and count for nothing, so that they drive no good one out (P9).
import type { Env } from '@pamina/env';
import { holdBackup } from './backup-holds.js';
import type { ListedBackup } from './backup-list.js';
import type { JobLogWriter } from './contract.js';
import { writeRecordedAudit } from './recorded-audit.js';
import type { RecordedComparison, Replayed } from './verify-replay.js';

interface Told {
  readonly env: Env;
  readonly jobLog?: JobLogWriter | undefined;
}

/**
 * Notes each backup whose recorded hash is not that of the replayed state. False, and nothing is noted,
 * where the backup that the replay began with is itself not what was recorded of it.
 */
export async function refuteBackups(
  told: Told,
  listed: readonly ListedBackup[],
  { compared, manifest }: Pick<Replayed, 'compared' | 'manifest'>,
): Promise<boolean> {
  const wrong = compared.filter(({ equal }) => !equal);
  const isStart = ({ backup, seq }: RecordedComparison): boolean =>
    backup === manifest.id && seq === manifest.position.seq;
  if (wrong.some(isStart)) return false;
  // Nobody knows whether the beginning is right: then it refutes no other.
  if (!compared.some(isStart) && manifest.kind !== 'initial') return true;
  for (const one of wrong) await refute(told, listed, one, manifest.id);
  return true;
}

async function refute(
  { env, jobLog }: Told,
  listed: readonly ListedBackup[],
  { backup, found, seq, stateHash }: RecordedComparison,
  differsFrom: string,
): Promise<void> {
  const { folder, manifest = null } =
    listed.find(({ id, manifest: of }) => id === backup && of?.position.seq === seq) ?? {};
  if (folder === undefined || manifest === null || manifest.kind !== 'full') return;
  const release = holdBackup(env.disk, folder);
  try {
    if ((await env.disk.stat(folder)) === null) return;
    const read = { stateHash, entries: manifest.entries ?? 0, rawBytes: manifest.rawBytes ?? 0 };
    await writeRecordedAudit(env.disk, folder, manifest, { ...read, record: null, differsFrom });
  } finally {
    release();
  }
  const message = `Backup ${backup} is not what backup ${differsFrom} and the log lead to at record ${seq}: it was taken of a damaged store, and counts for nothing from now on.`;
  const fields = { backup, differsFrom, seq, expected: found, found: stateHash };
  jobLog?.write('error', 'backup-refuted', message, fields);
}
