// Locks as one would write them down: lists that are searched from the beginning, no counts, no pruning.
import { areCompatible, supremum, type LockMode } from '../src/modes.js';

interface NaiveWait {
  readonly owner: number;
  readonly resource: string;
  readonly mode: LockMode;
  readonly isUpgrade: boolean;
}

export class NaiveLocks {
  readonly holds: { owner: number; resource: string; mode: LockMode }[] = [];
  /** In the order of arrival, of all resources together. */
  waits: NaiveWait[] = [];

  held(owner: number, resource: string): LockMode | undefined {
    return this.holds.find((hold) => hold.owner === owner && hold.resource === resource)?.mode;
  }

  /** Everything but what deadlocks ask for. */
  request(owner: number, resource: string, asked: LockMode): void {
    const held = this.held(owner, resource);
    const mode = held === undefined ? asked : supremum(held, asked);
    if (mode === held) return;
    this.waits.push({ owner, resource, mode, isUpgrade: held !== undefined });
    this.#settle();
  }

  release(owner: number, resource: string): void {
    this.#drop((hold) => hold.owner === owner && hold.resource === resource);
    this.#settle();
  }

  stopWaiting(owner: number): void {
    this.waits = this.waits.filter((wait) => wait.owner !== owner);
    this.#settle();
  }

  end(owner: number): void {
    this.#drop((hold) => hold.owner === owner);
    this.stopWaiting(owner);
  }

  /** Those who stand on some cycle of waits. */
  deadlocked(): Set<number> {
    const owners = this.waits.map(({ owner }) => owner);
    return new Set(owners.filter((owner) => this.#reaches(owner, owner)));
  }

  mayBeGranted(wait: NaiveWait): boolean {
    return this.#blockers(wait).length === 0;
  }

  #blockers(wait: NaiveWait): number[] {
    const holders = this.holds.filter(
      (hold) =>
        hold.resource === wait.resource &&
        hold.owner !== wait.owner &&
        !areCompatible(hold.mode, wait.mode),
    );
    const before = this.waits.filter(
      (other, at) =>
        other.resource === wait.resource &&
        !wait.isUpgrade &&
        (other.isUpgrade || at < this.waits.indexOf(wait)),
    );
    return [...holders, ...before].map(({ owner }) => owner);
  }

  #reaches(from: number, target: number): boolean {
    const seen = new Set<number>();
    const toVisit = [from];
    for (let owner = toVisit.pop(); owner !== undefined; owner = toVisit.pop()) {
      for (const wait of this.waits.filter((one) => one.owner === owner)) {
        for (const blocker of this.#blockers(wait)) {
          if (blocker === target) return true;
          if (!seen.has(blocker)) toVisit.push(blocker);
          seen.add(blocker);
        }
      }
    }
    return false;
  }

  #settle(): void {
    for (;;) {
      const wait = this.waits.find((one) => this.mayBeGranted(one));
      if (wait === undefined) return;
      this.waits = this.waits.filter((one) => one !== wait);
      this.#drop((hold) => hold.owner === wait.owner && hold.resource === wait.resource);
      this.holds.push({ owner: wait.owner, resource: wait.resource, mode: wait.mode });
    }
  }

  #drop(isDropped: (hold: { owner: number; resource: string }) => boolean): void {
    const kept = this.holds.filter((hold) => !isDropped(hold));
    this.holds.splice(0, this.holds.length, ...kept);
  }
}
