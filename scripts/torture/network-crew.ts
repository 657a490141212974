// The client processes of the torture `network`: started, killed and started again, and what they said.

import { mkdirSync, readFileSync } from 'node:fs';
import type { Scene } from '../../test/support/scene.js';
import type { RunningProcess } from '../../test/support/running-process.js';
import type { NetworkConfiguration, NetworkFigures, NetworkSaid } from './program/network-words.js';
import { programFile } from './programs.js';
import { type Fault, percentiles } from './report.js';

export type CrewPlan = Omit<NetworkConfiguration, 'first' | 'journal'>;

const processes = 2;
const endMs = 60_000;
const latenciesMax = 1_000_000;

interface Hand {
  readonly configuration: NetworkConfiguration;
  process: RunningProcess | null;
  last: NetworkFigures | null;
}

export class NetworkCrew {
  readonly #scene: Scene;
  readonly #hands: readonly Hand[];
  readonly #faults: Fault[] = [];
  readonly #done: Record<string, number> = {};
  readonly #refusals: Record<string, number> = {};
  readonly #latencies: number[] = [];

  constructor(scene: Scene, plan: CrewPlan) {
    this.#scene = scene;
    mkdirSync(scene.path('journals'));
    this.#hands = Array.from({ length: processes }, (_, at) => {
      const share = (whole: number): number =>
        Math.floor((whole * (at + 1)) / processes) - Math.floor((whole * at) / processes);
      const configuration = {
        ...plan,
        clients: share(plan.clients),
        silent: share(plan.silent),
        first: Math.floor((plan.clients * at) / processes),
        // Not beside the directory file: whoever watches that is told of each line.
        journal: scene.path('journals', String(at)),
      };
      return { configuration, process: null, last: null };
    });
  }

  get operations(): number {
    return sum(this.done());
  }

  async start(): Promise<void> {
    for (const hand of this.#hands) await this.#start(hand);
  }

  /** One of the processes; null: as its program ends. */
  async restart(signal: 'SIGKILL' | null): Promise<void> {
    const [hand] = this.#hands;
    if (hand === undefined) return;
    if (signal === null) await this.#end(hand);
    else {
      await hand.process?.kill(signal);
      this.#retire(hand);
    }
    await this.#start(hand);
  }

  /** What was wrong. */
  async finish(): Promise<readonly Fault[]> {
    await Promise.all(this.#hands.map((hand) => this.#end(hand)));
    return this.#faults;
  }

  done(): Record<string, number> {
    return this.#summed(this.#done, ({ done }) => done);
  }

  refusals(): Record<string, number> {
    return this.#summed(this.#refusals, ({ refusals }) => refusals);
  }

  latencies(): Record<string, number> {
    return percentiles(this.#latencies);
  }

  /** Of all processes, one behind the other: each client is in one of them. */
  journals(): string {
    return this.#hands
      .map(({ configuration }) => readFileSync(configuration.journal, 'utf8'))
      .join('');
  }

  async #start(hand: Hand): Promise<void> {
    const words = [await programFile('network-client'), JSON.stringify(hand.configuration)];
    const process = this.#scene.start('clients', words);
    hand.process = process;
    process.onLine((line) => this.#hear(hand, JSON.parse(line) as NetworkSaid));
    void process.exited.then(({ signal, status }) => {
      if (status === 0 || signal === 'SIGKILL') return;
      this.#faults.push({ where: 'the clients', what: process.describe() });
    });
  }

  #hear(hand: Hand, said: NetworkSaid): void {
    if ('fault' in said) {
      this.#faults.push(said.fault);
      return;
    }
    hand.last = said.figures;
    if (this.#latencies.length < latenciesMax) this.#latencies.push(...said.figures.latencies);
  }

  async #end(hand: Hand): Promise<void> {
    await hand.process?.finish(endMs);
    this.#retire(hand);
  }

  #retire(hand: Hand): void {
    add(this.#done, hand.last?.done ?? {});
    add(this.#refusals, hand.last?.refusals ?? {});
    hand.last = null;
    hand.process = null;
  }

  #summed(
    past: Record<string, number>,
    part: (figures: NetworkFigures) => Readonly<Record<string, number>>,
  ): Record<string, number> {
    const all = { ...past };
    for (const { last } of this.#hands) add(all, last === null ? {} : part(last));
    return all;
  }
}

function add(all: Record<string, number>, more: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(more)) all[name] = (all[name] ?? 0) + count;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}
