// One database through many deaths: at each cycle a writer process opens it, checks it, writes, and is
// cut off in a phase that chance picks. What the cut is, a kill or a power failure, is the caller's.
import { rmSync } from 'node:fs';
import { readFile, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Dice } from './program/dice.js';
import type { CheckedReport, Job } from './program/job.js';
import { newLedger, takeJournal, type Ledger } from './program/ledger.js';
import type { Plant } from './program/plants.js';
import type { Plan } from './program/workload.js';
import { Tally, type Fault } from './report.js';
import type { Crew, Refusal, Writer } from './writers.js';

export type Phase = 'writing' | 'opening' | 'closing' | 'backup' | 'creating';

export interface Cut {
  /** Resolves when the process is gone and the folder can be opened again. */
  readonly strike: (writer: Writer) => Promise<void>;
  /** Whether the writer may have noticed: then commits may be rejected by it. */
  readonly isNoticed: boolean;
  /** For messages. */
  readonly how: string;
}

export interface CampaignOptions {
  readonly crew: Crew;
  readonly dice: Dice;
  readonly folder: string;
  /** Outside of what is cut off. */
  readonly journal: string;
  readonly plant: Plant | null;
  readonly figures: Figures;
}

/** What all campaigns of a torture have done. */
export class Figures {
  readonly cuts = new Tally();
  acknowledged = 0;
  found = 0;
  notFound = 0;
  endedFirst = 0;
  records = 0;
  segmentsDeleted = 0;
  readonly faults: Fault[] = [];

  table(): Record<string, number | Record<string, number>> {
    return {
      'cut off while': this.cuts.all(),
      'ended before it was cut': this.endedFirst,
      'commits acknowledged': this.acknowledged,
      'unknown and there': this.found,
      'unknown and not there': this.notFound,
      'log records': this.records,
      'campaigns with log deleted': this.segmentsDeleted,
    };
  }
}

const writers = 16;
const valueBytesMax = 256 * 1024;
const writingMsMax = 60;
const segmentBytesChoices = [64 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024] as const;
const phases: readonly (readonly [Phase, number])[] = [
  ['writing', 0.55],
  ['opening', 0.15],
  ['closing', 0.12],
  ['backup', 0.12],
  ['creating', 0.06],
];

export class Campaign {
  readonly #options: CampaignOptions;
  readonly #plan: Plan;
  #ledger: Ledger = newLedger(writers);
  /** What is found at an opening was done by the cut before it. */
  #lastCut = '';
  /** How long a phase took last time it was seen whole. */
  readonly #spans = new Map<Phase, number>([
    ['opening', 40],
    ['closing', 30],
    ['creating', 30],
  ]);

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#plan = { seed: options.dice.below(2 ** 31), writers, valueBytesMax };
  }

  /** Lays the database out, undisturbed. */
  async start(): Promise<void> {
    const writer = await this.#options.crew.take(this.#job('create'));
    await writer.word('created');
    await writer.process.ended();
  }

  /** False when something is wrong: then there is no point in going on with this database. */
  async cycle(where: string, cutOf: (phase: Phase) => Cut): Promise<boolean> {
    const phase = this.#pickPhase();
    const cut = cutOf(phase);
    const before = this.#options.figures.faults.length;
    if (phase === 'creating') await this.#cutCreation(where, cut);
    else await this.#cutLife(`${where}${this.#lastCut}`, phase, cut);
    this.#lastCut = `, after one while ${phase}${cut.how}`;
    return this.#options.figures.faults.length === before;
  }

  /** Everything once more, and the store against a copy made of the oldest backup and the log. */
  async finish(at: string): Promise<void> {
    const { crew, figures } = this.#options;
    const where = `${at}${this.#lastCut}`;
    const writer = await crew.take(this.#job('check', { verifiesHash: true }));
    await writer.process.ended(120_000);
    const report = this.#takeChecked(writer, where);
    if (report === null) this.#fault(where, `no check was made: ${writer.process.describe()}`);
    figures.records += this.#ledger.seq;
    if ((report?.firstSeq ?? 1) > 1) figures.segmentsDeleted += 1;
  }

  async #cutLife(where: string, phase: Phase, cut: Cut): Promise<void> {
    const { crew, figures, journal } = this.#options;
    const writer = await crew.take(this.#job('write', { takesBackup: phase === 'backup' }));
    try {
      await this.#reach(writer, phase);
    } catch (error) {
      // It ended by itself; what it said tells why.
      await this.#expectEnded(writer, error);
    }
    const before = (await readIfPresent(journal)).length;
    await cut.strike(writer);
    figures.cuts.add(phase);
    this.#judgeEnd(writer, where, cut);
    this.#takeChecked(writer, where);
    const all = await readIfPresent(journal);
    const text = cut.isNoticed ? withoutLateAcknowledgements(all, before) : all;
    await rm(journal, { force: true });
    const count = takeJournal(this.#ledger, text);
    figures.acknowledged += count.acknowledged;
    if (cut.isNoticed) return;
    for (const [code, times] of count.rejected) {
      this.#fault(where, `${times} commits were rejected with ${code}`);
    }
    if (count.unknown > 0) this.#fault(where, `${count.unknown} commits ended as COMMIT_UNKNOWN`);
    const backup = writer.said('backup')?.rest as Refusal | null | undefined;
    if (backup) this.#fault(where, `the backup failed with ${backup.code}: ${backup.message}`);
  }

  /** Waits until the phase has begun, and then some. */
  async #reach(writer: Writer, phase: Phase): Promise<void> {
    const { dice } = this.#options;
    await writer.word('opening');
    if (phase === 'opening') {
      await pause(dice.fraction() * this.#span('opening'));
      return;
    }
    const started = performance.now();
    await writer.word('writing');
    this.#spans.set('opening', performance.now() - started);
    // Every other backup is finished: only then old ones and their log are deleted.
    if (phase === 'backup' && dice.fraction() < 0.5) await writer.word('backup');
    await pause(dice.fraction() * writingMsMax);
    if (phase !== 'closing') return;
    writer.process.tell('end');
    await writer.word('closing');
    await pause(dice.fraction() * this.#span('closing'));
  }

  async #expectEnded(writer: Writer, error: unknown): Promise<void> {
    if (writer.process.exit === null) throw error;
    await writer.process.ended();
  }

  #judgeEnd(writer: Writer, where: string, cut: Cut): void {
    const { status, signal } = writer.process.exit ?? { status: null, signal: null };
    if (signal === 'SIGKILL') {
      if (!cut.isNoticed) this.#noteRefusal(writer, where);
      return;
    }
    this.#options.figures.endedFirst += 1;
    if (status !== 0) this.#fault(where, `the writer crashed: ${writer.process.describe()}`);
    if (!cut.isNoticed) this.#noteRefusal(writer, where);
  }

  #noteRefusal(writer: Writer, where: string): void {
    const refusal = writer.said('refused')?.rest as Refusal | undefined;
    if (refusal !== undefined) this.#fault(where, `${refusal.code}: ${refusal.message}`);
  }

  /** The ledger goes on from what the writer found at opening, if it came that far. */
  #takeChecked(writer: Writer, where: string): CheckedReport | null {
    const said = writer.said('checked');
    if (said === null) return null;
    const report = said.rest as CheckedReport;
    this.#ledger = report.ledger;
    this.#options.figures.found += report.found;
    this.#options.figures.notFound += report.notFound;
    for (const fault of report.faults) this.#fault(where, fault);
    return report;
  }

  /** P8: what is cut off while it is laid out is there whole or not at all, and can be laid out again. */
  async #cutCreation(where: string, cut: Cut): Promise<void> {
    const { crew, dice, figures } = this.#options;
    const folder = `${this.#options.folder}-new`;
    const started = performance.now();
    const writer = await crew.take(this.#job('create', { folder }));
    await writer.word('creating');
    await pause(dice.fraction() * this.#span('creating'));
    await cut.strike(writer);
    figures.cuts.add('creating');
    const isSaid = writer.said('created') !== null;
    if (isSaid) this.#spans.set('creating', performance.now() - started);
    if (!(await isThere(folder))) {
      if (isSaid) this.#fault(where, 'a database that was created is not there');
      const again = await crew.take(this.#job('create', { folder }));
      await again.process.ended();
      if (again.said('created') === null) {
        this.#fault(where, `it cannot be created again: ${again.process.describe()}`);
      }
    }
    const check = await crew.take(
      this.#job('check', { folder, ledger: newLedger(writers), verifiesHash: true }),
    );
    await check.process.ended();
    this.#noteRefusal(check, where);
    const report = check.said('checked')?.rest as CheckedReport | undefined;
    for (const fault of report?.faults ?? []) this.#fault(where, `newly created: ${fault}`);
    await removeCreated(folder);
  }

  #job(task: Job['task'], change: Partial<Job> = {}): Job {
    const { dice, folder, journal, plant } = this.#options;
    return {
      task,
      folder,
      journal,
      plan: this.#plan,
      ledger: this.#ledger,
      segmentBytes: dice.pick(segmentBytesChoices),
      takesBackup: false,
      goesOn: false,
      verifiesHash: false,
      plant,
      ...change,
    };
  }

  #pickPhase(): Phase {
    let chance = this.#options.dice.fraction();
    for (const [phase, share] of phases) {
      if (chance < share) return phase;
      chance -= share;
    }
    return 'writing';
  }

  #span(phase: Phase): number {
    return this.#spans.get(phase) ?? 0;
  }

  #fault(where: string, what: string): void {
    this.#options.figures.faults.push({ where, what });
  }
}

/**
 * While a file system is being shut down a sync can return success for what is not on the disk (a plain
 * program sees it too), which no sync does when the power fails: what was acknowledged after the cut
 * began may be there or not.
 */
function withoutLateAcknowledgements(journal: string, length: number): string {
  const early = journal.lastIndexOf('\n', length - 1) + 1;
  const late = journal.slice(early).replaceAll(/ acknowledged \d+$/gm, ' unknown');
  return journal.slice(0, early) + late;
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

async function readIfPresent(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** With what tries that were cut off left beside it. */
async function removeCreated(folder: string): Promise<void> {
  const parent = dirname(folder);
  const prefix = `.${basename(folder)}.`;
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true });
}
