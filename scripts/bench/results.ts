// Writes what a run found to bench-results/, for people and for programs.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineText, type Machine } from './machine.js';
import type { Options } from './options.js';
import { markdownTables, verdictOf, type LatencyLine, type Line } from './report.js';

export interface Results {
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Machine;
  readonly options: Options;
  readonly lines: readonly Line[];
  readonly latencies: readonly LatencyLine[];
  readonly turns: Readonly<Record<string, unknown>>;
  /** Turns that began although the machine was not quiet, of how many. */
  readonly unquiet: { readonly turns: number; readonly of: number };
  readonly missingPeers: readonly string[];
  /** Rows that ended with an error, and with which. */
  readonly failures: Readonly<Record<string, string>>;
}

const folderDefault = fileURLToPath(new URL('../../bench-results', import.meta.url));

export function resultsJson(results: Results): string {
  const lines = results.lines.map((line) => ({ ...line, verdict: verdictOf(line) }));
  return `${JSON.stringify({ ...results, lines }, null, 2)}\n`;
}

/** What is to be known before the figures are believed. */
export function remarksOn({ options, unquiet, missingPeers, failures }: Results): string[] {
  const { quick } = options.budget;
  return [
    ...(quick ? ['This was a quick run: its figures mean nothing.'] : []),
    ...(unquiet.turns === 0
      ? []
      : [`The machine was not quiet before ${unquiet.turns} of ${unquiet.of} turns.`]),
    ...missingPeers.map((peer) => `${peer} is not installed and was not compared with.`),
    ...Object.entries(failures).map(([row, message]) => `The row ${row} failed: ${message}`),
  ];
}

/** Paths of the files. */
export async function writeResults(results: Results, to: string | null): Promise<string[]> {
  const folder = resolve(to ?? folderDefault);
  await mkdir(folder, { recursive: true });
  const name = results.startedAt.replaceAll(':', '-').replace(/\.\d+Z$/, 'Z');
  const files = [
    [join(folder, `${name}.json`), resultsJson(results)],
    [join(folder, `${name}.md`), markdownOf(results)],
  ] as const;
  for (const [path, text] of files) await writeFile(path, text);
  return files.map(([path]) => path);
}

function markdownOf(results: Results): string {
  const { startedAt, seconds, machine, lines, latencies } = results;
  const { rounds, commitSeconds } = results.options.budget;
  const list = [
    ...machineText(machine).split('\n'),
    `${rounds} rounds; ${commitSeconds} s for each contestant of a commit row; ${Math.round(seconds / 60)} minutes in all`,
    ...remarksOn(results),
  ];
  return [
    `# Bench of ${startedAt}\n`,
    `${list.map((entry) => `- ${entry}`).join('\n')}\n`,
    markdownTables(lines, latencies),
  ].join('\n');
}
