// On a replica: what is being replayed, and the readers that stand before it. Those may go on reading, whatever is
// to be replayed: else they could not come to their end. All others wait for the replay.
import { areCompatible } from './modes.js';
import type { LockOwner, Wait } from './owner.js';

export class Replay {
  /** Holds what is to change, from before that is applied until it is seen. Null: nothing is being replayed. */
  owner: LockOwner | null = null;
  /** They hold what is to change. */
  readonly blockers = new Set<LockOwner>();

  /** Whose locks are nothing to this owner. */
  besideOf(owner: LockOwner): LockOwner | null {
    return this.blockers.has(owner) ? this.owner : null;
  }

  /** Once all that is to change is noted. */
  findBlockers(): void {
    for (const [resource, mode] of this.owner?.locks ?? []) {
      for (const [holder, held] of resource.holders) {
        if (holder.origin === 'here' && !areCompatible(held, mode)) this.blockers.add(holder);
      }
    }
  }

  /** Whether it stands before the replay no more: it has let go of something. */
  isFreeOf(owner: LockOwner): boolean {
    for (const [resource, mode] of this.owner?.locks ?? []) {
      const held = resource.holders.get(owner);
      if (held !== undefined && !areCompatible(held, mode)) return false;
    }
    return true;
  }
}

/** Whether it waits for the end of a transaction of the master, which comes with the replay. */
export function waitsForMaster(wait: Wait | null): boolean {
  if (wait === null) return false;
  for (const [holder, held] of wait.resource.holders) {
    if (holder.origin === 'master' && !areCompatible(held, wait.mode)) return true;
  }
  return false;
}
