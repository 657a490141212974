// `full`: a file system without space. Writers go on trying; commits are rejected or wait, reads go on,
// and when there is space again writing resumes without reopening. Also: closed, killed and opened again
// while it is full.
import { FullPlace } from './full-place.js';
import { Image } from './image.js';
import { lackingFor, type FileSystem } from './machine.js';
import { Dice } from './program/dice.js';
import type { CheckedReport, Job } from './program/job.js';
import type { Plant } from './program/plants.js';
import type { ReadBack } from './program/read-back.js';
import type { Plan } from './program/workload.js';
import { Tally, type Fault, type NotRun, type Progress, type Report } from './report.js';
import { Workplace } from './workplace.js';
import { Crew, type Refusal, type Writer } from './writers.js';

export const fullFileSystems: readonly FileSystem[] = ['tmpfs', 'ext4', 'xfs'];

export interface FullOptions {
  /** On each file system. */
  readonly rounds: number;
  readonly fileSystems: readonly FileSystem[];
  readonly seed: number;
  readonly plant: Plant | null;
  readonly progress: Progress;
}

const writers = 16;
const valueBytesMax = 64 * 1024;
const segmentBytes = 256 * 1024;
const mebibyte = 1024 * 1024;
const imageBytes: Record<FileSystem, number> = {
  tmpfs: 64 * mebibyte,
  ext4: 64 * mebibyte,
  xfs: 320 * mebibyte,
};
/** How commits may be refused on a full disk, and by a database that is being closed. */
const refusals: readonly string[] = ['DISK_FULL', 'BACKLOG_FULL'];
const deadlineMs = 60_000;

export async function full(options: FullOptions): Promise<Report> {
  const { fileSystems, seed } = options;
  const started = performance.now();
  const notRun: NotRun[] = [];
  const workplace = await Workplace.open();
  const crew = new Crew();
  const siege = new Siege(options, workplace, crew);
  try {
    for (const fileSystem of fileSystems) {
      const why = lackingFor(fileSystem);
      if (why === null) await siege.run(fileSystem);
      else notRun.push({ what: `full on ${fileSystem}`, why });
    }
  } finally {
    await crew.close();
    await workplace.close();
  }
  const seconds = (performance.now() - started) / 1000;
  const { faults } = siege;
  return { torture: 'full', seed, seconds, figures: siege.table(), faults, notRun };
}

interface Stopped {
  readonly state: string;
  readonly why: string | null;
}

/** How a round goes on when the disk is full. */
type Turn = 'space returns' | 'closed while full' | 'killed while full';
const turns: readonly Turn[] = ['space returns', 'killed while full', 'closed while full'];

class Siege {
  readonly faults: Fault[] = [];
  readonly #options: FullOptions;
  readonly #workplace: Workplace;
  readonly #crew: Crew;
  readonly #turns = new Tally();
  readonly #rejected = new Tally();
  readonly #atFull = new Tally();
  readonly #iterators = new Tally();
  #acknowledged = 0;
  #reads = 0;
  #resumed = 0;

  constructor(options: FullOptions, workplace: Workplace, crew: Crew) {
    this.#options = options;
    this.#workplace = workplace;
    this.#crew = crew;
  }

  table(): Report['figures'] {
    return {
      rounds: this.#turns.all(),
      'commits acknowledged': this.#acknowledged,
      'commits rejected': this.#rejected.all(),
      'entries read while full': this.#reads,
      'iterators refused while full': this.#iterators.all(),
      'resumed without reopening': this.#resumed,
      'opened while full': this.#atFull.all(),
    };
  }

  async run(fileSystem: FileSystem): Promise<void> {
    const { progress, rounds, seed } = this.#options;
    const dice = new Dice(seed, fileSystem.length);
    for (let round = 1; round <= rounds; round += 1) {
      const where = `${fileSystem}, round ${round}`;
      const image = Image.make(this.#workplace, fileSystem, imageBytes[fileSystem]);
      const turn = turns[(round - 1) % turns.length] ?? 'space returns';
      const plan: Plan = { seed: dice.below(2 ** 31), writers, valueBytesMax };
      const fault = (what: string): void => void this.faults.push({ where, what });
      try {
        await this.#round(
          new FullPlace(image, plan, dice, this.#workplace.path('journal')),
          turn,
          fault,
        );
      } catch (error) {
        // A wait in vain, for instance: what it waited for is the fault.
        fault(error instanceof Error ? error.message : String(error));
      }
      this.#turns.add(turn);
      await this.#crew.killTaken();
      image.remove();
      progress(`${where}, ${this.#acknowledged} commits acknowledged`);
      if (this.faults.length > 0) return;
    }
  }

  async #round(place: FullPlace, turn: Turn, fault: (what: string) => void): Promise<void> {
    const creator = await this.#crew.take(this.#job(place, 'create'));
    await creator.process.ended();
    const writer = await this.#crew.take(this.#job(place, 'write'));
    await this.#fill(place, writer);
    await this.#readWhileFull(writer, fault);
    if (turn === 'space returns') await this.#resume(place, writer, fault);
    else await this.#endWhileFull(place, writer, turn, fault);
    const last = await this.#crew.take(this.#job(place, 'check'));
    await last.process.ended();
    this.#takeChecked(place, last, fault);
  }

  /** Until commits are rejected or nothing moves any more. */
  async #fill(place: FullPlace, writer: Writer): Promise<void> {
    await writer.word('writing');
    await place.progressed(1);
    place.takeSpace();
    await place.stoodStill();
    this.#turns.add(place.hasRejections() ? 'with rejections' : 'with waiting only');
  }

  async #readWhileFull(writer: Writer, fault: (what: string) => void): Promise<void> {
    writer.process.tell('read');
    const { entries, faults, refused } = (await writer.word('read')).rest as ReadBack;
    this.#reads += entries;
    if (refused !== null) this.#iterators.add(refused);
    for (const what of faults) fault(`read while full: ${what}`);
  }

  async #resume(place: FullPlace, writer: Writer, fault: (what: string) => void): Promise<void> {
    place.giveSpace();
    // Each writer several times.
    await place.progressed(writers * 4);
    this.#resumed += 1;
    writer.process.tell('end');
    await writer.process.ended(deadlineMs);
    this.#takeLife(place, writer, fault);
  }

  async #endWhileFull(
    place: FullPlace,
    writer: Writer,
    turn: Turn,
    fault: (what: string) => void,
  ): Promise<void> {
    if (turn === 'killed while full') await writer.process.kill('SIGKILL');
    else {
      writer.process.tell('end');
      await writer.process.ended(deadlineMs);
    }
    this.#takeLife(place, writer, fault);
    const reader = await this.#crew.take(this.#job(place, 'check'));
    await reader.process.ended(deadlineMs);
    const refusal = reader.said('refused')?.rest as Refusal | undefined;
    this.#atFull.add(reader.said('checked') === null ? (refusal?.code ?? 'nothing') : 'opened');
    this.#takeChecked(place, reader, fault);
    place.giveSpace();
    const again = await this.#crew.take(this.#job(place, 'write'));
    await again.word('writing');
    await place.progressed(writers);
    again.process.tell('end');
    await again.process.ended(deadlineMs);
    this.#takeLife(place, again, fault);
  }
  #job(place: FullPlace, task: Job['task']): Job {
    return {
      task,
      folder: place.folder,
      journal: place.journal,
      plan: place.plan,
      ledger: place.ledger,
      segmentBytes,
      target: '',
      takesBackup: null,
      verifiesBackups: false,
      goesOn: true,
      verifiesHash: false,
      plant: this.#options.plant,
    };
  }

  /** What a writer found at its opening and was told of its commits. */
  #takeLife(place: FullPlace, writer: Writer, fault: (what: string) => void): void {
    this.#takeChecked(place, writer, fault);
    const count = place.takeJournal();
    this.#acknowledged += count.acknowledged;
    for (const [code, times] of count.rejected) {
      this.#rejected.add(code, times);
      if (!refusals.includes(code)) fault(`${times} commits were rejected with ${code}`);
    }
    if (count.unknown > 0) this.#rejected.add('COMMIT_UNKNOWN', count.unknown);
    const stopped = writer.said('stopped')?.rest as Stopped | undefined;
    if (stopped?.state === 'failed') fault(`the database has failed: ${stopped.why}`);
  }

  #takeChecked(place: FullPlace, writer: Writer, fault: (what: string) => void): void {
    const { exit } = writer.process;
    const isEnded = exit?.signal === 'SIGKILL' || exit?.status === 0;
    if (!isEnded) fault(`the process crashed: ${writer.process.describe()}`);
    const report = writer.said('checked')?.rest as CheckedReport | undefined;
    if (report === undefined) return;
    place.ledger = report.ledger;
    for (const what of report.faults) fault(what);
  }
}
