// `npm run fuzz [-- TARGET… --executions N --seed S]`: every decoder, a million inputs each, two
// targets at a time. What breaks one is kept as a file that a test replays for ever.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { findingsFolder } from './findings.js';
import { fuzz, type Finding, type FuzzReport } from './fuzzer.js';
import type { Target } from './target.js';
import { targets } from './targets/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    executions: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    outcomes: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed);
const executions = Number(values.executions);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function keep(finding: Finding): Promise<string> {
  const folder = join(findingsFolder, finding.target);
  await mkdir(folder, { recursive: true });
  const hash = createHash('sha256').update(finding.input).digest('hex').slice(0, 12);
  const path = join(folder, hash);
  await writeFile(path, finding.input);
  return relative(process.cwd(), path);
}

function printReport(report: FuzzReport): void {
  const { target, accepted, refused, outcomes, slowestMs, allocatedMax, ms } = report;
  const perSecond = Math.round((report.executions / ms) * 1000);
  const mebibytes = (allocatedMax / 2 ** 20).toFixed(1);
  const numbers = [report.executions, perSecond, accepted, refused, outcomes.size];
  const columns = [...numbers.map(String), slowestMs.toFixed(1), mebibytes];
  print([target.padEnd(16), ...columns.map((column) => column.padStart(10))].join(''));
  if (!values.outcomes) return;
  for (const [word, count] of outcomes) print(`  ${String(count).padStart(10)} ${word}`);
}

/** True if nothing was found. */
async function runHere(target: Target): Promise<boolean> {
  const report = await fuzz(target, { executions, seed });
  printReport(report);
  if (report.finding === null) return true;
  print(`  broken: ${report.finding.problem}`);
  print(`  kept in ${await keep(report.finding)}; commit it with what mends it`);
  print(`  again: npm run fuzz -- ${target.name} --seed ${seed} --executions ${executions}`);
  return false;
}

/** As runHere, in a process of its own. */
function runApart({ name }: Target): Promise<boolean> {
  const own = [...process.execArgv, process.argv[1] ?? '', name];
  const outcomes = values.outcomes ? ['--outcomes'] : [];
  const settings = [`--executions=${executions}`, `--seed=${seed}`, ...outcomes];
  return new Promise((resolve) => {
    execFile(process.execPath, [...own, ...settings], (error, stdout, stderr) => {
      process.stdout.write(stdout + stderr);
      resolve(error === null);
    });
  });
}

async function runMany(chosen: readonly Target[]): Promise<void> {
  print(`seed ${seed}, ${executions} executions a target`);
  const columns = [
    'executed',
    'a second',
    'accepted',
    'refused',
    'outcomes',
    'slowest ms',
    'most MiB',
  ];
  print(['target'.padEnd(16), ...columns.map((column) => column.padStart(10))].join(''));
  const waiting = [...chosen];
  let broken = 0;
  const work = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      if (!(await runApart(target))) broken++;
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, work));
  print(broken === 0 ? 'nothing was found' : `${broken} targets have findings`);
  if (broken > 0) process.exitCode = 1;
}

async function main(): Promise<void> {
  const chosen = targets.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  const isNumbers = Number.isSafeInteger(seed) && Number.isSafeInteger(executions);
  if (values.help || !isNumbers || chosen.length === 0) {
    print('npm run fuzz [-- TARGET… --executions N --seed S --outcomes]');
    for (const { name, about } of targets) print(`  ${name.padEnd(16)} ${about}`);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  if (chosen.length > 1) return runMany(chosen);
  for (const target of chosen) if (!(await runHere(target))) process.exitCode = 1;
}

await main();
