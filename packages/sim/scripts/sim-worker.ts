// Runs some of the seeds of a batch in a process of its own and tells of each by one line of JSON; a
// seed that fails comes with its shortened history.
import { describeHistory, describePlan, describeViolation } from '../src/describe.js';
import { runSeed } from '../src/run.js';
import { shrink } from '../src/shrink.js';

/** What a worker is given, as JSON, in its one argument. */
export interface WorkerOrder {
  readonly seeds: readonly string[];
  readonly isVerbose: boolean;
  /** Runs to make a failing plan smaller with. */
  readonly shrinkAttemptsMax: number;
  /** Ends with the first seed that fails. */
  readonly stopsAtFailure: boolean;
}

export interface SeedReport {
  readonly seed: string;
  readonly traceHash: string;
  readonly events: number;
  /** Empty when everything held. */
  readonly violations: readonly string[];
  readonly invariants: readonly string[];
  readonly plan: string;
  readonly history: readonly string[];
}

/** More than that say nothing more. */
const violationsMax = 50;

async function report(seed: string, order: WorkerOrder, mayShrink: boolean): Promise<SeedReport> {
  const found = await runSeed(seed);
  const { traceHash } = found;
  const isFailure = found.violations.length > 0;
  const { result } =
    isFailure && mayShrink ? await shrink(found, order.shrinkAttemptsMax) : { result: found };
  const hasHistory = isFailure || order.isVerbose;
  return {
    seed,
    traceHash,
    events: found.events.length,
    violations: found.violations.slice(0, violationsMax).map(describeViolation),
    invariants: [...new Set(found.violations.map(({ invariant }) => invariant))],
    plan: hasHistory ? describePlan(result.plan) : '',
    history: hasHistory ? describeHistory(result.events, result.violations, order.isVerbose) : [],
  };
}

/** Resolves when it is out: the process ends without waiting for anything. */
function write(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}

async function main(): Promise<void> {
  const order = JSON.parse(process.argv[2] ?? '') as WorkerOrder;
  let failures = 0;
  for (const seed of order.seeds) {
    const line = await report(seed, order, failures < 2);
    await write(`${JSON.stringify(line)}\n`);
    if (line.violations.length === 0) continue;
    failures += 1;
    if (order.stopsAtFailure) break;
  }
  // What simulated processes that died still wait for keeps nobody.
  process.exit(0);
}

await main();
