// Commits that wait for replicas: they are on disk and visible here, and acknowledged when enough replicas
// have them on their disks. Groups wait in the order of their records, one entry for all commits of a group
// that ask for the same; what asks for no replica never comes here.
import { PaminaError, synchronousCommitsMax } from '@pamina/format';
import type { Clock } from '@pamina/env';
import type { Group } from '@pamina/log';
import { Degraded } from './degraded.js';
import {
  checkDurability,
  requirementByDefault,
  requirementOf,
  type Durability,
  type ReplicatedDurability,
  type Requirement,
  type SynchronousSettings,
} from './durability.js';
import type { JobLog } from './job-log.js';
import type { KeySpace } from './operation.js';
import { ReplicaPlaces } from './replica-places.js';

export interface SynchronousOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'now' | 'after'>;
  readonly jobLog: Pick<JobLog, 'write'>;
}

/** What a session begins with. */
export interface SessionStart {
  readonly timelineId: string;
  readonly settings: SynchronousSettings;
  /** Names of the replicas that count. */
  readonly permitted: readonly string[];
  /** The last record that is on this disk. */
  readonly durableSeq: () => number;
}

export interface SynchronousStatus {
  readonly replicas: number;
  readonly names: readonly string[];
  readonly policy: 'wait' | 'degrade';
  readonly timeoutMs: number;
  /** `off`: a commit waits only where it says so itself. */
  readonly state: 'off' | 'synchronous' | 'degraded';
  /** Since when it is degraded, ms since 1970. */
  readonly since: number | null;
  /** Commits that wait at this moment. */
  readonly waiting: number;
  /** Commits that were acknowledged without their replicas since the database was opened. */
  readonly unreplicated: number;
}

/** Commits of one group that ask for the same. */
interface Wait {
  /** Null once it is on this disk and acknowledged here. */
  group: Group | null;
  /** Its last record, once the group is null. */
  seq: number;
  requirement: Requirement;
  /** It follows the settings of the database when they change. */
  readonly isDefault: boolean;
  commits: number;
  /** When it began to wait for replicas, monotonic. */
  sinceMs: number;
  /** It waits for its own disk alone. */
  isExcused: boolean;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SynchronousCommits {
  readonly #options: SynchronousOptions;
  readonly #places = new ReplicaPlaces();
  readonly #degraded: Degraded;
  /** In the order of their records: first those that are on this disk, then those that are not. */
  #waits: Wait[] = [];
  #waiting = 0;
  #unreplicated = 0;
  #session: SessionStart | null = null;
  #byDefault: Requirement | null = null;
  #known = new WeakMap<ReplicatedDurability, Requirement>();
  #timer: { readonly atMs: number; readonly cancel: () => void } | null = null;
  #quiet: (() => void)[] = [];
  /** Why nobody waits any more. */
  #ended = false;

  constructor(options: SynchronousOptions) {
    this.#options = options;
    this.#degraded = new Degraded(options);
  }

  /** What was known of replicas on another timeline is forgotten. */
  begin(session: SessionStart): void {
    this.#session = session;
    this.#places.forget(session.permitted);
    this.#byDefault = requirementByDefault(session.settings);
  }

  /** Of a commit that does not say what it waits for; null = its own disk. */
  get byDefault(): Requirement | null {
    return this.#byDefault;
  }

  /**
   * What a commit waits for. Pamina's own documents wait for no replica unless they say so: else a setting
   * that no replica can meet could not be taken back. TypeError, DURABILITY_UNAVAILABLE, BACKLOG_FULL.
   */
  levelOf(durability: Durability | undefined, space: KeySpace): 'disk' | 'memory' | Requirement {
    if (durability === 'disk' || durability === 'memory') return durability;
    if (durability === undefined) {
      const byDefault = space === 'system' ? null : this.#byDefault;
      return byDefault === null ? 'disk' : this.#admitted(byDefault);
    }
    return this.#admitted(this.#requirementOf(durability));
  }

  /** The acknowledgement of a commit that was just encoded into `group`. */
  acknowledged(group: Group, requirement: Requirement): Promise<void> {
    if (this.#degraded.has(requirement)) {
      this.#unreplicated += 1;
      return group.done;
    }
    this.#waiting += 1;
    const isDefault = requirement === this.#byDefault;
    const last = this.#waits.at(-1);
    const isSame = last?.requirement.key === requirement.key && last.isDefault === isDefault;
    if (last?.group === group && isSame) {
      last.commits += 1;
      return last.done;
    }
    const wait = newWait(group, requirement, isDefault);
    this.#waits.push(wait);
    group.done.then(
      () => this.#isHere(wait),
      (error: unknown) => this.#end(wait, () => wait.reject(error)),
    );
    return wait.done;
  }

  /**
   * A replica that passed every check of its feed has the records up to `seq` on its disk. `timelineId`: the
   * one that it was welcomed on; what was said of another one counts no more.
   */
  reported(replica: string, timelineId: string, seq: number): void {
    if (this.#session === null || timelineId !== this.#session.timelineId) return;
    this.#places.note(replica, seq);
    this.#settle();
    this.#degraded.look(this.#places, this.#session.durableSeq());
  }

  /** Whether a commit behind record `seq` that is on this disk waits for this replica: it is sent at once. */
  isAwaited(replica: string, seq: number): boolean {
    for (let at = this.#waits.length - 1; at >= 0; at--) {
      const { group, requirement, seq: hereSeq } = this.#waits[at]!;
      const waitSeq = group?.point.seq ?? hereSeq;
      if (waitSeq <= seq) return false;
      if (group !== null && waitSeq > this.#session!.durableSeq()) continue;
      if (this.#places.counts(replica, requirement)) return true;
    }
    return false;
  }

  /** Whether at least `replicas` replicas have record `seq`, as far as they said. */
  hasConfirmed(seq: number, requirement: Requirement): boolean {
    return this.#places.reached(requirement) >= seq;
  }

  /** Commits that wait by the setting of the database wait for what it says now. */
  settingsChanged(settings: SynchronousSettings): void {
    if (this.#session === null) return;
    const isSame = sameSettings(this.#session.settings, settings);
    this.#session = { ...this.#session, settings };
    if (isSame) return;
    this.#known = new WeakMap();
    this.#byDefault = requirementByDefault(settings);
    const { key } = this.#byDefault ?? {};
    this.#degraded.keepOnly((requirement) => requirement.key === key);
    for (const wait of this.#waits) {
      if (!wait.isDefault) continue;
      if (this.#byDefault === null) wait.isExcused = true;
      else wait.requirement = this.#byDefault;
    }
    this.#settle();
    this.#wakeForFirst();
  }

  permittedChanged(names: readonly string[]): void {
    this.#places.permit(names);
  }

  status(): SynchronousStatus {
    const byDefault = this.#byDefault;
    const entry = byDefault === null ? null : this.#degraded.entry(byDefault);
    const { settings } = this.#session ?? { settings: null };
    return {
      replicas: byDefault?.replicas ?? 0,
      names: byDefault?.names ?? [],
      policy: byDefault?.policy ?? settings?.synchronousPolicy ?? 'wait',
      timeoutMs: byDefault?.timeoutMs ?? settings?.synchronousTimeoutMs ?? 0,
      state: byDefault === null ? 'off' : entry === null ? 'synchronous' : 'degraded',
      since: entry?.since ?? null,
      waiting: this.#waiting,
      unreplicated: this.#unreplicated,
    };
  }

  /** Resolves when no commit waits, or after `ms`. */
  quiet(ms: number): Promise<void> {
    if (this.#waits.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      this.#quiet.push(() => {
        cancel();
        resolve();
      });
    });
  }

  /** The database closes: who waits for replicas hears that they have not confirmed. */
  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#settle();
  }

  #requirementOf(durability: ReplicatedDurability): Requirement {
    const known = this.#known.get(durability);
    if (known !== undefined) return known;
    checkDurability(durability);
    if (this.#session === null) throw unavailable(durability.replicas, 'it takes no commits');
    const requirement = requirementOf(durability, this.#session.settings);
    this.#known.set(durability, requirement);
    return requirement;
  }

  /** What could only wait for ever is refused before it is written. */
  #admitted(requirement: Requirement): Requirement {
    const { policy, replicas } = requirement;
    if (policy === 'wait' && this.#places.countable(requirement) < replicas) {
      const named = requirement.names.length > 0 ? ' of those named' : '';
      const countable = this.#places.countable(requirement);
      throw unavailable(replicas, `only ${countable}${named} are permitted`);
    }
    if (this.#waiting < synchronousCommitsMax) return requirement;
    const message = `${this.#waiting} commits wait for replicas`;
    throw new PaminaError('BACKLOG_FULL', message, { context: { waiting: this.#waiting } });
  }

  /** On disk, visible, and acknowledged as far as this database goes. */
  #isHere(wait: Wait): void {
    wait.seq = wait.group!.point.seq;
    // Its buffer is not to be held by who waits.
    wait.group = null;
    wait.sinceMs = this.#options.clock.monotonic();
    if (this.#isDone(wait)) this.#settle();
    else this.#wakeAt(deadline(wait));
  }

  #isDone({ isExcused, group, requirement, seq }: Wait): boolean {
    if (group !== null) return false;
    return isExcused || this.#ended || this.#places.reached(requirement) >= seq;
  }

  #settle(): void {
    const waits = this.#waits;
    let kept = 0;
    let at = 0;
    for (; at < waits.length; at++) {
      const wait = waits[at]!;
      if (wait.group !== null) break;
      if (this.#isDone(wait)) this.#acknowledge(wait);
      else waits[kept++] = wait;
    }
    if (kept < at) waits.splice(kept, at - kept);
    this.#noteQuiet();
  }

  #acknowledge(wait: Wait): void {
    this.#waiting -= wait.commits;
    const isConfirmed = this.#places.reached(wait.requirement) >= wait.seq;
    if (isConfirmed || wait.isExcused) wait.resolve();
    else wait.reject(unconfirmed('the database was closed', wait.seq));
  }

  /** It never reached this disk. */
  #end(wait: Wait, settle: () => void): void {
    this.#waits = this.#waits.filter((one) => one !== wait);
    this.#waiting -= wait.commits;
    settle();
    this.#noteQuiet();
  }

  #noteQuiet(): void {
    if (this.#waits.length > 0) return;
    for (const resolve of this.#quiet.splice(0)) resolve();
  }

  /** One timer, for the wait that is over first. */
  #wakeAt(atMs: number): void {
    if (atMs === Infinity || this.#ended || (this.#timer?.atMs ?? Infinity) <= atMs) return;
    this.#timer?.cancel();
    const leftMs = Math.max(0, Math.ceil(atMs - this.#options.clock.monotonic()));
    const cancel = this.#options.clock.after(leftMs, () => {
      this.#timer = null;
      this.#expire();
      this.#wakeForFirst();
    });
    this.#timer = { atMs, cancel };
  }

  #wakeForFirst(): void {
    const here = this.#waits.filter(({ group }) => group === null);
    this.#wakeAt(here.reduce((first, wait) => Math.min(first, deadline(wait)), Infinity));
  }

  /** Whoever waits for what has not come in time waits no more, and nobody after him. */
  #expire(): void {
    const nowMs = this.#options.clock.monotonic();
    for (const wait of this.#waits) {
      if (wait.group === null && deadline(wait) <= nowMs) this.#degrade(wait.requirement);
    }
    this.#settle();
  }

  #degrade(requirement: Requirement): void {
    if (this.#degraded.has(requirement) || this.#session === null) return;
    this.#degraded.begin(requirement, this.#places, this.#session.durableSeq());
    for (const wait of this.#waits) {
      if (wait.requirement.key !== requirement.key || wait.isExcused) continue;
      wait.isExcused = true;
      this.#unreplicated += wait.commits;
    }
  }
}

function sameSettings(one: SynchronousSettings, other: SynchronousSettings): boolean {
  return (
    one.synchronousReplicas === other.synchronousReplicas &&
    one.synchronousNames === other.synchronousNames &&
    one.synchronousPolicy === other.synchronousPolicy &&
    one.synchronousTimeoutMs === other.synchronousTimeoutMs
  );
}

function newWait(group: Group, requirement: Requirement, isDefault: boolean): Wait {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const done = new Promise<void>((onDone, onFailed) => {
    resolve = onDone;
    reject = onFailed;
  });
  // Every commit of the group hears of it; a program that awaits none has its own rejection to miss.
  const start = { group, seq: 0, commits: 1, sinceMs: 0, isExcused: false };
  return { ...start, requirement, isDefault, done, resolve, reject };
}

function deadline({ isExcused, requirement, sinceMs }: Wait): number {
  return !isExcused && requirement.policy === 'degrade'
    ? sinceMs + requirement.timeoutMs
    : Infinity;
}

function unavailable(replicas: number, why: string): PaminaError {
  const message = `${replicas} replicas cannot confirm a commit here: ${why}`;
  return new PaminaError('DURABILITY_UNAVAILABLE', message, { context: { replicas } });
}

/** The commit is there; only that replicas have it is not known. */
export function unconfirmed(why: string, seq: number, cause?: unknown): PaminaError {
  const message = `${why} before its replicas confirmed the commit; it is in the log here, as record ${seq}`;
  return new PaminaError('REPLICAS_UNCONFIRMED', message, { cause, context: { seq } });
}
