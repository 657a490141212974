// In the end of some runs a replica takes over the name of its master: the server's steps (claim the name, become
// normal, be renamed), each of them again where a crash came between. The old master comes back, with clients that
// know no better, learns that its name is taken, and becomes a replica.

import { readControl, writeControl, type Control } from '@pamina/engine';
import { forkPoint, takeoverOf, takeoverReason, toPaminaError } from '@pamina/format';
import type { Cluster } from './cluster.js';
import type { LoggedRecord } from './history.js';
import { readLogFiles } from './log-files.js';
import type { Succession } from './plan.js';
import { ProcessEnded, type Site } from './site.js';
import type { Prng } from './world/prng.js';

const lookMs = 20;
/** Clients that know no better write to the old master for so long. */
const clingMs = 400;
/** Between two times that a connection ends and its replica looks its master up. */
const resetMs = 300;
/** An old master to which no replica comes looks its name up in the end. */
const visitsMax = 30;

class GivenUp extends Error {}

export class TakeOver {
  /** Nothing is left to be done; nor is where something was damaged on purpose. */
  isDone = false;
  readonly #cluster: Cluster;
  readonly #plan: Succession;
  readonly #random: Prng;
  /** What is taken over. */
  readonly #name: string;
  readonly #old: Site;
  #successor: Site | null = null;
  /** A replica that looks the name up may find either. */
  #isAddressStale = false;
  #looksUp: boolean;
  #isTakenOver = false;
  #isCutOff = false;
  #isGivenUp = false;
  #fencing: Promise<void> | null = null;

  constructor(cluster: Cluster, plan: Succession) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#random = cluster.random.fork('succession');
    this.#old = cluster.master;
    this.#name = this.#old.databaseName;
    this.#looksUp = plan.looksUp;
    cluster.attend = (site) => this.#attend(site);
    cluster.misdirect = (name, by) => this.#misdirect(name, by);
    cluster.onTakenOver = (site) => this.#onTakenOver(site);
  }

  async run(): Promise<void> {
    const cluster = this.#cluster;
    const { downUntil, gone } = cluster;
    try {
      await this.#takeOver();
    } catch (error) {
      if (!(error instanceof GivenUp)) throw error;
      // Nobody has the master's place then.
      if (gone.has(this.#successor ?? this.#old)) for (const site of cluster.sites) gone.add(site);
    } finally {
      this.#isAddressStale = false;
      cluster.former = null;
      for (const site of cluster.sites) downUntil.delete(site);
      cluster.world.network.links.heal();
      this.isDone = true;
    }
  }

  giveUp(): void {
    this.#isGivenUp = true;
  }

  async #takeOver(): Promise<void> {
    const cluster = this.#cluster;
    const untilSeq = await this.#stopMaster();
    const isUp = (site: Site): boolean => site.isOpen || cluster.gone.has(site);
    await this.#until(() => this.#followers().every(isUp));
    const among = this.#followers().filter((site) => site.isOpen);
    const [successor] = among.sort((one, other) => durableSeq(other) - durableSeq(one));
    if (successor === undefined) {
      cluster.gone.add(this.#old);
      return;
    }
    this.#successor = successor;
    // The fence names whoever is to take over: it is chosen before, and has the rest by now.
    await this.#until(() => durableSeq(successor) >= untilSeq);
    if (this.#plan.isInterrupted) this.#interrupt(successor);
    cluster.former = this.#old;
    // The others know their master by a name that stays; who followed the successor knows one that goes.
    const ownFollowers = cluster.followersOf(successor);
    await this.#promote(
      successor,
      cluster.replicas.filter((site) => site.isOpen).map(({ name }) => name),
    );
    await this.#until(() => successor.isOpen);
    for (const site of ownFollowers) await this.#pointAt(site);
    this.#isTakenOver = true;
    await this.#untilOldIsFenced(successor);
    await this.#pause(clingMs * this.#random.between(0.2, 1));
    await this.#rejoin(successor);
  }

  /** The record that whoever takes over must have; 0 where nobody can say. */
  async #stopMaster(): Promise<number> {
    const cluster = this.#cluster;
    const [old, random] = [this.#old, this.#random];
    await this.#pause(random.between(20, 300));
    if (this.#plan.kind === 'switchover') return this.#fence(false);
    if (this.#plan.kind === 'cut-off') {
      const { links } = cluster.world.network;
      this.#isCutOff = true;
      cluster.former = old;
      for (const site of cluster.replicas) links.partition(old.name, site.name);
      cluster.history.add({ type: 'network', what: `nobody hears ${old.name}` });
      return 0;
    }
    cluster.downUntil.set(old, Infinity);
    old.crash(random.pick(['kill', 'power-cut']));
    for (const site of this.#followers()) {
      if (random.chance(0.4)) site.crash(random.pick(['kill', 'power-cut']));
    }
    return 0;
  }

  #followers(): Site[] {
    return this.#cluster.followersOf(this.#old);
  }

  #interrupt(site: Site): void {
    const cluster = this.#cluster;
    cluster.spawn('interruption', async () => {
      for (let count = this.#random.below(3); count >= 0; count--) {
        await cluster.pause(this.#random.between(0, 60));
        site.crash(this.#random.pick(['kill', 'power-cut']));
      }
    });
  }

  /** Its last record. */
  async #fence(takenOver: boolean): Promise<number> {
    const [cluster, old] = [this.#cluster, this.#old];
    const { history } = cluster;
    return this.#persistently(old, async () => {
      const database = await old.openAside();
      const { seq, timelineId } = database.durable();
      const since = old.host.env.clock.now();
      const fence = { since, successor: this.#name, takenOver };
      await old.wait(database.updateControl({ fence }));
      await old.wait(database.close());
      const successor = this.#successor?.name ?? '';
      const { name } = old;
      // From here on its operator opens it again.
      history.add({ type: 'fenced', database: name, timelineId, seq, successor, takenOver });
      return seq;
    });
  }

  async #promote(successor: Site, among: readonly string[]): Promise<void> {
    const { directory, history, upstreams } = this.#cluster;
    const former = successor.databaseName;
    directory.set(this.#name, successor);
    let isSaid = false;
    await this.#persistently(successor, async () => {
      const database = await successor.openAside('write');
      const { env } = successor.host;
      if (database.control.type === 'replica') {
        const { seq } = database.durable();
        const since = env.clock.now();
        const about = { of: this.#name, formerName: former, since, atSeq: seq, finished: false };
        await successor.wait(database.updateControl({ takeover: about }));
        await successor.wait(database.becomeNormal(takeoverReason(this.#name)));
      }
      const { takeover, timelines } = database.control;
      const seq = takeover?.atSeq ?? -1;
      if (!isSaid) {
        history.add({ type: 'promoted', database: successor.name, seq, among, timelines });
      }
      isSaid = true;
      await successor.wait(database.close());
      const control = await successor.wait(readControl(env.disk, successor.folder));
      if (control === null) throw new Error(`${successor.name} has no control file`);
      const renamed = { ...control, name: this.#name };
      await successor.wait(writeControl(env.disk, successor.folder, renamed));
      successor.databaseName = this.#name;
    });
    directory.delete(former);
    for (const site of this.#followers()) upstreams.set(site, successor);
    upstreams.delete(successor);
    upstreams.set(this.#old, successor);
    this.#cluster.master = successor;
  }

  /** A replica of the one that has another name now. */
  async #pointAt(site: Site): Promise<void> {
    if (this.#cluster.gone.has(site) || site === this.#old) return;
    await this.#persistently(site, async () => {
      const database = await site.openAside();
      const { master } = database.control;
      if (master !== this.#name) {
        await site.wait(database.updateControl({ master: this.#name }));
      }
      await site.wait(database.close());
    });
  }

  /** By the directory, or by a replica that comes by with the history of who took over. */
  async #untilOldIsFenced(successor: Site): Promise<void> {
    const cluster = this.#cluster;
    const { network } = cluster.world;
    this.#isAddressStale = !this.#looksUp;
    cluster.downUntil.delete(this.#old);
    await this.#pause(this.#random.between(100, 1_500));
    if (this.#isCutOff) network.links.heal();
    this.#isCutOff = false;
    for (let visits = 0; !this.#isFenced; visits++) {
      const visitors = cluster.followersOf(successor).filter((site) => site !== this.#old);
      if (visits >= visitsMax || visitors.length === 0) this.#looksUp = true;
      for (const site of visitors) {
        if (!this.#random.chance(0.5)) continue;
        network.reset(site.name, successor.name);
        network.reset(site.name, this.#old.name);
      }
      await this.#pause(resetMs);
    }
    this.#isAddressStale = false;
  }

  get #isFenced(): boolean {
    const { events } = this.#cluster.history;
    return (
      this.#cluster.gone.has(this.#old) ||
      events.some((event) => event.type === 'fenced' && event.takenOver)
    );
  }

  /** Of the old master, before its operator does anything else: whether somebody has its name. */
  async #attend(site: Site): Promise<boolean> {
    if (site !== this.#old || !this.#isTakenOver || this.#isFenced) return false;
    if (!this.#looksUp || this.#isCutOff) return false;
    const control = await site.wait(readControl(site.host.env.disk, site.folder));
    const theirs = this.#successor?.database?.timelines;
    if (control === null || theirs === undefined) return true;
    if (takeoverOf(this.#name, control.timelines, theirs) === null) return false;
    await this.#onTakenOver(site);
    return true;
  }

  /** It takes no writes any more, however often it is opened. */
  async #onTakenOver(site: Site): Promise<void> {
    if (site !== this.#old || this.#isFenced) return;
    this.#fencing ??= this.#fence(true).then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof GivenUp)) throw error;
      },
    );
    await this.#fencing;
  }

  #misdirect(name: string, by: Site): Site | null {
    const isAsked = this.#isAddressStale && name === this.#name && by !== this.#old;
    return isAsked && this.#random.chance(0.5) ? this.#old : null;
  }

  async #rejoin(successor: Site): Promise<void> {
    const [cluster, old] = [this.#cluster, this.#old];
    if (cluster.gone.has(old)) return;
    const name = `${this.#name}-old`;
    const { history, directory } = cluster;
    const { timelines } = await this.#permit(successor, name);
    await this.#persistently(old, async () => {
      const database = await old.openAside();
      const { control } = database;
      const { seq } = database.durable();
      const { seqMax } = forkPoint(control.timelines, timelines);
      await old.wait(database.close());
      const lost = this.#logOf(old, seq).filter((record) => record.seq > seqMax);
      const chosen = seq <= seqMax ? 'followed' : 'recreated';
      const about = { way: chosen, forkSeq: Math.min(seq, seqMax) } as const;
      history.add({ type: 'rejoined', database: old.name, ...about, lost: lost.flatMap(commitOf) });
      const { disk, clock } = old.host.env;
      const fence = { since: clock.now(), successor: this.#name, takenOver: true };
      const change =
        chosen === 'followed'
          ? ({ type: 'replica', master: this.#name, fence: null, takeover: null } as const)
          : { fence };
      await old.wait(writeControl(disk, old.folder, { ...control, ...change, name }));
      old.databaseName = name;
      if (chosen === 'recreated') cluster.makeAnew(old);
    });
    directory.set(name, old);
    cluster.former = null;
  }

  async #permit(successor: Site, name: string): Promise<Control> {
    for (;;) {
      const { database } = successor;
      try {
        if (database?.isWriter === true) {
          await successor.wait(database.permit(name, { simultaneousQuery: true }));
          return database.control;
        }
      } catch (error) {
        if (!(error instanceof ProcessEnded)) throw error;
      }
      await this.#pause(lookMs);
    }
  }

  /** Read without the code that is being tested, and written down: it may be taken away next. */
  #logOf({ folder, host, name }: Site, lastSeq: number): readonly LoggedRecord[] {
    const { history } = this.#cluster;
    const read = readLogFiles(host.disk, `${folder}/log`, history.knownRecords, lastSeq);
    history.add({ type: 'log-read', database: name, ...read });
    return read.records;
  }

  /** With the database closed and nobody else at it, again until nothing comes between. */
  async #persistently<T>(site: Site, work: () => Promise<T>): Promise<T> {
    const cluster = this.#cluster;
    for (;;) {
      try {
        cluster.downUntil.set(site, Infinity);
        await cluster.closeSite(site);
        site.startProcess();
        const done = await work();
        cluster.downUntil.delete(site);
        return done;
      } catch (error) {
        if (error instanceof GivenUp) throw error;
        if (!(error instanceof ProcessEnded)) throw this.#lost(site, error);
        await this.#pause(lookMs);
      }
    }
  }

  /** Its files are damaged: that is said. */
  #lost(site: Site, error: unknown): GivenUp {
    const { gone, history } = this.#cluster;
    const { name: database } = site;
    gone.add(site);
    const { code, message } = toPaminaError(error);
    history.add({ type: 'open-failed', database, code, message });
    history.add({ type: 'reported', database, by: 'error', code, message });
    return new GivenUp();
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#pause(lookMs);
  }

  async #pause(ms: number): Promise<void> {
    await this.#cluster.pause(ms);
    if (this.#isGivenUp) throw new GivenUp();
  }
}

function durableSeq(site: Site): number {
  return site.database?.durable().seq ?? 0;
}

function commitOf({ commit }: LoggedRecord): string[] {
  return commit === null ? [] : [commit];
}
