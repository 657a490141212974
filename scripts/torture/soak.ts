// `soak`: a database as it lives. Writers, backups of every kind, expiry and an archive, and every few
// seconds a restore drill to a record drawn at random, compared entry by entry with what was committed.
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '@pamina/engine';
import { nodeEnv } from '@pamina/env';
import { formatPosition, parsePosition, toPaminaError, type Position } from '@pamina/format';
import { serve, type HostServer } from '@pamina/server';
import { Dice } from './program/dice.js';
import type { Fault, Progress, Report } from './report.js';
import { SoakModel, differenceOf } from './soak-model.js';
import { Workplace } from './workplace.js';

export interface SoakOptions {
  readonly seconds: number;
  readonly drillSeconds: number;
  readonly seed: number;
  /** Spoils what the drill finds, to show that it is noticed. */
  readonly isSpoiled?: boolean | undefined;
  readonly progress: Progress;
}

const name = 'orders';
const copy = 'drill';
const archive = 'cellar';
const writers = 16;
/** Between two commits of a writer, ms: a soak is about what happens beside them, not about their number. */
const pauseMsMax = 20;
const kinds = ['logical', 'incremental', 'physical', 'incremental'] as const;

export async function soak(options: SoakOptions): Promise<Report> {
  const started = performance.now();
  const workplace = await Workplace.open();
  const env = nodeEnv();
  const server = await serve({
    env,
    dataFolder: workplace.path('data'),
    listen: '127.0.0.1:0',
  });
  const run = new Soak(server, options, workplace.path('archive'));
  try {
    await run.run(started + options.seconds * 1000);
  } finally {
    await server.close();
    await workplace.close();
  }
  const seconds = (performance.now() - started) / 1000;
  return {
    ...{ torture: 'soak', seed: options.seed, seconds, notRun: [] },
    figures: run.figures(),
    faults: run.faults,
  };
}

class Soak {
  readonly faults: Fault[] = [];
  readonly #server: HostServer;
  readonly #options: SoakOptions;
  readonly #archivePath: string;
  readonly #dice: Dice;
  readonly #model = new SoakModel(writers);
  readonly #taken = { logical: 0, physical: 0, incremental: 0 };
  readonly #drills = { own: 0, archive: 0 };
  readonly #restored = { entries: 0, records: 0 };
  #expired = 0;
  /** Every commit up to here is in the model. */
  #lastSeqs: number[] = [];
  #isWriting = true;

  constructor(server: HostServer, options: SoakOptions, archivePath: string) {
    this.#server = server;
    this.#options = options;
    this.#archivePath = archivePath;
    this.#dice = new Dice(options.seed);
  }

  async run(endsAt: number): Promise<void> {
    const { host } = this.#server;
    await host.create(name);
    await host.set(name, 'backupGenerations', '2');
    await host.addArchive(name, archive, { address: this.#archivePath });
    this.#lastSeqs = Array.from({ length: writers }, () => 0);
    const face = this.#server.open(name, { valueEncoding: 'utf8' });
    await face.open();
    const writing = Promise.all(
      this.#lastSeqs.map((_, writer) =>
        this.#write(face.database, writer).catch((error: unknown) => {
          const { code, message } = toPaminaError(error);
          this.faults.push({ where: `writer ${writer}`, what: `${code}: ${message}` });
        }),
      ),
    );
    try {
      for (let round = 1; performance.now() < endsAt; round += 1) {
        await this.#round(round);
        await sleep(
          Math.max(0, Math.min(this.#options.drillSeconds * 1000, endsAt - performance.now())),
        );
      }
    } finally {
      this.#isWriting = false;
      await writing;
      await face.close();
    }
  }

  figures(): Report['figures'] {
    return {
      'commits acknowledged': this.#model.commits,
      'backups taken': this.#taken,
      'backups expired': this.#expired,
      'restore drills': this.#drills,
      'entries compared': this.#restored.entries,
      'records replayed': this.#restored.records,
    };
  }

  async #write(database: Database, writer: number): Promise<void> {
    const dice = new Dice(this.#options.seed, writer);
    while (this.#isWriting) {
      const { seq } = await database.commit(this.#model.next(writer));
      this.#model.acknowledged(writer, seq);
      this.#lastSeqs[writer] = seq;
      await sleep(dice.below(pauseMsMax));
    }
  }

  async #round(round: number): Promise<void> {
    const kind = kinds[(round - 1) % kinds.length] ?? 'logical';
    const where = `round ${round}`;
    try {
      const before = await this.#server.host.backups(name);
      await this.#server.host.backup(
        name,
        kind === 'incremental' ? { incremental: true } : { form: kind },
      );
      this.#taken[kind] += 1;
      const after = new Set((await this.#server.host.backups(name)).map(({ id }) => id));
      this.#expired += before.filter(({ id }) => !after.has(id)).length;
      await this.#drillOwn(where);
      await this.#drillArchive(where);
    } catch (error) {
      const { code, message } = toPaminaError(error);
      this.faults.push({ where, what: `${code}: ${message}` });
    }
    const { own, archive: fromArchive } = this.#drills;
    this.#options.progress(
      `soak round ${round}, ${this.#model.commits} commits, ${own + fromArchive} drills`,
    );
  }

  /** Anywhere between the oldest backup that is kept and what is acknowledged by everybody. */
  async #drillOwn(where: string): Promise<void> {
    const backups = await this.#server.host.backups(name);
    const oldest = backups
      .filter(({ kind }) => kind === 'full')
      .map(({ position }) => parsePosition(position ?? ''))
      .reduce((least, position) => (position.seq < least.seq ? position : least));
    await this.#drill(`${where}, own backups`, oldest, Math.min(...this.#lastSeqs), {});
    this.#drills.own += 1;
  }

  /** What the archive says that it has, from its first backup on. */
  async #drillArchive(where: string): Promise<void> {
    const { host } = this.#server;
    const [summary] = await host.runArchive(name, archive);
    if (summary === undefined || summary.archived === null || summary.problem !== null) {
      const what = `the archive has ${summary?.archived ?? 'nothing'}: ${summary?.problem?.message ?? ''}`;
      this.faults.push({ where, what });
      return;
    }
    const { seq } = parsePosition(summary.archived);
    const plan = await host.restore(name, {
      as: copy,
      from: this.#archivePath,
      recover: 'none',
      dryRun: true,
    });
    const from = parsePosition(plan.backupPosition);
    const to = Math.min(seq, ...this.#lastSeqs);
    await this.#drill(`${where}, archive`, from, to, { from: this.#archivePath });
    this.#drills.archive += 1;
  }

  async #drill(
    where: string,
    from: Position,
    toSeq: number,
    source: { readonly from?: string },
  ): Promise<void> {
    const { host } = this.#server;
    const position = { ...from, seq: this.#dice.between(from.seq, Math.max(from.seq, toSeq)) };
    const untilPosition = formatPosition(position);
    const report = await host.restore(name, { as: copy, untilPosition, ...source });
    try {
      const found = await entriesOf(`${host.dataFolder}/${copy}`);
      if (this.#options.isSpoiled === true) found.delete([...found.keys()][0] ?? '');
      const difference = differenceOf(this.#model.stateAt(position.seq), found);
      if (difference !== null) {
        this.faults.push({ where, what: `restored to ${untilPosition}: ${difference}` });
      }
      this.#restored.entries += found.size;
      this.#restored.records += report.records;
    } finally {
      await host.delete(copy);
    }
  }
}

async function entriesOf(folder: string): Promise<Map<string, string>> {
  const database = await Database.open(folder, { env: nodeEnv(), access: 'read' });
  try {
    const entries = new Map<string, string>();
    for await (const [key, value] of database.entries()) {
      entries.set(Buffer.from(key).toString(), Buffer.from(value).toString());
    }
    return entries;
  } finally {
    await database.close();
  }
}
