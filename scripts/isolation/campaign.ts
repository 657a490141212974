// One round after the other until the time is over, on one pair of servers.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Prng } from '../../packages/sim/src/world/prng.js';
import { Scene } from '../../test/support/scene.js';
import type { Arguments } from './arguments.js';
import { rounds, type RoundKind, type RoundResult } from './rounds.js';
import { openStage } from './stage.js';

export interface Finding {
  readonly round: number;
  readonly kind: RoundKind;
  readonly name: string;
  readonly text: string;
}

export interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly rounds: Readonly<Record<string, number>>;
  readonly transactions: number;
  readonly ends: Readonly<Record<string, number>>;
  /** The largest of each. */
  readonly figures: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  /** Histories in which something was found. */
  readonly kept: readonly string[];
}

const roundSeconds = 5;
const keepFolder = fileURLToPath(new URL('../../.tmp/isolation', import.meta.url));

export async function campaign(
  given: Omit<Arguments, 'isJson'>,
  progress: (text: string) => void,
): Promise<Report> {
  const startedAt = performance.now();
  const passed = (): number => (performance.now() - startedAt) / 1000;
  const tally = new Tally(given.seed);
  const scene = await Scene.open();
  try {
    const stage = await openStage(scene);
    for (let number = 0; number < given.kinds.length || passed() < given.seconds; number += 1) {
      const kind = given.kinds[number % given.kinds.length] ?? 'calm';
      const seconds = Math.min(roundSeconds, given.seconds / given.kinds.length);
      progress(
        `round ${number} (${kind}), ${Math.round(passed())} s, ${tally.transactions} transactions`,
      );
      const random = new Prng(`${given.seed}/${number}`);
      const request = { ...given, stage, seconds, prefix: `r${number}/`, random };
      await tally.add(number, kind, await rounds[kind](request));
    }
    return tally.report(passed());
  } catch (error) {
    if (error instanceof Error) error.message += `\n${scene.describe()}`;
    throw error;
  } finally {
    await scene.close();
  }
}

class Tally {
  transactions = 0;
  readonly #seed: number;
  readonly #rounds: Record<string, number> = {};
  readonly #ends: Record<string, number> = {};
  readonly #figures: Record<string, number> = {};
  readonly #findings: Finding[] = [];
  readonly #kept: string[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  async add(round: number, kind: RoundKind, result: RoundResult): Promise<void> {
    this.transactions += result.transactions;
    addTo(this.#rounds, kind, 1);
    for (const [end, count] of Object.entries(result.ends)) addTo(this.#ends, end, count);
    for (const [name, value] of Object.entries(result.figures)) {
      this.#figures[name] = Math.max(this.#figures[name] ?? 0, value);
    }
    for (const { name, text } of result.anomalies) this.#findings.push({ round, kind, name, text });
    for (const text of result.faults) this.#findings.push({ round, kind, name: 'fault', text });
    if (result.history === null) return;
    await mkdir(keepFolder, { recursive: true });
    const file = join(keepFolder, `seed-${this.#seed}-round-${round}.json`);
    await writeFile(file, JSON.stringify(result.history));
    this.#kept.push(file);
  }

  report(seconds: number): Report {
    return {
      seed: this.#seed,
      seconds: Math.round(seconds * 10) / 10,
      rounds: this.#rounds,
      transactions: this.transactions,
      ends: this.#ends,
      figures: this.#figures,
      findings: this.#findings,
      kept: this.#kept,
    };
  }
}

function addTo(counts: Record<string, number>, name: string, count: number): void {
  counts[name] = (counts[name] ?? 0) + count;
}

const findingsShownMax = 20;

export function reportText(report: Report): string {
  const { ends, figures, findings, kept } = report;
  const lines = [
    `isolation, seed ${report.seed}, ${report.seconds} s`,
    `  rounds         ${listed(report.rounds)}`,
    `  transactions   ${report.transactions}`,
    `  ended          ${listed(ends)}`,
    ...Object.entries(figures).map(([name, value]) => `  ${name}: ${value}`),
    ...findings
      .slice(0, findingsShownMax)
      .map(({ round, kind, name, text }) => `WRONG: round ${round} (${kind}): ${name}: ${text}`),
  ];
  const more = findings.length - findingsShownMax;
  if (more > 0) lines.push(`WRONG: and ${more} more (--json has them all)`);
  for (const file of kept) lines.push(`kept: ${file}`);
  if (findings.length === 0) lines.push('nothing wrong was found in what ran');
  return lines.join('\n');
}

function listed(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
