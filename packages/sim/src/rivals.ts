// In the end of some runs two failovers of one master are begun at once, of two servers or of one; or one is cut short
// and begun again. The machines run the real servers meanwhile: what is decided is decided by the product alone, from
// the claim in the directory on. One database has the name in the end.

import type { Control, Database } from '@pamina/engine';
import { toPaminaError } from '@pamina/format';
import type { FailoverOptions } from '@pamina/wire';
import type { Cluster } from './cluster.js';
import { readLogFiles } from './log-files.js';
import { observeLog } from './observe.js';
import type { Rivalry } from './plan.js';
import { ServerProcess } from './server-process.js';
import { controlIn, sharedDisk } from './shared-disk.js';
import { ProcessEnded, type Site } from './site.js';
import type { Host } from './world/host.js';
import type { Prng } from './world/prng.js';

const lookMs = 20;
const progressMs = 200;
/** A server looks at the directory so often by itself; then each knows who has the name. */
const namesKnownMs = 7_000;
/** One that failed is begun again by a person. */
const againMs = 700;
const timesMax = 40;
/** There is something to lose all the while. */
const load = { commitsMax: 240, thinkMs: 40 };
const dataFolder = '/data';
const sharedFolder = `${dataFolder}/directory`;

export class Rivals {
  /** The machines are those of the cluster again. */
  isDone = false;
  readonly #cluster: Cluster;
  readonly #plan: Rivalry;
  readonly #random: Prng;
  /** What is taken over. */
  readonly #name: string;
  readonly #old: Site;
  /** Has the disk with the directory, and nothing else to do. */
  readonly #directory: Host;
  readonly #servers = new Map<Site, ServerProcess>();
  readonly #controls = new Map<Site, Control>();
  /** Replicas that were there all the time. */
  readonly #steady = new Set<Site>();
  #isServing = false;
  #isOver = false;
  #isGivenUp = false;
  /** Of each failover that was asked for: who took over, or why nobody did. */
  readonly #outcomes: string[] = [];
  #wasInterrupted = false;

  constructor(cluster: Cluster, plan: Rivalry) {
    this.#cluster = cluster;
    this.#plan = plan;
    this.#random = cluster.random.fork('rivals');
    this.#old = cluster.master;
    this.#name = this.#old.databaseName;
    this.#directory = cluster.world.host('directory');
    cluster.attend = (site) => this.#attend(site);
  }

  async run(): Promise<void> {
    const cluster = this.#cluster;
    try {
      await this.#beginServing();
      cluster.history.add({ type: 'failovers-begun', of: this.#name });
      cluster.writable = () => cluster.sites.filter((site) => site.database?.isWriter === true);
      cluster.startWriters(load);
      await this.#pause(this.#random.between(20, 300));
      await this.#failOver();
      await this.#untilQuiet();
    } catch (error) {
      if (!(error instanceof GivenUp)) throw error;
    } finally {
      this.#isOver = true;
      cluster.stopClients();
      cluster.writable = null;
    }
    await this.#untilAnswered();
    this.#noteEnd();
    await this.#endServing();
    this.isDone = true;
  }

  giveUp(): void {
    this.#isGivenUp = true;
  }

  async #beginServing(): Promise<void> {
    const cluster = this.#cluster;
    // An operator may be about to open one.
    const isOpen = (): boolean => cluster.sites.some((site) => site.database !== null);
    for (let count = 0; count < 2 || isOpen(); count++) {
      for (const site of cluster.sites) await cluster.closeSite(site);
      await this.#pause(lookMs);
    }
    for (const site of cluster.sites) {
      this.#note(site);
      if (site !== this.#old) this.#steady.add(site);
      site.hostBy(() => this.#databaseOf(site));
    }
    this.#isServing = true;
    cluster.spawn('looks at servers', () => this.#lookOn());
    await this.#until(() => cluster.sites.every((site) => site.isOpen));
  }

  /** The operator brings up a server where there is none. */
  async #attend(site: Site): Promise<boolean> {
    if (!this.#isServing || this.#isOver || this.#servers.has(site)) return true;
    const { host } = site;
    const { disk: shared } = host.envOn(this.#directory);
    const onControl = (control: Control): void => this.#noteControl(site, control);
    const disk = sharedDisk({ own: host.env.disk, shared, sharedFolder, onControl });
    const starting = ServerProcess.start({
      env: { ...host.env, disk },
      machine: site.name,
      dataFolder,
      directory: `${sharedFolder}/directory.json`,
    });
    this.#servers.set(site, await site.wait(starting));
    return true;
  }

  #databaseOf(site: Site): Database | null {
    return this.#servers.get(site)?.database([this.#name, site.name]) ?? null;
  }

  async #lookOn(): Promise<void> {
    const { sites } = this.#cluster;
    for (let count = 0; !this.#isOver; count++) {
      for (const site of sites) {
        await site.lookHosted();
        if (count % (progressMs / lookMs) === 0) site.observeProgress();
      }
      await this.#cluster.pause(lookMs);
    }
  }

  #crash(site: Site): void {
    if (!site.host.isRunning) return;
    this.#steady.delete(site);
    this.#wasInterrupted = true;
    this.#servers.delete(site);
    site.crash(this.#random.pick(['kill', 'power-cut']));
    // What it had on its disk by then, told or not.
    this.#note(site);
  }

  async #failOver(): Promise<void> {
    const { isLevel, isLost, kind } = this.#plan;
    const [cluster, random] = [this.#cluster, this.#random];
    if (isLost) {
      if (isLevel) await this.#untilLevel();
      cluster.downUntil.set(this.#old, Infinity);
      this.#crash(this.#old);
      this.#wasInterrupted = false;
      if (isLevel) cluster.startWriters(load);
    }
    const others = cluster.replicas;
    const askedOf = this.#plan.isOneServer ? [random.pick(others)] : others;
    const calls = Array.from({ length: kind === 'twice' ? 2 : 1 }, (_, at) => {
      const by = askedOf[at % askedOf.length] as Site;
      const own = others[at % others.length] as Site;
      const to = { any: undefined, own: own.name, same: others[0]?.name }[this.#plan.aim];
      return this.#pause(at * random.pick([0, 1, 5, 40]) * random.fraction()).then(() =>
        this.#ask(by, to === undefined ? {} : { to }),
      );
    });
    this.#interrupt();
    await Promise.all(calls);
    // The master comes back sooner or later, whether it has been replaced or not.
    if (random.chance(0.5)) cluster.downUntil.delete(this.#old);
    for (let times = 0; times < timesMax && !this.#isTaken(); times++) {
      await this.#pause(againMs * random.between(0.2, 1));
      const up = cluster.replicas.filter((site) => this.#servers.has(site));
      if (up.length > 0) await this.#ask(random.pick(up), {});
    }
    cluster.downUntil.delete(this.#old);
  }

  async #untilLevel(): Promise<void> {
    const [cluster, old] = [this.#cluster, this.#old];
    cluster.stopClients();
    await this.#untilAnswered();
    const seqOf = (site: Site): number => site.database?.durable().seq ?? -1;
    await this.#until(() => cluster.replicas.every((site) => seqOf(site) === seqOf(old)));
  }

  #isTaken(): boolean {
    return this.#outcomes.some((outcome) => outcome.startsWith('done'));
  }

  /** Of whom a person asks it; ends without an outcome when that server goes down. */
  async #ask(by: Site, options: FailoverOptions): Promise<void> {
    const server = this.#servers.get(by);
    if (server === undefined) return;
    let outcome: string;
    try {
      const { successor } = await by.wait(server.host.failover(this.#name, options));
      outcome = `done by ${successor}`;
    } catch (error) {
      if (error instanceof ProcessEnded) outcome = 'cut short';
      else {
        const { code, message } = toPaminaError(error);
        outcome = `${code}: ${message}`;
      }
    }
    this.#outcomes.push(outcome);
    const about = { by: by.name, to: options.to ?? null, outcome };
    this.#cluster.history.add({ type: 'failover-ended', of: this.#name, ...about });
  }

  /** Of who asks, who takes over, and the old master: any, at any moment. */
  #interrupt(): void {
    const [cluster, random] = [this.#cluster, this.#random];
    for (let count = 0; count < this.#plan.crashes; count++) {
      const site = random.pick(cluster.sites);
      const afterMs = random.pick([5, 40, 300]) * random.between(0.1, 1);
      cluster.spawn('interruption', async () => {
        await cluster.pause(afterMs);
        if (!this.#isOver) this.#crash(site);
      });
    }
  }

  /** Everybody is up, one writes, and the others have had the time to hear of it. */
  async #untilQuiet(): Promise<void> {
    const { sites } = this.#cluster;
    await this.#until(() => sites.every((site) => this.#servers.has(site)));
    await this.#until(() => this.#writers().length > 0);
    await this.#pause(namesKnownMs);
  }

  #writers(): string[] {
    const { sites } = this.#cluster;
    return sites.filter((site) => site.database?.isWriter === true).map(({ name }) => name);
  }

  async #untilAnswered(): Promise<void> {
    const { writers } = this.#cluster;
    while (writers.some(({ pending }) => pending > 0)) await this.#cluster.pause(lookMs);
  }

  #noteEnd(): void {
    this.#cluster.history.add({
      type: 'failovers-ended',
      of: this.#name,
      writers: this.#writers(),
      outcomes: this.#outcomes,
      wasInterrupted: this.#wasInterrupted,
    });
  }

  /** The machines are the cluster's again, with what is on them. */
  async #endServing(): Promise<void> {
    const cluster = this.#cluster;
    const winners = this.#writers();
    for (const site of cluster.sites) {
      const server = this.#servers.get(site);
      if (server !== undefined) await site.wait(server.close()).catch(onlyEnded);
      site.hostBy(null);
      const control = this.#controls.get(site);
      if (control === undefined) continue;
      site.becomes(control.name);
      observeLog(cluster.history, site.name, site.host.disk, site.folder, null);
    }
    const winner = cluster.sites.find(({ name }) => name === winners[0]);
    for (const site of cluster.sites) {
      const isReplica = this.#controls.get(site)?.type === 'replica';
      if (winner === undefined || (site !== winner && !isReplica)) cluster.gone.add(site);
      else if (site !== winner) cluster.upstreams.set(site, winner);
    }
    if (winner !== undefined) {
      cluster.master = winner;
      cluster.upstreams.delete(winner);
      if (winner !== this.#old) cluster.directory.delete(winner.name);
      cluster.directory.set(this.#name, winner);
    }
    cluster.attend = null;
  }

  /** By its file, whether or not the program came to know that it is there. */
  #note(site: Site): void {
    const { disk } = site.host;
    const path = disk.files(dataFolder).find((one) => /^\/data\/[^/]+\/control\.json$/.test(one));
    const control = path === undefined ? null : controlIn(disk.cachedBytes(path));
    if (control !== null) this.#noteControl(site, control);
  }

  #noteControl(site: Site, control: Control): void {
    const before = this.#controls.get(site);
    this.#controls.set(site, control);
    if (before === undefined) return;
    const { history } = this.#cluster;
    const { fence = null, takeover = null, timelines, type } = control;
    const last = timelines.at(-1);
    if (before.type === 'replica' && type === 'normal' && last !== undefined) {
      const among = [...this.#steady].map(({ name }) => name);
      const seq = takeover?.atSeq ?? last.atSeq;
      history.add({ type: 'promoted', database: site.name, seq, among, timelines });
    }
    const was = before.fence ?? null;
    if (was !== null && fence === null) history.add({ type: 'unfenced', database: site.name });
    if (fence === null || fence.takenOver === was?.takenOver) return;
    const { disk } = site.host;
    const folder = `${dataFolder}/${control.name}/log`;
    const { records } = readLogFiles(disk, folder, history.knownRecords);
    history.add({
      type: 'fenced',
      database: site.name,
      timelineId: last?.id ?? '',
      seq: records.at(-1)?.seq ?? 0,
      successor: fence.successor,
      takenOver: fence.takenOver,
    });
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#pause(lookMs);
  }

  async #pause(ms: number): Promise<void> {
    await this.#cluster.pause(ms);
    if (this.#isGivenUp) throw new GivenUp();
  }
}

class GivenUp extends Error {}

function onlyEnded(error: unknown): void {
  if (!(error instanceof ProcessEnded)) throw error;
}
