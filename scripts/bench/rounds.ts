// Everything interleaved: in each round every contestant has its turn, one at a time, on what it has
// built up in the rounds before.
import { quieten } from './quiet.js';
import { thousands } from './progress.js';
import type { Figures, LatencyLine } from './report.js';
import type { RowContext } from './row.js';
import { spreadOf } from './statistics.js';

export interface Latency {
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly maxMs: number | null;
}

export interface Turn {
  readonly operations: number;
  readonly seconds: number;
  readonly latency: Latency | null;
  /** How long the live replica took for what it had not applied when the turn ended. */
  readonly replicaLevelAfterMs?: number;
  /** Commits/s beside what was timed. */
  readonly loadRate?: number;
}

export interface TurnPlan {
  readonly seconds: number;
  /** Equal for all contestants of a round, different in each round. */
  readonly seed: number;
}

export interface Contestant {
  readonly name: string;
  turn(plan: TurnPlan): Promise<Turn>;
  /** Stops it, and takes away what it has on disk. */
  close(): Promise<void>;
}

export interface RoundsPlan {
  readonly row: string;
  readonly unit: string;
  /** Of one turn; 0 where a turn is a fixed amount of work. */
  readonly seconds: number;
  readonly warmUpSeconds: number;
}

/** All turns of each contestant, in the order of the rounds. */
export type Played = ReadonlyMap<Contestant, readonly Turn[]>;

const seedOfWarmUp = 1_000_000;

export async function playRounds(
  context: RowContext,
  plan: RoundsPlan,
  contestants: readonly Contestant[],
): Promise<Played> {
  const { budget, progress } = context;
  const played = new Map<Contestant, Turn[]>(contestants.map((each) => [each, []]));
  if (plan.warmUpSeconds > 0) {
    for (const each of contestants) {
      await each.turn({ seconds: plan.warmUpSeconds, seed: seedOfWarmUp });
    }
  }
  for (let round = 1; round <= budget.rounds; round += 1) {
    for (const [each, turns] of played) {
      await becomeQuiet(context);
      const turn = await each.turn({ seconds: plan.seconds, seed: round });
      turns.push(turn);
      const rate = `${thousands(rateOf(turn))} ${plan.unit}`;
      const longest = turn.latency?.maxMs ?? null;
      const told = longest === null ? '' : `, longest ${longest.toFixed(0)} ms`;
      progress.say(`${plan.row} ${round}/${budget.rounds}  ${each.name}: ${rate}${told}`);
    }
  }
  return played;
}

export async function becomeQuiet({ stage, cores, budget, unquiet }: RowContext): Promise<void> {
  if (budget.quietSecondsMax === 0) return;
  unquiet.of += 1;
  if (!(await quieten(stage, cores, budget.quietSecondsMax))) unquiet.turns += 1;
}

/** Builds the contestants, lets them play, and closes them. Where it fails the stage is cleared. */
export async function playWith(
  context: RowContext,
  plan: RoundsPlan,
  builders: readonly (() => Promise<Contestant>)[],
): Promise<Played> {
  const contestants: Contestant[] = [];
  for (const build of builders) contestants.push(await build());
  const played = await playRounds(context, plan, contestants);
  for (const each of contestants) await each.close();
  return played;
}

function rateOf({ operations, seconds }: Turn): number {
  return operations / seconds;
}

export function ratesOf(turns: readonly Turn[]): number[] {
  return turns.map(rateOf);
}

export function figuresOf(turns: readonly Turn[], unit: string): Figures {
  return { unit, spread: spreadOf(ratesOf(turns)) };
}

/** Over all turns: the worst one counts for the longest, the middle one for the rest. */
export function latencyLine(row: string, who: string, turns: readonly Turn[]): LatencyLine[] {
  const told = turns.flatMap(({ latency }) => (latency === null ? [] : [latency]));
  if (told.length === 0) return [];
  const all = (field: keyof Latency): number[] => told.flatMap((latency) => latency[field] ?? []);
  const middle = (values: number[]): number | null =>
    values.length === 0 ? null : spreadOf(values).median;
  const longest = all('maxMs');
  return [
    {
      row,
      who,
      p50Ms: middle(all('p50Ms')),
      p99Ms: middle(all('p99Ms')),
      maxMs: longest.length === 0 ? null : Math.max(...longest),
    },
  ];
}

/** Of operations that were timed one by one. */
export function latencyOf(timesMs: readonly number[]): Latency {
  const sorted = timesMs.toSorted((left, right) => left - right);
  const at = (fraction: number): number | null =>
    sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? null;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

/** By name, for the JSON. */
export function turnsByName(played: Played): Record<string, readonly Turn[]> {
  return Object.fromEntries([...played].map(([{ name }, turns]) => [name, turns]));
}
