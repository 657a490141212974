// Backups of one database that is there from the beginning, and what is made from them: a new replica
// beside pg_basebackup, the copy that it begins with alone, a logical backup beside pg_dump, its restore
// beside a bare LevelDB that is given the same data in key order.
import { mkdir } from 'node:fs/promises';
import { atLeast, compared, turnsOf, withoutPeer, type Comparison } from '../comparison.js';
import { startFilledPostgres, type FilledPostgres } from '../peer/filled-postgres.js';
import { Program } from '../program.js';
import { documentBytes } from '../program/lib/document.mjs';
import { playWith, turnsByName, type Contestant, type Played, type Turn } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'backup';
const title = 'backups, new replicas and restores, MB/s of documents';
const unit = 'MB/s';
const database = 'orders';

export const backup: Row = { name, title, run };

const who = {
  replica: 'Pamina, physical backup and new replica',
  basebackup: 'PostgreSQL, pg_basebackup and new standby',
  bootstrap: 'Pamina, new replica’s copy of a checkpoint',
  copy: 'PostgreSQL, pg_basebackup alone',
  logical: 'Pamina, logical backup',
  dump: 'PostgreSQL, pg_dump -Fc -Z0',
  restore: 'Pamina, logical restore',
  sorted: 'classic-level, sorted data',
} as const;

async function run(context: RowContext): Promise<RowResult> {
  const { budget, peers, stage } = context;
  const ours = await OurBackups.start(context);
  const postgres =
    peers.postgres === null
      ? null
      : await startFilledPostgres(stage, {
          programs: peers.postgres,
          folder: stage.path('backup-postgres'),
          documents: budget.backupDocuments,
        });
  const contestants = [
    ...ours.contestants(),
    ...(postgres === null ? [] : theirs(context, postgres)),
    sortedLevel(context),
  ];
  const plan = { row: name, unit, seconds: 0, warmUpSeconds: 0 };
  const played = await playWith(
    context,
    plan,
    contestants.map((each) => () => Promise.resolve(each)),
  );
  await ours.close();
  await postgres?.close();
  return { lines: linesOf(context, played), latencies: [], turns: turnsByName(played) };
}

function linesOf({ peers }: RowContext, played: Played): RowResult['lines'] {
  const comparison = (measure: string, against: string, goal: number): Comparison => ({
    ...{ row: name, measure: `${measure}, MB/s of documents`, against, unit, goal: atLeast(goal) },
  });
  const replica = comparison('physical backup and new replica to first read', who.basebackup, 2);
  const bootstrap = comparison('bootstrap from a checkpoint over the network', who.copy, 1.5);
  const logical = comparison('logical backup', who.dump, 1);
  const restored = comparison('logical restore', who.sorted, 0.8);
  const besidePostgres = [
    { told: replica, mine: who.replica, other: who.basebackup },
    { told: bootstrap, mine: who.bootstrap, other: who.copy },
    { told: logical, mine: who.logical, other: who.dump },
  ].map(({ told, mine, other }) =>
    peers.postgres === null
      ? withoutPeer(told, 'PostgreSQL', turnsOf(played, mine))
      : compared(told, turnsOf(played, mine), turnsOf(played, other)),
  );
  return [
    ...besidePostgres,
    compared(restored, turnsOf(played, who.restore), turnsOf(played, who.sorted)),
  ];
}

function contestant(
  { budget }: RowContext,
  called: string,
  work: (seed: number) => Promise<number>,
): Contestant {
  const megabytes = (budget.backupDocuments * documentBytes) / 1e6;
  return {
    name: called,
    turn: async ({ seed }): Promise<Turn> => ({
      operations: megabytes,
      seconds: await work(seed),
      latency: null,
    }),
    close: () => Promise.resolve(),
  };
}

interface Timed extends Record<string, unknown> {
  readonly seconds: number;
}

/** A served database, and a second server on which replicas and restores of it come and go. */
class OurBackups {
  readonly #context: RowContext;
  readonly #folder: string;
  readonly #master: Program;
  readonly #newcomer: Program;
  /** Where the logical backup of this round is. */
  #logical = '';

  private constructor(context: RowContext, folder: string, master: Program, newcomer: Program) {
    this.#context = context;
    this.#folder = folder;
    this.#master = master;
    this.#newcomer = newcomer;
  }

  static async start(context: RowContext): Promise<OurBackups> {
    const { stage, budget } = context;
    const folder = stage.path('backup-pamina');
    await mkdir(folder);
    const directory = `${folder}/directory.json`;
    const { program: master } = await Program.start(stage, 'master', {
      ...{ directory, writers: 0, encoding: 'utf8', unsynced: false },
      ...{ dataFolder: `${folder}/master`, name: database },
    });
    const dataFolder = `${folder}/newcomer`;
    const { program: newcomer } = await Program.start(stage, 'newcomer', {
      directory,
      dataFolder,
    });
    await master.ask('fill', { records: budget.backupDocuments, seed: 1 });
    return new OurBackups(context, folder, master, newcomer);
  }

  contestants(): Contestant[] {
    const { backupDocuments } = this.#context.budget;
    return [
      contestant(this.#context, who.replica, async (seed) => {
        const backed = await this.#master.ask<Timed>('backup', { form: 'physical' });
        const replica = `orders-${seed}`;
        const joined = await this.#newcomer.ask<Timed>('join', { name: replica, master: database });
        return backed.seconds + joined.seconds;
      }),
      // The newest backup is the physical one that was just taken.
      contestant(this.#context, who.bootstrap, async (seed) => {
        const copied = { name: `copy-${seed}`, master: database };
        return (await this.#newcomer.ask<Timed>('copy', copied)).seconds;
      }),
      contestant(this.#context, who.logical, async () => {
        const backed = await this.#master.ask<Timed & { folder: string }>('backup', {
          form: 'logical',
        });
        this.#logical = backed.folder;
        return backed.seconds;
      }),
      contestant(this.#context, who.restore, async (seed) => {
        const { seconds, entries } = await this.#newcomer.ask<Timed & { entries: number }>(
          'restore',
          { name: `restored-${seed}`, from: this.#logical },
        );
        if (entries < backupDocuments * 0.99) throw new Error(`only ${entries} were restored`);
        return seconds;
      }),
    ];
  }

  async close(): Promise<void> {
    await this.#newcomer.finish();
    await this.#master.finish();
    await this.#context.stage.remove(this.#folder);
  }
}

function theirs(context: RowContext, postgres: FilledPostgres): Contestant[] {
  return [
    contestant(context, who.basebackup, (seed) => postgres.newStandby(seed)),
    contestant(context, who.copy, (seed) => postgres.copy(seed)),
    contestant(context, who.dump, (seed) => postgres.dump(seed)),
  ];
}

/** A store of its own each time, as a restore lays out a new one. */
function sortedLevel(context: RowContext): Contestant {
  const { stage, storeOptions, budget } = context;
  return contestant(context, who.sorted, async (seed) => {
    const folder = stage.path(`backup-sorted-${seed}`);
    const { program } = await Program.start(stage, 'batches', { folder, storeOptions });
    const order = { records: budget.backupDocuments, seed, isSorted: true };
    const { seconds } = await program.ask<Timed>('write', order);
    await program.finish();
    await stage.remove(folder);
    return seconds;
  });
}
