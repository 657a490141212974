// `errors`: the k-th write, sync or change of a name fails, for every k of a fixed piece of work, each in
// a process of its own (program/steps.ts) under a preloaded shim (faults.c). Afterwards the database is
// opened without the shim and held against what the process was told of its commits.
import { createDatabase } from '@pamina/engine';
import { listBackups, backupsFolderOf } from '@pamina/backup';
import { nodeEnv } from '@pamina/env';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { RunningProcess } from '../../test/support/running-process.js';
import { compile, lackingForShim } from './machine.js';
import { checkedBy, openPamina, paminaError } from './program/opened.js';
import { settle } from './program/settle.js';
import type { Work, WorkReport } from './program/steps.js';
import type { Plan } from './program/workload.js';
import { programFile } from './programs.js';
import { Tally, type Fault, type Progress, type Report } from './report.js';
import { Workplace } from './workplace.js';

const { EIO, ENOSPC } = constants.errno;

interface Variation {
  /** As in faults.c. */
  readonly calls: string;
  readonly kind: 'once' | 'on' | 'short' | 'torn' | 'lie';
  readonly errno: number;
}

export const variations = {
  'write fails': { calls: 'w', kind: 'once', errno: EIO },
  'write finds no space': { calls: 'w', kind: 'once', errno: ENOSPC },
  'no space from a write on': { calls: 'w', kind: 'on', errno: ENOSPC },
  'write is short': { calls: 'w', kind: 'short', errno: ENOSPC },
  'write stops half way': { calls: 'w', kind: 'torn', errno: ENOSPC },
  'sync fails': { calls: 's', kind: 'once', errno: EIO },
  'sync finds no space': { calls: 's', kind: 'once', errno: ENOSPC },
  'every sync fails from one on': { calls: 's', kind: 'on', errno: EIO },
  'truncation fails': { calls: 't', kind: 'once', errno: EIO },
  'change of a name fails': { calls: 'n', kind: 'once', errno: EIO },
  'change of a name finds no space': { calls: 'n', kind: 'once', errno: ENOSPC },
  'disk is dead from a call on': { calls: 'wstn', kind: 'on', errno: EIO },
} as const satisfies Record<string, Variation>;

/** Planted: shows that a write that was never done is found. */
export const lies = {
  'write is a lie': { calls: 'w', kind: 'lie', errno: EIO },
} as const satisfies Record<string, Variation>;

export type VariationName = keyof typeof variations | keyof typeof lies;

/** Parts of the folder whose calls count. */
export const areas = { all: '/faulty/', log: '/log/', store: '/store/' } as const;
export type Area = keyof typeof areas;

export interface ErrorsOptions {
  readonly variations: readonly VariationName[];
  readonly area: Area;
  /** Every k is tried with 1; else each that leaves this rest: a part of the whole, in CI. */
  readonly stride: number;
  readonly seed: number;
  readonly jobs: number;
  readonly progress: Progress;
}

const patienceMs = 60_000;
/** Of one try: the first ones say what is wrong. */
const faultsShownMax = 4;
const segmentBytes = 64 * 1024;
const writers = 6;
const valueBytesMax = 24 * 1024;

export async function errors(options: ErrorsOptions): Promise<Report> {
  const { seed } = options;
  const started = performance.now();
  const lacking = lackingForShim();
  const workplace = await Workplace.open();
  const attempts = new Attempts(options, workplace);
  try {
    if (lacking === null) await attempts.run();
  } finally {
    await workplace.close();
  }
  const notRun = lacking === null ? [] : [{ what: 'errors', why: lacking }];
  const seconds = (performance.now() - started) / 1000;
  const { faults } = attempts;
  return { torture: 'errors', seed, seconds, figures: attempts.table(), faults, notRun };
}

class Attempts {
  readonly faults: Fault[] = [];
  readonly #options: ErrorsOptions;
  readonly #workplace: Workplace;
  readonly #plan: Plan;
  readonly #tries = new Tally();
  readonly #hits = new Tally();
  readonly #endings = new Tally();
  readonly #counted = new Tally();
  #commits = 0;
  #made = 0;

  constructor(options: ErrorsOptions, workplace: Workplace) {
    this.#options = options;
    this.#workplace = workplace;
    this.#plan = { seed: options.seed, writers, valueBytesMax };
  }

  table(): Report['figures'] {
    return {
      'calls counted': this.#counted.all(),
      'faults made': this.#tries.all(),
      'in files of': this.#hits.all(),
      'what failed': this.#endings.all(),
      'commits tried': this.#commits,
    };
  }

  async run(): Promise<void> {
    compile('./faults.c', this.#workplace.path('faults.so'), '-shared', '-fPIC', '-ldl');
    mkdirSync(this.#workplace.path('faulty'));
    for (const name of this.#options.variations) await this.#runAll(name);
  }

  async #runAll(name: VariationName): Promise<void> {
    const { jobs, progress, seed, stride } = this.#options;
    const variation: Variation = { ...variations, ...lies }[name];
    const count = (await this.#attempt(name, variation, 0)).calls;
    this.#counted.add(name, count);
    let next = 1 + (seed % stride);
    const work = async (): Promise<void> => {
      for (let k = next; k <= count; k = next) {
        next += stride;
        const { isHit } = await this.#attempt(name, variation, k);
        if (isHit) this.#tries.add(name);
        progress(`${name}: ${k} of ${count}`);
      }
    };
    await Promise.all(Array.from({ length: jobs }, work));
  }

  async #attempt(name: string, variation: Variation, k: number): Promise<Hit> {
    const id = `${(this.#made += 1)}`;
    const home = this.#workplace.path('faulty', id);
    const report = this.#workplace.path(`report-${id}`);
    const work: Work = {
      folder: join(home, 'orders'),
      plan: this.#plan,
      segmentBytes,
    };
    mkdirSync(home);
    const process = new RunningProcess(
      `steps ${k}`,
      [await programFile('steps'), JSON.stringify(work)],
      {
        env: {
          LD_PRELOAD: this.#workplace.path('faults.so'),
          TORTURE_PATH: areas[this.#options.area],
          TORTURE_CALLS: variation.calls,
          TORTURE_AT: String(k),
          TORTURE_KIND: variation.kind,
          TORTURE_ERRNO: String(variation.errno),
          TORTURE_REPORT: report,
          UV_THREADPOOL_SIZE: '1',
          UV_USE_IO_URING: '0',
        },
      },
    );
    const where = `${name}, k = ${k}`;
    const found = await this.#judge(process, work);
    const hit = readHit(report, home);
    for (const what of found.slice(0, faultsShownMax))
      this.faults.push({ where: `${where}${hit.where}`, what });
    if (hit.area !== null) this.#hits.add(hit.area);
    rmSync(home, { recursive: true });
    rmSync(report, { force: true });
    return hit;
  }

  async #judge(process: RunningProcess, work: Work): Promise<string[]> {
    try {
      const { status } = await process.ended(patienceMs);
      if (status !== 0) return [`the process crashed: ${process.describe()}`];
    } catch (error) {
      await process.kill('SIGKILL');
      return [`the process hung: ${String(error)}`];
    }
    const report = JSON.parse(process.stdout) as WorkReport;
    for (const { begun } of report.ledger.writers) this.#commits += begun;
    for (const failure of report.failures) this.#endings.add(failure);
    if (report.failures.length === 0) this.#endings.add('nothing');
    return [...report.faults, ...(await this.#reopen(work, report))];
  }

  /** Without the shim it opens, whatever happened, or can be created, and keeps its word. */
  async #reopen(work: Work, report: WorkReport): Promise<string[]> {
    const env = nodeEnv();
    try {
      if (!existsSync(join(work.folder, 'control.json'))) {
        await createDatabase(work.folder, { env, name: 'orders' });
      }
      const level = await openPamina(work.folder, { env, segmentBytes });
      try {
        const { faults } = await settle(work.plan, report.ledger, checkedBy(level));
        const backups = await listBackups(env, backupsFolderOf(work.folder));
        const half = backups.filter(({ problem }) => problem !== null);
        return [...faults, ...half.map(({ id, problem }) => `backup ${id}: ${String(problem)}`)];
      } finally {
        await level.close();
      }
    } catch (error) {
      return [`reopening failed: ${paminaError(error).toString()}`];
    }
  }
}

interface Hit {
  readonly calls: number;
  readonly isHit: boolean;
  readonly area: string | null;
  readonly where: string;
}

/** What the shim said. */
function readHit(report: string, home: string): Hit {
  const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
  const calls = Number(/^count (\d+)$/m.exec(text)?.[1] ?? 0);
  const match = /^hit (\S+) (.*)$/m.exec(text);
  if (match === null) return { calls, isHit: false, area: null, where: '' };
  const path = (match[2] ?? '').slice(home.length + 1);
  return { calls, isHit: true, area: areaOf(path), where: `, ${match[1]} of ${path}` };
}

function areaOf(path: string): string {
  const [, part = ''] = path.split('/');
  if (part === '') return 'the folder';
  return ['log', 'store', 'backups', 'slots'].includes(part)
    ? part
    : 'control, checkpoint, job log';
}
