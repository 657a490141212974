// Who may begin to follow: a copy with an identification pattern, and without a history of its own.

import type { Control } from '@pamina/engine';
import { PaminaError } from '@pamina/format';

/** DATABASE_TYPE, REPLICA_IRREVERSIBLE: a normal database has a history of its own. */
export function requireFollower(name: string, { fence, timelines, type }: Control): void {
  if (type !== 'normal') return;
  if (fence?.takenOver === true) {
    throw new PaminaError('DATABASE_TYPE', `${name} is a master whose place was taken`, {
      hint: `It becomes a replica with \`pamina rejoin ${name}\`, which keeps what only it has.`,
    });
  }
  const hint =
    'Create the replica under another name from a backup of the master; `pamina replicate NAME --master MASTER` does it in one step.';
  if (timelines.length > 1) {
    throw new PaminaError(
      'REPLICA_IRREVERSIBLE',
      `${name} was started as a normal database and has a timeline of its own`,
      { hint },
    );
  }
  throw new PaminaError('DATABASE_TYPE', `${name} is a normal database`, { hint });
}

/** BACKUP_INITIAL: a copy without a pattern cannot prove whose it is. */
export function patternOf({ name, pattern }: Control): string {
  if (pattern !== null) return pattern;
  throw new PaminaError('BACKUP_INITIAL', `${name} was created from an initial backup`);
}
