// `npm run bench`: reads the command line, runs the rows one after the other, tells what they found.
import { cpus } from 'node:os';
import { describeMachine, machineText } from './machine.js';
import { parseOptions, usage, type Options } from './options.js';
import { findPeers } from './peer/peers.js';
import { Progress } from './progress.js';
import { textTables, type LatencyLine, type Line } from './report.js';
import { remarksOn, resultsJson, writeResults, type Results } from './results.js';
import type { RowContext } from './row.js';
import { rows } from './rows.js';
import { Stage } from './stage.js';
import { storeOptions } from './store-options.js';

/** The exit status: 0 when everything ran, whatever the figures are; 1 when a row failed. */
export async function bench(args: readonly string[]): Promise<number> {
  const names = rows.map(({ name }) => name);
  let options: Options;
  try {
    const request = parseOptions(args, names);
    if (request.do === 'help') console.log(usage);
    if (request.do === 'list') for (const row of rows) console.log(`${row.name}\t${row.title}`);
    if (request.do !== 'run') return 0;
    options = request.options;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    console.error(`${error.message}\n\n${usage}`);
    return 2;
  }
  const stage = await Stage.open(options.folder);
  try {
    return await tell(await measure(stage, options), options);
  } catch (error) {
    // The processes of the stage were taken away under the row.
    if (stage.endingStatus !== null) return stage.endingStatus;
    throw error;
  } finally {
    await stage.close();
  }
}

async function measure(stage: Stage, options: Options): Promise<Results> {
  const startedAt = new Date().toISOString();
  const startedMs = performance.now();
  const progress = new Progress();
  const peers = await findPeers();
  const machine = await describeMachine(stage, peers);
  for (const line of machineText(machine).split('\n')) progress.say(line);
  const unquiet = { turns: 0, of: 0 };
  const { budget } = options;
  const cores = cpus().length;
  const context: RowContext = {
    ...{ stage, budget, peers, progress, cores, unquiet },
    storeOptions: storeOptions(),
  };
  const lines: Line[] = [];
  const latencies: LatencyLine[] = [];
  const turns: Record<string, unknown> = {};
  const failures: Record<string, string> = {};
  for (const row of rows.filter(({ name }) => options.rows?.includes(name) ?? true)) {
    progress.say(`${row.name}: ${row.title}`);
    try {
      const result = await row.run(context);
      lines.push(...result.lines);
      latencies.push(...result.latencies);
      turns[row.name] = result.turns;
    } catch (error) {
      // The others have something to say all the same; the exit status tells.
      stage.signal.throwIfAborted();
      failures[row.name] = error instanceof Error ? error.message : String(error);
      progress.say(`${row.name} failed: ${failures[row.name]}`);
      await stage.clear();
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const { missing: missingPeers } = peers;
  return {
    ...{ startedAt, seconds, machine, options, lines, latencies, turns },
    ...{ unquiet, missingPeers, failures },
  };
}

async function tell(results: Results, { json, resultsFolder }: Options): Promise<number> {
  const paths = await writeResults(results, resultsFolder);
  if (json) process.stdout.write(resultsJson(results));
  else {
    console.log(`\n${textTables(results.lines, results.latencies)}`);
    console.log(machineText(results.machine));
    for (const remark of remarksOn(results)) console.log(remark);
  }
  for (const path of paths) console.error(`written to ${path}`);
  return Object.keys(results.failures).length === 0 ? 0 : 1;
}
