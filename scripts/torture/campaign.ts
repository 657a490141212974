// One database through many deaths: at each cycle a writer process opens it, checks it, writes, and is
// cut off in a phase that chance picks. What the cut is, a kill or a power failure, is the caller's.
import { rmSync } from 'node:fs';
import { open, readFile, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BackupWish } from './program/backups.js';
import type { Dice } from './program/dice.js';
import type { CheckedReport, Job } from './program/job.js';
import { newLedger, takeJournal, type Ledger } from './program/ledger.js';
import type { Plant } from './program/plants.js';
import type { Plan } from './program/workload.js';
import { Tally, type Fault } from './report.js';
import type { Crew, Refusal, Writer } from './writers.js';

export type Phase = 'writing' | 'opening' | 'closing' | 'backup' | LaidOut;
/** What is made beside, and there whole or not at all. */
type LaidOut = 'creating' | 'restoring';

export interface Cut {
  /** Resolves when the process is gone and the folder can be opened again. */
  readonly strike: (writer: Writer) => Promise<void>;
  /** Whether the writer may have noticed: then commits may be rejected by it. */
  readonly isNoticed: boolean;
  /** For messages. */
  readonly how: string;
}

interface LayingOut {
  readonly done: 'created' | 'restored';
  readonly folder: string;
  readonly make: Job;
  readonly check: Job;
}

interface DoneBackup {
  readonly id: string;
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
  /** By their form: those under way at a cut, and those that were done just before it. */
  readonly backups = new Tally();
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
      'backups at a cut': this.backups.all(),
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
  ['writing', 0.48],
  ['opening', 0.14],
  ['closing', 0.11],
  ['backup', 0.14],
  ['creating', 0.05],
  ['restoring', 0.08],
];
const backupChoices: readonly [BackupWish, ...BackupWish[]] = [
  { form: 'logical', stateHash: false },
  { form: 'physical', stateHash: false },
  { form: 'physical', stateHash: true },
];

export class Campaign {
  readonly #options: CampaignOptions;
  readonly #plan: Plan;
  #ledger: Ledger = newLedger(writers);
  /** What is found at an opening was done by the cut before it. */
  #lastCut = '';
  /** The backup that was said to be done in the life before. */
  #doneBackup: string | null = null;
  /** Whether that life was cut off at a backup. */
  #isBackupDue = false;
  /** How long a phase took last time it was seen whole. */
  readonly #spans = new Map<Phase, number>([
    ['opening', 40],
    ['closing', 30],
    ['creating', 30],
    ['restoring', 60],
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
    if (phase === 'creating' || phase === 'restoring') await this.#cutLayingOut(where, cut, phase);
    else await this.#cutLife(`${where}${this.#lastCut}`, phase, cut);
    this.#lastCut = `, after one while ${phase}${cut.how}`;
    return this.#options.figures.faults.length === before;
  }

  /** Everything once more, and the store against a copy made of the oldest backup and the log. */
  async finish(at: string): Promise<void> {
    const { crew, figures } = this.#options;
    const where = `${at}${this.#lastCut}`;
    const checks = { verifiesHash: true, verifiesBackups: true };
    const writer = await crew.take(this.#job('check', checks));
    await writer.process.ended(120_000);
    const report = this.#takeChecked(writer, where);
    if (report === null) this.#fault(where, `no check was made: ${writer.process.describe()}`);
    figures.records += this.#ledger.seq;
    if ((report?.firstSeq ?? 1) > 1) figures.segmentsDeleted += 1;
  }

  async #cutLife(where: string, phase: Phase, cut: Cut): Promise<void> {
    const { crew, dice, figures, journal } = this.#options;
    const takesBackup = phase === 'backup' ? dice.pick(backupChoices) : null;
    const verifiesBackups = this.#isBackupDue;
    const writer = await crew.take(this.#job('write', { takesBackup, verifiesBackups }));
    try {
      await this.#reach(writer, phase);
    } catch (error) {
      // It ended by itself; what it said tells why.
      await this.#expectEnded(writer, error);
    }
    const before = (await readIfPresent(journal)).length;
    const done = (writer.said('backup')?.rest as Partial<DoneBackup> | undefined)?.id ?? null;
    await cut.strike(writer);
    figures.cuts.add(phase);
    if (takesBackup !== null) figures.backups.add(takesBackup.form);
    this.#judgeEnd(writer, where, cut);
    // One that did not come so far leaves the check to the next.
    if (this.#takeChecked(writer, where) !== null) this.#isBackupDue = false;
    if (phase === 'backup') [this.#doneBackup, this.#isBackupDue] = [done, true];
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
    const backup = writer.said('backup')?.rest as Partial<Refusal> | undefined;
    if (backup?.code !== undefined)
      this.#fault(where, `the backup failed with ${backup.code}: ${backup.message}`);
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
    if (this.#doneBackup !== null && !report.backups.includes(this.#doneBackup)) {
      this.#fault(where, `backup ${this.#doneBackup} was done and is not there`);
    }
    this.#doneBackup = null;
    return report;
  }

  /** P8: what is cut off while it is laid out is there whole or not at all, and can be laid out again. */
  async #cutLayingOut(where: string, cut: Cut, phase: LaidOut): Promise<void> {
    const { crew, dice, figures } = this.#options;
    const { check, done, folder, make } = this.#layingOut(phase);
    const started = performance.now();
    const writer = await crew.take(make);
    await writer.word(phase);
    await pause(dice.fraction() * this.#span(phase));
    await cut.strike(writer);
    figures.cuts.add(phase);
    this.#noteRefusal(writer, where);
    const isSaid = writer.said(done) !== null;
    if (isSaid) this.#spans.set(phase, performance.now() - started);
    if (!(await isThere(folder))) {
      if (isSaid) this.#fault(where, `what was ${done} is not there`);
      const again = await crew.take(make);
      await again.process.ended();
      if (again.said(done) === null) {
        this.#fault(where, `it cannot be ${done} again: ${again.process.describe()}`);
      }
    }
    const checker = await crew.take(check);
    await checker.process.ended();
    this.#noteRefusal(checker, where);
    const report = checker.said('checked')?.rest as Pick<CheckedReport, 'faults'> | undefined;
    if (report === undefined && checker.said('refused') === null) {
      this.#fault(where, `what was ${done} was not checked: ${checker.process.describe()}`);
    }
    for (const fault of report?.faults ?? []) this.#fault(where, `newly ${done}: ${fault}`);
    await removeLaidOut(folder);
  }

  #layingOut(phase: LaidOut): LayingOut {
    const done = phase === 'creating' ? 'created' : 'restored';
    if (phase === 'restoring') {
      const folder = `${this.#options.folder}-copy`;
      const make = this.#job('restore', { target: folder });
      return { done, folder, make, check: this.#job('compare', { target: folder }) };
    }
    const folder = `${this.#options.folder}-new`;
    const ledger = newLedger(writers);
    const check = this.#job('check', { folder, ledger, verifiesHash: true });
    return { done, folder, make: this.#job('create', { folder }), check };
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
      target: '',
      takesBackup: null,
      verifiesBackups: false,
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

/** With what tries that were cut off left beside it; gone from the disk too, so that no cut brings it back. */
async function removeLaidOut(folder: string): Promise<void> {
  const parent = dirname(folder);
  const prefix = `.${basename(folder)}.`;
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix)) rmSync(join(parent, name), { recursive: true, force: true });
  }
  rmSync(folder, { recursive: true, force: true });
  const opened = await open(parent);
  await opened.sync();
  await opened.close();
}
