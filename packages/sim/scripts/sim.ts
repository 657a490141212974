// `npm run sim`: many seeds, or one looked at closely. Exit status 1 if any of them breaks an invariant.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { bundle, root } from './bundle.js';
import { commitName } from './commit-name.js';
import { runSeeds } from './run-seeds.js';
import type { SeedReport } from './sim-worker.js';

const help = `npm run sim -- [options]
  --seeds N      run N seeds (default 200)
  --from S       beginning with this number (default 1)
  --seed S       run this one seed, whatever text it is
  --processes N  how many at a time (default: one a core)
  --verbose      print the whole history of each seed
  --json         print one JSON document and nothing else`;

const silenceMsMax = 120_000;

function countOf(text: string, name: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new TypeError(`--${name} wants a whole number, not ${text}`);
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '200' },
      from: { type: 'string', default: '1' },
      seed: { type: 'string' },
      processes: { type: 'string', default: String(availableParallelism()) },
      verbose: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const from = countOf(values.from, 'from');
  const count = countOf(values.seeds, 'seeds');
  const numbered = Array.from({ length: count }, (_, index) => String(from + index));
  return {
    seeds: values.seed === undefined ? numbered : [values.seed],
    processes: Math.max(1, countOf(values.processes, 'processes')),
    isVerbose: values.verbose,
    isJson: values.json,
    isHelp: values.help,
  };
}

function printFailure(report: SeedReport, commit: string): void {
  console.log(`\nseed ${report.seed} of commit ${commit} breaks:`);
  for (const violation of report.violations.slice(0, 10)) console.log(`  ${violation}`);
  if (report.plan !== '') console.log(`shortened to ${report.plan}`);
  for (const line of report.history) console.log(line.slice(0, 400));
  console.log(`again: npm run sim -- --seed ${report.seed}\n`);
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options.isHelp) {
    console.log(help);
    return 0;
  }
  const commit = await commitName(root);
  const worker = await bundle('worker');
  const started = performance.now();
  let done = 0;
  const reports = await runSeeds({
    worker,
    seeds: options.seeds,
    processes: Math.min(options.processes, options.seeds.length),
    order: { isVerbose: options.isVerbose, shrinkAttemptsMax: 80, stopsAtFailure: false },
    silenceMsMax,
    onReport(report) {
      done += 1;
      if (options.isJson) return;
      if (report.violations.length > 0) printFailure(report, commit);
      else if (options.isVerbose) for (const line of report.history) console.log(line);
      if (done % 100 === 0) console.log(`${done} of ${options.seeds.length} seeds`);
    },
  });
  const failed = reports.filter((report) => report.violations.length > 0);
  const seconds = Math.round((performance.now() - started) / 1000);
  if (options.isJson) {
    const summary = { commit, seeds: reports.length, failed: failed.length, seconds };
    console.log(JSON.stringify({ ...summary, reports: options.isVerbose ? reports : failed }));
  } else {
    console.log(`${reports.length} seeds, ${failed.length} failed, ${seconds} s, commit ${commit}`);
  }
  return failed.length === 0 && reports.length === options.seeds.length ? 0 : 1;
}

process.exitCode = await main();
