// Puts under random keys without an end in sight: does the rate hold, does anything stall, does the
// memory stay where it is.
import { atLeast, limited } from '../comparison.js';
import { Program, type Answer } from '../program.js';
import type { Line } from '../report.js';
import { becomeQuiet, latencyLine, type Turn } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';
import { median, quarter, spreadOf } from '../statistics.js';

const name = 'sustained';
const title = 'sustained puts of random keys: rate, stalls and memory';
const writers = 64;
const stallMs = 500;
const memoryMegabytes = 600;
/** Samples of a memory that does not grow lie this far apart. */
const growthMax = 1.1;
const bytesPerMegabyte = 1_000_000;
/** Of a minute: what is left of the last one is counted if it says something. */
const lastWindowMin = 0.5;

export const sustained: Row = { name, title, run };

export interface SustainedTurn extends Turn, Answer {
  /** Puts in each minute; the last one may have been shorter. */
  readonly windows: readonly number[];
  readonly anonymousBytes: readonly number[];
  /** The longest time without any put acknowledged. */
  readonly silenceMs: number;
}

async function run(context: RowContext): Promise<RowResult> {
  const { stage, storeOptions, budget, progress } = context;
  const { windowSeconds, sustainedPuts, sustainedSecondsMin } = budget;
  const folder = stage.path('sustained');
  const { program } = await Program.start(stage, 'puts', {
    ...{ engine: 'pamina', folder, storeOptions, writers, encoding: 'utf8' },
  });
  await becomeQuiet(context);
  progress.say(
    `${name}  ${sustainedPuts} puts, and ${sustainedSecondsMin} s at least; nothing is told meanwhile`,
  );
  const turn = await program.ask<SustainedTurn>('sustain', {
    ...{ puts: sustainedPuts, secondsMin: sustainedSecondsMin, windowSeconds, seed: 1 },
  });
  await program.finish();
  await stage.remove(folder);
  return {
    lines: sustainedLines(turn, windowSeconds),
    latencies: latencyLine(name, 'Pamina', [turn]),
    turns: { Pamina: turn },
  };
}

export function sustainedLines(turn: SustainedTurn, windowSeconds: number): Line[] {
  const { operations, latency, silenceMs, anonymousBytes } = turn;
  const rates = windowRates(turn, windowSeconds);
  const [first = Number.NaN, ...later] = rates;
  const unit = windowSeconds === 60 ? 'minute' : `window of ${windowSeconds} s`;
  const megabytes = anonymousBytes.map((bytes) => bytes / bytesPerMegabyte);
  const growth = median(quarter(megabytes, 4)) / median(quarter(megabytes, 3));
  const row = name;
  const ours = { unit: 'puts/s', spread: spreadOf(rates) };
  const worst = Math.min(...later) / first;
  return [
    {
      ...limited({ row, measure: `sustained puts, worst ${unit}` }, atLeast(0.6), worst, ours),
      against: `its own first ${unit}`,
      remark: `${operations.toLocaleString('en-US')} puts`,
      theirs: { unit: 'puts/s', spread: spreadOf([first]) },
    },
    limited(
      { row, measure: 'longest put of them', remark: `longest silence ${silenceMs.toFixed(0)} ms` },
      { kind: 'under', value: stallMs, unit: 'ms' },
      latency?.maxMs ?? Number.NaN,
    ),
    limited(
      { row, measure: 'anonymous memory, most in that run' },
      { kind: 'under', value: memoryMegabytes, unit: 'MB' },
      Math.max(...megabytes),
    ),
    {
      ...limited(
        { row, measure: 'anonymous memory, last quarter of that run' },
        { kind: 'at most', value: growthMax, unit: '×' },
        growth,
      ),
      against: 'the quarter before',
    },
  ];
}

/** Puts a second in each minute. */
export function windowRates(
  { windows, seconds }: Pick<SustainedTurn, 'windows' | 'seconds'>,
  windowSeconds: number,
): number[] {
  return windows.flatMap((puts, index) => {
    const length = Math.min(windowSeconds, seconds - index * windowSeconds);
    return length < windowSeconds * lastWindowMin ? [] : [puts / length];
  });
}
