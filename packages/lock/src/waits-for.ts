// Who waits for whom. Only those who wait matter: whoever does not can always go on. The holders of a
// resource are looked through once a mode and its queue once, so a search costs about as much as all that wait.
import { areCompatible, type LockMode } from './modes.js';
import type { LockOwner, Wait } from './owner.js';
import type { Resource } from './resource.js';

/** A cycle of waits through `start`, beginning with it; null if there is none. Each waits for the next. */
export function findCycle(start: LockOwner): LockOwner[] | null {
  if (!isWaitedFor(start)) return null;
  const search = new Search();
  const cameFrom = new Map<LockOwner, LockOwner>();
  const toVisit: LockOwner[] = [start];
  for (let owner = toVisit.pop(); owner !== undefined; owner = toVisit.pop()) {
    for (const blocker of search.blockersOf(owner.wait!)) {
      if (blocker === start) return pathTo(owner, start, cameFrom);
      if (blocker.wait === null || cameFrom.has(blocker)) continue;
      cameFrom.set(blocker, owner);
      toVisit.push(blocker);
    }
  }
  return null;
}

/** Mostly nobody does, and there is nothing to search. */
function isWaitedFor(owner: LockOwner): boolean {
  for (const { queue } of owner.locks.keys()) {
    if (queue.some((wait) => wait.owner !== owner)) return true;
  }
  return false;
}

class Search {
  readonly #modesLooked = new Map<Resource, Set<LockMode>>();
  /** Whoever stands before these has been given already. */
  readonly #passed = new Set<Wait>();

  /** Who stands before a request: those who hold too much, and in the queue who came before it. */
  *blockersOf(wait: Wait): Generator<LockOwner, void> {
    const { resource, mode, owner } = wait;
    if (wait.isUpgrade || this.#isNew(resource, mode)) {
      for (const [holder, held] of resource.holders) {
        if (holder !== owner && !areCompatible(held, mode)) yield holder;
      }
    }
    if (wait.isUpgrade || this.#passed.has(wait)) return;
    for (const before of resource.queue) {
      if (before === wait) return;
      this.#passed.add(before);
      yield before.owner;
    }
  }

  /** Of all new requests for one mode the first speaks for the others: they wait for the same holders. */
  #isNew(resource: Resource, mode: LockMode): boolean {
    const modes = this.#modesLooked.get(resource) ?? new Set();
    this.#modesLooked.set(resource, modes);
    if (modes.has(mode)) return false;
    modes.add(mode);
    return true;
  }
}

function pathTo(
  last: LockOwner,
  start: LockOwner,
  cameFrom: ReadonlyMap<LockOwner, LockOwner>,
): LockOwner[] {
  const path = [last];
  while (path[0] !== start) path.unshift(cameFrom.get(path[0]!)!);
  return path;
}
