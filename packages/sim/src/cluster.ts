// The databases of one run, the clients that use them, and the operator who brings up what went down.

import { createDatabase, type SourceArchive } from '@pamina/engine';
import { isPaminaError, toPaminaError } from '@pamina/format';
import { ArchiveHost } from './archive-host.js';
import { backUp, backUpIfNone } from './backups.js';
import type { History } from './history.js';
import { damageCodes } from './invariant/context.js';
import type { Plan } from './plan.js';
import { layOutFromArchive, layOutReplica, type Replication } from './lay-out.js';
import { readAlong } from './reader.js';
import { ProcessEnded, Site } from './site.js';
import { isFromArchive } from './sources.js';
import { Writer } from './writer.js';
import type { Prng } from './world/prng.js';
import type { World } from './world/world.js';

/** How often the operator looks after each database. */
const lookMs = [150, 450] as const;
/** A database that does not close by then is killed. */
const closeMs = 20_000;
const setUpMs = 60_000;
const slotsWrittenMs = 1_500;

export class Cluster {
  readonly world: World;
  readonly history: History;
  readonly plan: Plan;
  readonly random: Prng;
  readonly sites: readonly Site[];
  /** Null in a run without one. */
  readonly archive: ArchiveHost | null;
  readonly writers: Writer[] = [];
  /** Sites that are down on purpose, and until when. */
  readonly downUntil = new Map<Site, number>();
  /** Down for good. */
  readonly gone = new Set<Site>();
  /** Which machine has the database of a name. */
  readonly directory: Map<string, Site>;
  /** Whom each replica follows. */
  readonly upstreams = new Map<Site, Site>();
  /** From here on nothing goes wrong any more. */
  areFaultsOver = false;
  /** An old master that some clients still write to, whenever it is there. */
  former: Site | null = null;
  /** What an operator does before anything else; true if that was all. */
  attend: ((site: Site) => Promise<boolean>) | null = null;
  /** Where somebody is led whose directory is out of date; null if it is not. */
  misdirect: ((name: string, by: Site) => Site | null) | null = null;
  /** Who can be written to, where more than one may be; null where that is the master. */
  writable: (() => readonly Site[]) | null = null;
  /** A replica has proved that the name of a database has another one. */
  onTakenOver: ((site: Site) => Promise<void>) | null = null;
  #master: Site;
  /** Replicas that are not laid out, or not to the end. */
  readonly #unmade = new Set<Site>();
  /** Clients of an earlier round have stopped. */
  #clientRound = 0;
  #isOver = false;
  readonly #tasks = new Map<Promise<void>, string>();

  constructor(world: World, history: History, plan: Plan) {
    this.world = world;
    this.history = history;
    this.plan = plan;
    this.random = world.random.fork('cluster');
    const names = [
      'master',
      ...Array.from({ length: plan.replicas }, (_, at) => `replica-${at + 1}`),
    ];
    this.archive =
      plan.archiveIntervalMs === null ? null : new ArchiveHost(world, plan.archiveIntervalMs);
    this.sites = names.map(
      (name) =>
        new Site({
          world,
          history,
          name,
          segmentBytes: plan.segmentBytes,
          archive: this.archive,
          resolve: (master, by) => this.#addressOf(master, by),
          machineOf: (database) => this.directory.get(database)?.name ?? database,
          onTakenOver: (site) => this.spawn('fence', async () => this.onTakenOver?.(site)),
        }),
    );
    this.directory = new Map(this.sites.map((site) => [site.name, site]));
    this.#master = this.sites[0] as Site;
    for (const [at, site] of this.sites.entries()) {
      const isSecondHand = plan.isCascade && at === this.sites.length - 1;
      const upstream = isSecondHand ? this.sites[at - 1] : this.#master;
      if (at > 0 && upstream !== undefined) this.upstreams.set(site, upstream);
    }
    for (const site of this.sites) {
      this.calm(site);
    }
  }

  /** The disk as it is in this run while nothing is wrong. */
  calm({ host }: Site): void {
    const { settings } = host.disk;
    settings.rates.writeBack = this.plan.writeBackRate;
    settings.rates.stall = this.plan.stallRate;
    settings.stallMs = this.plan.stallMs;
  }

  get master(): Site {
    return this.#master;
  }

  set master(site: Site) {
    this.#master = site;
  }

  followersOf(upstream: Site): Site[] {
    return this.sites.filter(
      (site) => this.upstreams.get(site) === upstream && !this.gone.has(site),
    );
  }

  get replicas(): Site[] {
    return this.sites.filter((site) => site !== this.#master && !this.gone.has(site));
  }

  /** The time on nobody's clock. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.world.at(ms, resolve));
  }

  /** Work beside everything else; what it throws is in the history. */
  spawn(what: string, work: () => Promise<void>): void {
    const task = work().catch((error: unknown) => {
      if (error instanceof ProcessEnded) return;
      const message = `${what}: ${(error as Error).stack ?? String(error)}`;
      this.history.add({ type: 'uncaught', message });
    });
    this.#tasks.set(task, what);
    void task.finally(() => this.#tasks.delete(task));
  }

  /** Master, a first backup, and the replicas made from it; no fault happens yet. */
  async setUp(): Promise<void> {
    await this.world.finish(this.#setUp(), setUpMs);
    // Until the master has written down that these replicas exist.
    await this.world.settle(slotsWrittenMs);
    for (const site of this.sites)
      this.spawn(`operator of ${site.name}`, () => this.#operate(site));
  }

  async #setUp(): Promise<void> {
    const { master, history, plan } = this;
    const control = await createDatabase(master.folder, {
      env: master.host.env,
      name: master.name,
    });
    history.add({ type: 'created', database: master.name, timelines: control.timelines });
    await master.open();
    const { database } = master;
    if (database === null) throw new Error('the master does not open');
    for (const site of this.replicas) await database.permit(site.name, { simultaneousQuery: true });
    const { replicationDelayMs, archiveKeepHours, replicaHoldBytes } = plan;
    await database.system.setSettings({
      replicationDelayMs,
      archiveKeepHours,
      replicaHoldBytes,
      replicaHoldDays: 0,
      backupGenerations: 2,
    });
    await backUp(history, master);
    for (const site of this.replicas) {
      await this.#layOut(site);
      await site.open();
    }
  }

  startClients(): void {
    this.startWriters();
    this.startReaders();
  }

  startWriters(load: Partial<Pick<Plan, 'commitsMax' | 'thinkMs'>> = {}): void {
    const { history, world } = this;
    const plan = { ...this.plan, ...load };
    const pause = (ms: number): Promise<void> => this.pause(ms);
    const isStopped = this.#untilStopped();
    for (let at = 1; at <= plan.writers; at++) {
      const name = `w${this.writers.length + 1}`;
      const random = world.random.fork(name);
      const master = (): Site | null => this.#writable(at);
      const writer = new Writer({ name, plan, random, history, master, pause, isStopped });
      this.writers.push(writer);
      this.spawn(`writer ${name}`, () => writer.run());
    }
  }

  startReaders(): void {
    const { history, world } = this;
    const pause = (ms: number): Promise<void> => this.pause(ms);
    const isStopped = this.#untilStopped();
    for (const [at, site] of this.sites.entries()) {
      const name = `r${this.writers.length}-${at + 1}`;
      const random = world.random.fork(name);
      const { keys } = this.plan;
      this.spawn(`reader ${name}`, () =>
        readAlong({ name, keys, random, history, site, pause, isStopped }),
      );
    }
  }

  stopClients(): void {
    this.#clientRound += 1;
  }

  #untilStopped(): () => boolean {
    const round = this.#clientRound;
    return () => this.#clientRound !== round;
  }

  /** Every other client takes an old master for the master. */
  #writable(client: number): Site | null {
    const several = this.writable?.() ?? null;
    if (several !== null) return several[client % several.length] ?? null;
    if (client % 2 === 1 && this.former?.isOpen === true) return this.former;
    return this.gone.has(this.#master) ? null : this.#master;
  }

  /** Nobody looks after anything any more. */
  end(): void {
    this.stopClients();
    this.#isOver = true;
  }

  /** What is still under way, by name. */
  get underWay(): readonly string[] {
    return [...this.#tasks.values()];
  }

  async #operate(site: Site): Promise<void> {
    const random = this.random.fork(`operator ${site.name}`);
    while (!this.#isOver) {
      await this.pause(random.between(...lookMs));
      if (this.#isDown(site) || this.gone.has(site) || this.#isOver) continue;
      try {
        await this.#lookAfter(site);
      } catch (error) {
        // It went down again: looked after next time.
        if (!(error instanceof ProcessEnded)) throw error;
      }
    }
  }

  #isDown(site: Site): boolean {
    return (this.downUntil.get(site) ?? 0) > this.world.nowMs;
  }

  async #lookAfter(site: Site): Promise<void> {
    site.startProcess();
    if ((await this.attend?.(site)) === true || this.#isDown(site)) return;
    if (this.#unmade.has(site)) await this.#layOut(site);
    else if (site.database === null) {
      if (!(await site.open())) await this.#afterFailedOpen(site);
    } else if (site.database.state === 'failed') {
      await this.closeSite(site);
    } else {
      site.observeProgress();
      await this.#lookAfterFollower(site);
    }
  }

  async closeSite(site: Site): Promise<void> {
    const life = site.host.lives;
    const closing = site.close();
    await Promise.race([closing, this.pause(closeMs)]);
    if (site.database === null || site.host.lives !== life) return;
    this.history.add({ type: 'fault', database: site.name, what: 'it does not close' });
    site.crash('kill');
  }

  /** A replica whose files are damaged is made anew; a master's damage is for a replica to mend. */
  async #afterFailedOpen(site: Site): Promise<void> {
    const last = this.history.events.findLast(
      (event) => event.type === 'open-failed' && event.database === site.name,
    );
    if (last?.type !== 'open-failed' || !damageCodes.has(last.code)) return;
    if (site === this.#master) this.gone.add(site);
    else await this.#layOut(site);
  }

  async #lookAfterFollower(site: Site): Promise<void> {
    const { follower } = site;
    if (follower === null) return;
    const { state, code } = follower.status();
    if (state === 'failed') {
      follower.start();
      return;
    }
    const isLost = state === 'diverged' || state === 'log-gone';
    if (!isLost || code === null || this.gone.has(this.#master)) return;
    // What the archive has not the master may have, when it is back.
    if (isFromArchive(site) && !this.#master.isOpen) return;
    await this.closeSite(site);
    if (site.database === null) await this.#layOut(site);
  }

  /** From its operator's next look on it is a replica made from a backup. */
  makeAnew(site: Site): void {
    this.#unmade.add(site);
  }

  async #layOut(site: Site): Promise<void> {
    this.#unmade.add(site);
    const master = (this.upstreams.get(site) ?? this.#master).databaseName;
    const { applyDelayMs } = this.plan;
    const replication = { master, applyDelayMs, source: this.#sourceOf(this.#master) };
    try {
      if (this.#master !== this.sites[0]) await backUpIfNone(this.history, this.#master);
      const isDone =
        (await this.#layOutAlone(site, replication)) ||
        (await layOutReplica(site, this.#master, replication));
      if (!isDone) this.gone.add(site);
      else this.history.add({ type: 'created', database: site.name, timelines: [] });
      this.#unmade.delete(site);
    } catch (error) {
      if (error instanceof ProcessEnded) throw error;
      const { code, message } = toPaminaError(error);
      this.history.add({ type: 'open-failed', database: site.name, code, message });
    }
  }

  /** Under the name of the machine that archives it. */
  #sourceOf(master: Site): SourceArchive | null {
    const { archive, plan } = this;
    if (archive === null || plan.source === null) return null;
    return archive.besideMaster(master.name, plan.source);
  }

  /** From the archive, where the master is not there; false where that has nothing to begin with. */
  async #layOutAlone(site: Site, replication: Replication): Promise<boolean> {
    const { source } = replication;
    if (source === null || this.archive === null || this.#master.isOpen) return false;
    try {
      await layOutFromArchive(site, this.archive, { ...replication, source });
      return true;
    } catch (error) {
      if (isPaminaError(error, 'BACKUP_NOT_FOUND')) return false;
      throw error;
    }
  }

  #addressOf(name: string, by: Site): string | null {
    return (this.misdirect?.(name, by) ?? this.directory.get(name))?.address ?? null;
  }
}
