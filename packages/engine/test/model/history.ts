// What a reader may see while writes are under way: every order of commits that is still possible, and
// in each the states that a read issued at some moment may show. Knows nothing of Pamina.

/** Keys are text of one character a byte, so that text order is byte order. */
export type State = ReadonlyMap<string, string>;
/** A null value deletes. */
export type Change = readonly [key: string, value: string | null];
/** A moment; later ones are larger. */
export type Moment = number;

interface Commit {
  readonly id: number;
  readonly issuedAt: Moment;
}

/** One possible order. Orders only grow at their end. */
interface World {
  readonly commits: readonly Commit[];
  /** `states[n]` holds after n commits. */
  readonly states: readonly State[];
  /** A clear() was issued whose commit is not in this order yet. */
  readonly isClearPending: boolean;
  /** What reads have shown: nobody may read an earlier state afterwards. */
  readonly seen: readonly { readonly at: Moment; readonly count: number }[];
  /** Equal for equal orders. */
  readonly signature: number;
}

interface Clear {
  readonly id: number;
  readonly issuedAt: Moment;
  /** The keys that it deletes if it reads this state. */
  readonly select: (state: State) => string[];
  /** The states of its snapshot; null if it reads what is current. */
  readonly from: readonly State[] | null;
}

const worldsMax = 100;
const commitsMax = 60;

export class History {
  #worlds: readonly World[] = [worldOf(new Map())];
  #clear: Clear | null = null;
  #acknowledgedAt = new Map<number, Moment>();
  #now: Moment = 0;
  #ids = 0;
  readonly #signatures = new Map<string, number>();

  /** Too much is possible: time to come to rest. */
  get isCrowded(): boolean {
    const [first] = this.#worlds;
    return this.#worlds.length > worldsMax || (first?.commits.length ?? 0) > commitsMax;
  }

  get isClearPending(): boolean {
    return this.#clear !== null;
  }

  moment(): Moment {
    return ++this.#now;
  }

  /** A commit was issued; it stands behind all that were issued before. */
  issue(changes: readonly Change[]): number {
    this.#expand();
    const commit = { id: ++this.#ids, issuedAt: this.moment() };
    const changed = changes.map(([key, value]) => `${key}=${value}`).join();
    this.#worlds = this.#worlds.map((world) => this.#append(world, commit, changes, changed));
    return commit.id;
  }

  acknowledge(id: number): void {
    this.#acknowledgedAt.set(id, this.moment());
  }

  /** One at a time: its commit takes its place somewhere between now and its end. */
  issueClear(select: Clear['select'], from: readonly State[] | null): void {
    this.#clear = { id: ++this.#ids, issuedAt: this.moment(), select, from };
    this.#worlds = this.#worlds.map((world) => ({ ...world, isClearPending: true }));
  }

  acknowledgeClear(): void {
    this.#expand();
    this.#worlds = this.#worlds.filter((world) => !world.isClearPending);
    if (this.#clear !== null) this.acknowledge(this.#clear.id);
    this.#clear = null;
  }

  /** The states that something frozen now may hold. */
  frozenStates(): State[] {
    this.#expand();
    const now = this.moment();
    return this.#worlds.flatMap((world) => world.states.slice(floorOf(world, now, this)));
  }

  /**
   * A read that was issued at `issuedAt` shows something that only the states which it `matches` explain.
   * False if there is none. A `frozen` read may not show what was issued later.
   */
  observe(issuedAt: Moment, isFrozen: boolean, matches: (state: State) => boolean): boolean {
    this.#expand();
    const at = this.moment();
    const remaining: World[] = [];
    for (const world of this.#worlds) {
      const last = isFrozen ? ceilingOf(world, issuedAt) : world.commits.length;
      const first = floorOf(world, issuedAt, this);
      const index = world.states.slice(first, last + 1).findIndex(matches);
      if (index === -1) continue;
      const count = first + index;
      const isNews = count > (world.seen.at(-1)?.count ?? 0);
      remaining.push(isNews ? { ...world, seen: [...world.seen, { at, count }] } : world);
    }
    if (remaining.length > 0) this.#worlds = remaining;
    return remaining.length > 0;
  }

  /** The last states of all orders; the only ones when nothing is under way. */
  finalStates(): State[] {
    return this.#worlds.flatMap((world) => world.states.slice(-1));
  }

  /** Nothing is under way, and this is what there is. */
  settle(state: State): void {
    this.#worlds = [worldOf(state)];
    this.#acknowledgedAt.clear();
    this.#signatures.clear();
  }

  acknowledgedBy(id: number, moment: Moment): boolean {
    return (this.#acknowledgedAt.get(id) ?? Infinity) <= moment;
  }

  /** The commit of a clear() that is under way may have been made by now. */
  #expand(): void {
    const clear = this.#clear;
    if (clear === null) return;
    const worlds = new Map<string, World>();
    for (const world of this.#worlds) {
      for (const next of world.isClearPending ? [world, ...this.#cleared(world, clear)] : [world]) {
        const { signature, seen, isClearPending } = next;
        worlds.set(`${signature} ${seen.at(-1)?.count} ${isClearPending}`, next);
      }
    }
    this.#worlds = [...worlds.values()];
  }

  #cleared(world: World, clear: Clear): World[] {
    const read = clear.from ?? world.states.slice(floorOf(world, clear.issuedAt, this));
    return read.map((state) => {
      const keys = clear.select(state);
      const before = { ...world, isClearPending: false };
      if (keys.length === 0) return before;
      const changes = keys.map((key) => [key, null] as const);
      return this.#append(before, clear, changes, `clear ${keys.join()}`);
    });
  }

  #append(world: World, commit: Commit, changes: readonly Change[], text: string): World {
    const state = new Map(world.states.at(-1));
    for (const [key, value] of changes) {
      if (value === null) state.delete(key);
      else state.set(key, value);
    }
    const order = `${world.signature} ${text}`;
    const signature = this.#signatures.get(order) ?? this.#signatures.size + 1;
    this.#signatures.set(order, signature);
    return {
      ...world,
      commits: [...world.commits, { id: commit.id, issuedAt: commit.issuedAt }],
      states: [...world.states, state],
      signature,
    };
  }
}

function worldOf(state: State): World {
  return { commits: [], states: [state], isClearPending: false, seen: [], signature: 0 };
}

/** How many commits a read that is issued at this moment must show at least. */
function floorOf(world: World, moment: Moment, history: History): number {
  const last = world.commits.findLastIndex(({ id }) => history.acknowledgedBy(id, moment));
  const seen = world.seen.findLast(({ at }) => at <= moment);
  return Math.max(last + 1, seen?.count ?? 0);
}

/** How many it may show at most, if it shows the state of that moment. */
function ceilingOf(world: World, moment: Moment): number {
  const later = world.commits.findIndex(({ issuedAt }) => issuedAt > moment);
  return later === -1 ? world.commits.length : later;
}
