// `points`: a process is killed with SIGKILL at every named step of a backup, an expiry, archiving, a
// restore and a swap; afterwards there is the old or the new, never half of one, and a second run finishes.
import { execFile } from 'node:child_process';
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeEnv, type Env } from '@pamina/env';
import type { Host } from '@pamina/server';
import type { Point, Strike } from './program/point-disk.js';
import type { PointJob } from './program/point.js';
import {
  databaseName,
  pointWorks,
  tagName,
  withHost,
  type PointWork,
  type PointWorkName,
} from './program/point-works.js';
import { programFile } from './programs.js';
import { Tally, type Fault, type Progress, type Report } from './report.js';
import { Workplace } from './workplace.js';

export interface PointsOptions {
  readonly seed: number;
  readonly progress: Progress;
  readonly works: readonly PointWorkName[];
  /** Which times that a step of one name comes are struck. */
  readonly times: 'first' | 'first and last' | 'every';
  /** Names the points, and strikes none. */
  readonly isListOnly: boolean;
}

export interface PointsReport extends Report {
  /** By work, the names of its steps in the order in which they come first. */
  readonly points: Readonly<Record<string, readonly string[]>>;
}

type Entries = Readonly<Record<string, string>>;

interface Origin {
  readonly everything: Entries;
  readonly tagged: Entries;
  readonly backups: readonly string[];
}

export async function points(options: PointsOptions): Promise<PointsReport> {
  const { seed, works } = options;
  const started = performance.now();
  const workplace = await Workplace.open();
  const faults: Fault[] = [];
  const struck = new Tally();
  const names: Record<string, readonly string[]> = {};
  try {
    for (const work of works) {
      const campaign = await PointCampaign.begin(workplace, work);
      names[work] = campaign.names;
      if (options.isListOnly) continue;
      for (const [index, point] of campaign.points(options.times).entries()) {
        for (const what of await campaign.strike(point)) {
          faults.push({ where: describe(work, point), what });
        }
        struck.add(work);
        options.progress(`${work}: point ${index + 1}, ${point.name}`);
      }
    }
  } finally {
    await workplace.close();
  }
  const seconds = (performance.now() - started) / 1000;
  const listed = Object.values(names).reduce((sum, of) => sum + of.length, 0);
  const figures = { 'named points': listed, 'processes killed at a point of': struck.all() };
  return { torture: 'points', seed, seconds, figures, faults, notRun: [], points: names };
}

function describe(work: PointWorkName, { name, occurrence, strike }: Point): string {
  return `${work}: killed ${strike} "${name}" (${occurrence})`;
}

class PointCampaign {
  readonly #place: string;
  readonly #saved: string;
  readonly #name: PointWorkName;
  readonly #work: PointWork;
  readonly #env: Env = nodeEnv();
  #origin!: Origin;
  #steps: readonly string[] = [];

  private constructor(workplace: Workplace, name: PointWorkName) {
    this.#place = workplace.path('place');
    this.#saved = workplace.path('origin');
    this.#name = name;
    this.#work = pointWorks[name];
  }

  static async begin(workplace: Workplace, name: PointWorkName): Promise<PointCampaign> {
    const campaign = new PointCampaign(workplace, name);
    await campaign.#makeOrigin();
    const found = await campaign.#live(null);
    if (found.signal !== null || found.code !== 0) {
      throw new Error(`${name} does not even work unharmed: ${found.errors}`);
    }
    campaign.#steps = JSON.parse(found.output) as string[];
    return campaign;
  }

  /** Each once, in the order in which they come. */
  get names(): readonly string[] {
    return [...new Set(this.#steps)];
  }

  points(times: PointsOptions['times']): Point[] {
    return this.names.flatMap((name) => {
      const count = this.#steps.filter((step) => step === name).length;
      const all = Array.from({ length: count }, (_, index) => index + 1);
      const ends = times === 'first' ? [1] : [...new Set([1, count])];
      const occurrences = times === 'every' ? all : ends;
      return occurrences.flatMap((occurrence) =>
        strikesAt(name, times).map((strike): Point => ({ name, occurrence, strike })),
      );
    });
  }

  /** What is wrong after the process was killed there. */
  async strike(point: Point): Promise<string[]> {
    const killed = await this.#live(point);
    // A step that comes in no fixed number may not come so often this time.
    if (killed.signal !== 'SIGKILL') {
      return killed.code === 0 ? [] : [`the process was not killed, it failed: ${killed.errors}`];
    }
    const faults: string[] = [];
    const attempt = async (what: string, task: () => Promise<unknown>): Promise<void> => {
      try {
        await task();
      } catch (error) {
        faults.push(`${what}: ${String(error)}`);
      }
    };
    await this.#withHost(async (host) => {
      await attempt('afterwards', () => this.#check(host, false));
      await attempt('the second run', () => this.#runAgain(host));
      await attempt('after the second run', () => this.#check(host, true));
    });
    await attempt('after the second run', () => this.#requireNoLeftovers());
    return faults;
  }

  async #runAgain(host: Host): Promise<void> {
    const wasDone = await this.#isDone(host);
    try {
      await this.#work.run(host);
    } catch (error) {
      const { code } = error as { code?: string };
      if (!wasDone || code !== this.#work.refusedOnceDone) throw error;
    }
  }

  /** Of what a second run cannot do again. */
  async #isDone(host: Host): Promise<boolean> {
    if (this.#work.refusedOnceDone === undefined) return false;
    if (this.#work.makes !== undefined) return this.#isMade();
    return isSame(await entriesOf(host, databaseName), this.#origin.tagged);
  }

  async #isMade(): Promise<boolean> {
    const { makes } = this.#work;
    if (makes === undefined) return false;
    const control = join(this.#place, 'data', makes, 'control.json');
    return (await this.#env.disk.stat(control)) !== null;
  }

  async #check(host: Host, isDone: boolean): Promise<void> {
    const { everything, tagged } = this.#origin;
    const { leaves, makes } = this.#work;
    await host.status(databaseName);
    const found = await entriesOf(host, databaseName);
    const wanted =
      leaves === 'everything' ? [everything] : isDone ? [tagged] : [everything, tagged];
    requireOneOf(`the database after ${this.#name}`, found, wanted);
    for (const { id, problem } of await host.backups(databaseName)) {
      if (problem !== null) throw new Error(`backup ${id}: ${problem}`);
    }
    await requireSound(host, {});
    if ((await host.archives(databaseName)).length > 0) await this.#checkArchive(host, isDone);
    if (makes === undefined) return;
    if (await this.#isMade()) requireOneOf(makes, await entriesOf(host, makes), [tagged]);
    else if (isDone) throw new Error(`${makes} is not there`);
  }

  async #checkArchive(host: Host, isDone: boolean): Promise<void> {
    const from = join(this.#place, 'archive');
    const { backups } = this.#origin;
    const listed = await this.#archivedBackups(host, from, isDone);
    const found = listed.map(({ id, problem }) => {
      if (problem !== null) throw new Error(`backup ${id} in the archive: ${problem}`);
      return id;
    });
    const missing = backups.filter((id) => id !== 'initial' && !found.includes(id));
    if (isDone && missing.length > 0) throw new Error(`the archive lacks ${missing.join(', ')}`);
    if (found.length > 0) await requireSound(host, { from });
  }

  /** As long as nothing was put there it is an archive of nothing. */
  async #archivedBackups(host: Host, from: string, isDone: boolean) {
    try {
      return await host.backups(databaseName, { from });
    } catch (error) {
      if (isDone || (error as { code?: string }).code !== 'BACKUP_NOT_FOUND') throw error;
      return [];
    }
  }

  async #requireNoLeftovers(): Promise<void> {
    const names = await readdir(join(this.#place, 'data'), { recursive: true });
    const isLeft = (name: string): boolean =>
      !name.includes('.replaced/') &&
      /\.partial$|\.removing$|restoring-|\.restored-|store\.(?:checkpoint|rebuilding|rebuilt)$/.test(
        name,
      ) &&
      !name.endsWith('.lock');
    const left = names.filter(isLeft);
    if (left.length > 0) throw new Error(`left over: ${left.join(', ')}`);
  }

  async #makeOrigin(): Promise<void> {
    await this.#clear();
    let tagged: Entries = {};
    let everything: Entries = {};
    let backups: string[] = [];
    await this.#withHost(async (host) => {
      await host.create(databaseName);
      for (let round = 0; round < 3; round++) {
        for (let at = 0; at < 5; at++) {
          await host.put(databaseName, `key-${round}-${at}`, `${round} `.repeat(3000));
        }
        if (round === 0) tagged = await entriesOf(host, databaseName);
        await host.backup(databaseName, {
          form: round === 2 ? 'physical' : 'logical',
          tag: round === 0 ? tagName : undefined,
        });
        await host.put(databaseName, `behind-${round}`, 'x'.repeat(2000));
        await host.backup(databaseName, { incremental: true });
      }
      await host.put(databaseName, 'last', 'of all');
      everything = await entriesOf(host, databaseName);
      backups = (await host.backups(databaseName)).map(({ id }) => id);
      await this.#work.prepare?.(host, this.#place);
    });
    await cp(this.#place, this.#saved, { recursive: true });
    this.#origin = { everything, tagged, backups };
  }

  async #clear(): Promise<void> {
    for (const folder of [this.#place, this.#saved]) {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #withHost(task: (host: Host) => Promise<void>): Promise<void> {
    return withHost(this.#env, join(this.#place, 'data'), task);
  }

  async #live(point: Point | null): Promise<Life> {
    await rm(this.#place, { recursive: true, force: true });
    await cp(this.#saved, this.#place, { recursive: true });
    return live({ place: this.#place, work: this.#name, point });
  }
}

/**
 * Half-way is something else only where several things are changed one after the other. Behind a step is
 * before the next one: the short run leaves it out.
 */
function strikesAt(name: string, times: PointsOptions['times']): readonly Strike[] {
  const strikes: readonly Strike[] = /^(?:write|remove) /.test(name)
    ? ['before', 'half']
    : ['before'];
  return times === 'first' ? strikes : [...strikes, 'after'];
}

interface Life {
  readonly code: number | null;
  readonly signal: string | null;
  readonly output: string;
  readonly errors: string;
}

async function live(job: PointJob): Promise<Life> {
  const program = await programFile('point');
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, JSON.stringify(job)],
      { maxBuffer: 64 * 1024 * 1024 },
      (_error, output, errors) => {
        resolve({ code: child.exitCode, signal: child.signalCode, output, errors });
      },
    );
  });
}

async function entriesOf(host: Host, name: string): Promise<Entries> {
  const entries: Record<string, string> = {};
  for await (const { key, value } of host.exportEntries(name)) entries[key] = value;
  return entries;
}

function isSame(one: Entries, other: Entries): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function requireOneOf(what: string, found: Entries, wanted: readonly Entries[]): void {
  if (wanted.some((one) => isSame(one, found))) return;
  throw new Error(`${what} holds ${Object.keys(found).length} entries, and not what it should`);
}

async function requireSound(host: Host, request: { readonly from?: string }): Promise<void> {
  const { checks } = await host.verify(databaseName, request);
  const bad = checks.find(({ verdict }) => verdict === 'damaged');
  if (bad !== undefined) throw new Error(`${bad.check} of ${bad.subject}: ${bad.message}`);
}

/** For people, one line a point. */
export function pointsText({ points: of }: PointsReport): string {
  return Object.entries(of)
    .flatMap(([work, names]) => names.map((name) => `${work}: ${name}`))
    .join('\n');
}
