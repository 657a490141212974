// The progress of other packages in the words of the administration.

import type { BackupProgress, RestoreProgress } from '@pamina/backup';
import type { Progress } from '@pamina/wire';

export function restoreProgress(progress: Progress): (restored: RestoreProgress) => void {
  return ({ done, step, total }) =>
    progress({ step: step === 'load' ? 'restore' : 'verify', done, total, unit: 'bytes' });
}

export function backupProgress(progress: Progress): (backedUp: BackupProgress) => void {
  return ({ done, total }) => progress({ step: 'backup', done, total, unit: 'bytes' });
}
