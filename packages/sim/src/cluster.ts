// The databases of one run, the clients that use them, and the operator who brings up what went down.

import { createDatabase } from '@pamina/engine';
import { toPaminaError } from '@pamina/format';
import { ArchiveHost } from './archive-host.js';
import { backUp, layOutReplica } from './backups.js';
import type { History } from './history.js';
import { damageCodes } from './invariant/context.js';
import type { Plan } from './plan.js';
import { readAlong } from './reader.js';
import { ProcessEnded, Site } from './site.js';
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
  /** From here on nothing goes wrong any more. */
  areFaultsOver = false;
  #master: Site;
  /** Replicas that are not laid out, or not to the end. */
  readonly #unmade = new Set<Site>();
  #areClientsStopped = false;
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
          resolve: (master) => this.#addressOf(master),
        }),
    );
    this.#master = this.sites[0] as Site;
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
    const { plan, history, world } = this;
    const pause = (ms: number): Promise<void> => this.pause(ms);
    const isStopped = (): boolean => this.#areClientsStopped;
    for (let at = 1; at <= plan.writers; at++) {
      const name = `w${this.writers.length + 1}`;
      const random = world.random.fork(name);
      const master = (): Site | null => (this.gone.has(this.#master) ? null : this.#master);
      const writer = new Writer({ name, plan, random, history, master, pause, isStopped });
      this.writers.push(writer);
      this.spawn(`writer ${name}`, () => writer.run());
    }
    for (const [at, site] of this.sites.entries()) {
      const name = `r${this.writers.length}-${at + 1}`;
      const random = world.random.fork(name);
      const { keys } = plan;
      this.spawn(`reader ${name}`, () =>
        readAlong({ name, keys, random, history, site, pause, isStopped }),
      );
    }
  }

  stopClients(): void {
    this.#areClientsStopped = true;
  }

  restartClients(): void {
    this.#areClientsStopped = false;
    this.startClients();
  }

  /** Nobody looks after anything any more. */
  end(): void {
    this.#areClientsStopped = true;
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
      const isDown = (this.downUntil.get(site) ?? 0) > this.world.nowMs;
      if (isDown || this.gone.has(site) || this.#isOver) continue;
      try {
        await this.#lookAfter(site);
      } catch (error) {
        // It went down again: looked after next time.
        if (!(error instanceof ProcessEnded)) throw error;
      }
    }
  }

  async #lookAfter(site: Site): Promise<void> {
    site.startProcess();
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
    await this.closeSite(site);
    if (site.database === null) await this.#layOut(site);
  }

  async #layOut(site: Site): Promise<void> {
    this.#unmade.add(site);
    try {
      const isDone = await layOutReplica(site, this.#master);
      if (!isDone) this.gone.add(site);
      else this.history.add({ type: 'created', database: site.name, timelines: [] });
      this.#unmade.delete(site);
    } catch (error) {
      if (error instanceof ProcessEnded) throw error;
      const { code, message } = toPaminaError(error);
      this.history.add({ type: 'open-failed', database: site.name, code, message });
    }
  }

  #addressOf(name: string): string | null {
    return this.sites.find((site) => site.name === name)?.address ?? null;
  }
}
