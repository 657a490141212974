// The contestants that run in a program of their own: a store that is written to, and a master with
// its live replica.
import { mkdir } from 'node:fs/promises';
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
}

type TurnAnswer = Turn & Answer;

/** Pamina without a replica, or the bare classic-level. */
export async function storeContestant(
  { stage, storeOptions }: RowContext,
  { name, engine, writers, folder }: StoreSetting,
): Promise<Contestant> {
  const { program } = await Program.start(stage, 'puts', {
    ...{ engine, folder, storeOptions, writers },
    encoding: 'utf8',
  });
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
}

interface Place extends Answer {
  readonly seq: number;
}

/** A master embedded in the writing program, its replica streaming in another. */
export class MasterAndReplica implements Contestant {
  readonly name: string;
  readonly #stage: Stage;
  readonly #master: Program;
  readonly #replica: Program;
  readonly #folder: string;

  private constructor(
    { name, folder }: MasterSetting,
    stage: Stage,
    master: Program,
    replica: Program,
  ) {
    this.name = name;
    this.#stage = stage;
    this.#master = master;
    this.#replica = replica;
    this.#folder = folder;
  }

  static async start({ stage }: RowContext, setting: MasterSetting): Promise<MasterAndReplica> {
    const { writers, folder, encoding = 'utf8', unsynced = false } = setting;
    await mkdir(folder);
    const directoryFile = `${folder}/directory.json`;
    const { program: master } = await Program.start(stage, 'master', {
      ...{ directoryFile, writers, encoding, unsynced },
      ...{ dataFolder: `${folder}/master`, name: 'orders' },
    });
    const { program: replica } = await Program.start(stage, 'replica', {
      ...{ directoryFile, dataFolder: `${folder}/replica` },
      ...{ name: 'orders-replica', master: 'orders' },
    });
    return new MasterAndReplica(setting, stage, master, replica);
  }

  /** The replica is there all the time; it is level again before the next one has its turn. */
  async turn(plan: TurnPlan): Promise<Turn> {
    const { seq, ...turn } = await this.#master.ask<TurnAnswer & Place>('turn', plan);
    const { milliseconds } = await this.#replica.ask<{ milliseconds: number }>('level', { seq });
    return { ...turn, replicaLevelAfterMs: milliseconds };
  }

  /** What the replica has missed when it comes back, and how long that took it. */
  async catchUp(records: number, seed: number, quiet: () => Promise<void>): Promise<Turn> {
    const { seq: before } = await this.#replica.ask<Place>('stop');
    const { seq } = await this.#master.ask<Place>('fill', { records, seed });
    await quiet();
    const { seconds } = await this.#replica.ask<{ seconds: number }>('catchUp', { seq });
    return { operations: seq - before, seconds, latency: null };
  }

  async close(): Promise<void> {
    await this.#replica.finish();
    await this.#master.finish();
    await this.#stage.remove(this.#folder);
  }
}
