// Reads in every way that there is, beside the bare classic-level with the same data and options.
import { atLeast, compared, turnsOf } from '../comparison.js';
import { Program, type Answer } from '../program.js';
import type { LatencyLine, Line } from '../report.js';
import { latencyLine, playRounds, turnsByName, type Contestant, type Turn } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'reads';
const title = 'get, getMany and iterator, beside the bare classic-level';
const ours = 'Pamina';
const theirs = 'classic-level';
const seedOfKeys = 1;

const measures = {
  get64: 'get, 64 at a time, reads/s',
  get1: 'get, one at a time, reads/s',
  getSync: 'getSync, reads/s',
  getMany: 'getMany(100), reads/s',
  nextv: 'iterator, nextv(1000), entries/s',
  forAwait: 'iterator, for await, entries/s',
} as const;

export const reads: Row = { name, title, run };

async function run(context: RowContext): Promise<RowResult> {
  const { stage, progress } = context;
  const engines = { [ours]: 'pamina', [theirs]: 'classic-level' } as const;
  const programs: [string, Program][] = [];
  for (const [who, engine] of Object.entries(engines)) {
    progress.say(`${name}  ${who} is filled`);
    programs.push([who, await open(context, engine)]);
  }
  const lines: Line[] = [];
  const latencies: LatencyLine[] = [];
  const turns: Record<string, unknown> = {};
  for (const [measure, measureTitle] of Object.entries(measures)) {
    const played = await playMeasure(context, measure, programs);
    turns[measure] = turnsByName(played);
    for (const [each, its] of played) latencies.push(...latencyLine(measure, each.name, its));
    const comparison = {
      ...{ row: name, measure: measureTitle, against: 'bare classic-level, same options' },
      ...{ unit: '/s', goal: atLeast(0.95) },
    };
    lines.push(compared(comparison, turnsOf(played, ours), turnsOf(played, theirs)));
  }
  for (const [, program] of programs) await program.finish();
  for (const engine of Object.values(engines)) await stage.remove(folderOf(context, engine));
  return { lines, latencies, turns };
}

function folderOf({ stage }: RowContext, engine: string): string {
  return stage.path(`reads-${engine}`);
}

async function open(context: RowContext, engine: string): Promise<Program> {
  const { stage, storeOptions, budget } = context;
  const { program } = await Program.start(stage, 'reads', {
    ...{ engine, storeOptions, records: budget.records, seed: seedOfKeys },
    folder: folderOf(context, engine),
  });
  return program;
}

function playMeasure(
  context: RowContext,
  measure: string,
  programs: readonly [string, Program][],
): ReturnType<typeof playRounds> {
  const { budget } = context;
  const contestants = programs.map(([who, program]): Contestant => {
    const turn: Contestant['turn'] = ({ seconds, seed }) =>
      program.ask<Turn & Answer>('turn', { measure, seconds, seed });
    return { name: who, turn, close: () => program.finish() };
  });
  const seconds = budget.readSeconds / budget.rounds;
  const warmUpSeconds = Math.min(budget.warmUpSeconds, seconds);
  const plan = { row: `${name} ${measure}`, unit: 'reads/s', seconds, warmUpSeconds };
  return playRounds(context, plan, contestants);
}
