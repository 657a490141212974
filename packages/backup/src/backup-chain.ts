// How incremental backups hang together: each continues another one, down to a full backup. A link
// that is missing, damaged or does not fit is told when the backups are listed, not on the day of need.
import { PaminaError, forkPoint, type BackupManifest } from '@pamina/format';
import type { ListedBackup } from './backup-list.js';
import { isReadFailure } from './read-failure.js';

type ById = ReadonlyMap<string, ListedBackup>;

/** Null for whatever is not incremental, and where all that it builds on is there, whole, and fits. */
export function chainProblem(backup: ListedBackup, byId: ById): PaminaError | null {
  let at = backup;
  // It ends: each stands at a later record than the one that it continues.
  while (at.manifest?.after !== undefined) {
    const base = byId.get(at.manifest.after);
    if (base === undefined) return broken(backup, `${at.manifest.after} is missing`);
    // Nothing was learned of what it builds on: that is said, and not that it cannot be used.
    if (isReadFailure(base.problem)) return base.problem;
    if (base.manifest === null || base.problem !== null) {
      return broken(backup, `${base.id} is not whole`);
    }
    if (!continues(at.manifest, base.manifest)) {
      return broken(backup, `${at.id} does not continue ${base.id}`);
    }
    at = base;
  }
  return null;
}

/** A full backup and the incremental ones up to `id`, in the order of their log. BACKUP_NOT_FOUND, or what is wrong with it. */
export function backupChain(backups: readonly ListedBackup[], id: string): ListedBackup[] {
  const byId = new Map(backups.map((backup) => [backup.id, backup]));
  const chain: ListedBackup[] = [];
  for (let at: string | undefined = id; at !== undefined;) {
    const backup = byId.get(at);
    if (backup === undefined) {
      throw new PaminaError('BACKUP_NOT_FOUND', `there is no backup ${at}`, {
        context: { backup: at },
      });
    }
    if (backup.problem !== null) throw backup.problem;
    chain.unshift(backup);
    at = backup.manifest?.after;
  }
  return chain;
}

/** By database, history, number and, where the log was switched between the two, by chain. */
function continues(manifest: BackupManifest, base: BackupManifest): boolean {
  const [first] = manifest.segments ?? [];
  if (first === undefined || base.kind === 'initial') return false;
  const { seq } = base.position;
  const isNext = first.firstSeq === seq + 1;
  return (
    manifest.pattern === base.pattern &&
    forkPoint(manifest.timelines, base.timelines).seqMax >= seq &&
    first.firstSeq <= seq + 1 &&
    manifest.position.seq > seq &&
    (!isNext || first.chainBefore === base.chain)
  );
}

function broken(backup: ListedBackup, what: string): PaminaError {
  const message = `the incremental backup ${backup.folder} cannot be used: ${what}`;
  return new PaminaError('BACKUP_INVALID', message, { context: { path: backup.folder } });
}
