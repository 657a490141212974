// Runs seeds in processes of their own, one for each core, and hears of each. A process that says nothing
// for long hangs at a seed: that is a failure of the seed.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { SeedReport, WorkerOrder } from './sim-worker.js';

export interface RunSeedsOptions {
  /** Path of a bundled worker. */
  readonly worker: string;
  readonly seeds: readonly string[];
  readonly processes: number;
  readonly order: Omit<WorkerOrder, 'seeds'>;
  readonly silenceMsMax: number;
  readonly onReport?: ((report: SeedReport) => void) | undefined;
}

/** A world is much that is young and short-lived: a tenth of the time goes without into its collection. */
const flags: readonly string[] = ['--max-semi-space-size=32'];

/** Then another process goes on: what the runtime keeps of each world, megabytes, does not add up. */
const seedsPerProcess = 150;

/** In no order. Ends early with `stopsAtFailure`. */
export async function runSeeds(options: RunSeedsOptions): Promise<SeedReport[]> {
  const { processes } = options;
  const reports: SeedReport[] = [];
  const shares = Array.from({ length: processes }, (_, at) =>
    options.seeds.filter((_seed, index) => index % processes === at),
  );
  const others = new Set<ChildProcess>();
  const stopping = new AbortController();
  const onReport = (report: SeedReport): void => {
    reports.push(report);
    options.onReport?.(report);
    if (!options.order.stopsAtFailure || report.violations.length === 0) return;
    stopping.abort();
    for (const child of others) child.kill('SIGKILL');
  };
  await Promise.all(
    shares.map(async (seeds) => {
      for (let at = 0; at < seeds.length && !stopping.signal.aborted; at += seedsPerProcess) {
        await runShare(options, seeds.slice(at, at + seedsPerProcess), others, onReport);
      }
    }),
  );
  return reports;
}

async function runShare(
  options: RunSeedsOptions,
  seeds: readonly string[],
  running: Set<ChildProcess>,
  onReport: (report: SeedReport) => void,
): Promise<void> {
  if (seeds.length === 0) return;
  const order: WorkerOrder = { ...options.order, seeds };
  // Where it is looked at closely: what a stack says is found by a map of the whole bundle.
  const isClose = order.isVerbose || options.seeds.length === 1;
  const nodeOptions = [...flags, ...(isClose ? ['--enable-source-maps'] : [])];
  const words = [...nodeOptions, options.worker, JSON.stringify(order)];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let done = 0;
  let isSilent = false;
  let complaint = '';
  let hasFailed = false;
  const hush = (): NodeJS.Timeout =>
    setTimeout(() => {
      isSilent = true;
      child.kill('SIGKILL');
    }, options.silenceMsMax);
  let timer = hush();
  child.stderr.on('data', (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-4000);
  });
  for await (const line of createInterface({ input: child.stdout })) {
    clearTimeout(timer);
    timer = hush();
    const report = JSON.parse(line) as SeedReport;
    done += 1;
    hasFailed ||= report.violations.length > 0;
    onReport(report);
  }
  clearTimeout(timer);
  const wasStopped = options.order.stopsAtFailure && (hasFailed || !running.has(child));
  const wasKilled = child.killed && !isSilent;
  running.delete(child);
  const seed = seeds[done];
  if (seed === undefined || wasStopped || wasKilled) return;
  const why = isSilent
    ? `nothing came for ${options.silenceMsMax / 1000} s: it has no end`
    : `the process ended: ${complaint}`;
  onReport(unfinished(seed, why));
}

function unfinished(seed: string, why: string): SeedReport {
  const violations = [`liveness: ${why}`];
  const nothing = { traceHash: '', events: 0, plan: '', history: [] };
  return { seed, violations, invariants: ['liveness'], ...nothing };
}
