// The contestants that run in a program of their own: a store that is written to, and a master with
// its live replica.
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { lagBetween, type LagSetting } from './lag.js';
import { Program, type Answer } from './program.js';
import type { Contestant, Turn, TurnPlan } from './rounds.js';
import type { RowContext } from './row.js';
import type { Stage } from './stage.js';

export type Encoding = 'utf8' | 'json' | 'buffer';

export interface StoreSetting {
  readonly name: string;
  readonly engine: 'pamina' | 'classic-level';
  readonly writers: number;
  readonly folder: string;
  /** So many were there before anything is measured. */
  readonly transactions?: number;
}

/** Who reads from a replica while it replays. */
export interface ReaderSetting {
  readonly readers: number;
  readonly isolation: 'committedCommand' | 'snapshot';
}

const secondsWithoutEnd = 86_400;

type TurnAnswer = Turn & Answer;

/** Pamina without a replica, or the bare classic-level. */
export async function storeContestant(
  { stage, storeOptions }: RowContext,
  { name, engine, writers, folder, transactions = 0 }: StoreSetting,
): Promise<Contestant> {
  const { program } = await Program.start(stage, 'puts', {
    ...{ engine, folder, storeOptions, writers },
    encoding: 'utf8',
  });
  if (transactions > 0) {
    await program.ask('transactions', { transactions, documents: 1, lockData: false });
  }
  return {
    name,
    turn: (plan) => program.ask<TurnAnswer>('turn', plan),
    close: async () => {
      await program.finish();
      await stage.remove(folder);
    },
  };
}

export interface MasterSetting {
  readonly name: string;
  readonly writers: number;
  readonly folder: string;
  readonly encoding?: Encoding;
  /** Its disk answers at once that everything is synced. */
  readonly unsynced?: boolean;
  /** The replica can be read from while it replays. */
  readonly simultaneousQuery?: boolean;
}

interface Place extends Answer {
  readonly seq: number;
}

/** A master embedded in the writing program, its replica streaming in another. */
export class MasterAndReplica implements Contestant {
  readonly name: string;
  readonly #stage: Stage;
  readonly #master: Program;
  #replica: Program;
  readonly #replicaConfiguration: object;
  readonly #folder: string;

  private constructor(
    { name, folder }: MasterSetting,
    stage: Stage,
    master: Program,
    replica: Program,
    replicaConfiguration: object,
  ) {
    this.name = name;
    this.#stage = stage;
    this.#master = master;
    this.#replica = replica;
    this.#replicaConfiguration = replicaConfiguration;
    this.#folder = folder;
  }

  static async start({ stage }: RowContext, setting: MasterSetting): Promise<MasterAndReplica> {
    const { writers, folder, encoding = 'utf8', unsynced = false } = setting;
    const { simultaneousQuery = false } = setting;
    await mkdir(folder);
    const directory = `${folder}/directory.json`;
    const { program: master } = await Program.start(stage, 'master', {
      ...{ directory, writers, encoding, unsynced },
      ...{ dataFolder: `${folder}/master`, name: 'orders' },
    });
    const configuration = {
      ...{ directory, dataFolder: `${folder}/replica`, simultaneousQuery },
      ...{ name: 'orders-replica', master: 'orders' },
    };
    const { program: replica } = await Program.start(stage, 'replica', configuration);
    return new MasterAndReplica(setting, stage, master, replica, configuration);
  }

  /** The replica is there all the time; it is level again before the next one has its turn. */
  async turn(plan: TurnPlan): Promise<Turn> {
    const { seq, ...turn } = await this.#master.ask<TurnAnswer & Place>('turn', plan);
    const { milliseconds } = await this.#replica.ask<{ milliseconds: number }>('level', { seq });
    return { ...turn, replicaLevelAfterMs: milliseconds };
  }

  /** What the replica has missed when it comes back, and how long that took it. */
  async catchUp(
    records: number,
    seed: number,
    quiet: () => Promise<void>,
    readers: ReaderSetting = { readers: 0, isolation: 'snapshot' },
  ): Promise<Turn> {
    const { seq: before } = await this.#replica.ask<Place>('stop');
    const { seq } = await this.#master.ask<Place>('fill', { records, seed });
    await quiet();
    const { seconds } = await this.#replica.ask<{ seconds: number }>('catchUp', {
      ...{ seq, ...readers },
    });
    return { operations: seq - before, seconds, latency: null };
  }

  lag(plan: TurnPlan, setting: Pick<LagSetting, 'everyMs' | 'load'>): Promise<Turn> {
    return lagBetween([this.#master, this.#replica], plan, setting);
  }

  /** As `catchUp`, counted from the start of the process of the replica, which had been stopped. */
  async comeBack(records: number, seed: number, quiet: () => Promise<void>): Promise<Turn> {
    const { seq: before } = await this.fill(0, seed);
    await this.#replica.ask('applied', { seq: before });
    await this.#replica.finish();
    const { seq } = await this.fill(records, seed);
    await quiet();
    const startedAt = performance.now();
    const configuration = { ...this.#replicaConfiguration, isThere: true };
    ({ program: this.#replica } = await Program.start(this.#stage, 'replica', configuration));
    await this.#replica.ask('applied', { seq });
    const seconds = (performance.now() - startedAt) / 1000;
    return { operations: seq - before, seconds, latency: null };
  }

  fill(records: number, seed: number): Promise<Place> {
    return this.#master.ask<Place>('fill', { records, seed });
  }

  /** Kills the master in the midst of its writing; the seconds until the replica has taken a write. */
  async takeOver(plan: TurnPlan): Promise<number> {
    const writing = this.#master.ask('turn', { ...plan, seconds: secondsWithoutEnd }).then(
      () => 'it came to an end',
      () => 'killed',
    );
    await sleep(plan.seconds * 1000, undefined, { signal: this.#stage.signal });
    const startedAt = performance.now();
    await this.#master.kill();
    await this.#replica.ask('failover');
    const seconds = (performance.now() - startedAt) / 1000;
    if ((await writing) !== 'killed')
      throw new Error('the master was not writing when it was killed');
    return seconds;
  }

  async close(): Promise<void> {
    await this.#replica.finish();
    if (this.#master.isRunning) await this.#master.finish();
    await this.#stage.remove(this.#folder);
  }
}
