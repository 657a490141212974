// Two backups between which nothing was committed must hold the same state: one of a store that was
// damaged in silence would drive the last good one out (P9).
import { PaminaError, forkPoint, type BackupManifest, type Timeline } from '@pamina/format';
import type { ListedBackup } from './backup-list.js';
import { isUnchanged, type RecordSource } from './unchanged.js';

interface OneHistory {
  readonly log: RecordSource;
  readonly timelines: readonly Timeline[];
}

/** STATE_HASH_MISMATCH. Says nothing where one of the hashes is not known. */
export async function requireSameState(
  { log, timelines }: OneHistory,
  before: ListedBackup | null,
  { position }: Pick<BackupManifest, 'position'>,
  stateHash: string | null,
): Promise<void> {
  const manifest = before?.manifest ?? null;
  const expected = before?.stateHash ?? null;
  if (manifest === null || expected === null || stateHash === null) return;
  const isContinued =
    forkPoint(timelines, manifest.timelines).seqMax >= manifest.position.seq &&
    manifest.position.seq <= position.seq;
  if (!isContinued || expected === stateHash) return;
  const between = { afterSeq: manifest.position.seq, toSeq: position.seq };
  if (!(await isUnchanged(log, between))) return;
  const message = `the store does not hold what backup ${manifest.id} holds, and nothing was committed since`;
  throw new PaminaError('STATE_HASH_MISMATCH', message, {
    context: { backup: manifest.id, expected, found: stateHash },
  });
}
