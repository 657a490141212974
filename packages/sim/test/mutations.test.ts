// Shows that the simulation can fail: every planted bug is found, and the code without it passes the
// very seeds that find them.
import { describe, expect, test } from 'vitest';
import { bundle } from '../scripts/bundle.js';
import { runSeeds } from '../scripts/run-seeds.js';
import type { SeedReport } from '../scripts/sim-worker.js';
import { mutations } from './mutations.js';

/** How many seeds a planted bug may need. */
const seedsMax = 200;
/** A planted bug may make a run endless: that too is found. */
const silenceMsMax = 30_000;

/** Seeds that found a planted bug; the real code must pass them. */
const foundBy = new Set<string>();

async function reportsOf(
  worker: string,
  seeds: readonly string[],
  { processes, stopsAtFailure }: { processes: number; stopsAtFailure: boolean },
): Promise<SeedReport[]> {
  const order = { isVerbose: false, shrinkAttemptsMax: 0, stopsAtFailure };
  return runSeeds({ worker, seeds, processes, order, silenceMsMax });
}

const broken = (reports: readonly SeedReport[]): SeedReport[] =>
  reports.filter((report) => report.violations.length > 0);

test('there are at least 20 planted bugs, each with a name of its own', () => {
  expect(mutations.length).toBeGreaterThanOrEqual(20);
  expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
});

// Several at a time, each in one process: most are found by their first seed, and a second process is for nothing.
describe.concurrent('the simulation finds it when', () => {
  test.each(mutations.map((mutation, index) => [mutation.name, mutation, index] as const))(
    '%s',
    async (_name, mutation, index) => {
      const worker = await bundle(`planted-${index}`, mutation);
      const seeds = Array.from({ length: seedsMax }, (_, at) => String(mutation.from + at));
      const found = broken(await reportsOf(worker, seeds, { processes: 1, stopsAtFailure: true }));
      expect(found.length, `no seed of ${seedsMax} found it`).toBeGreaterThan(0);
      for (const { seed } of found) foundBy.add(seed);
    },
    300_000,
  );
});

test('the code without them passes the seeds that found them', async () => {
  const worker = await bundle('sound');
  const reports = await reportsOf(worker, [...foundBy], { processes: 2, stopsAtFailure: false });
  expect(reports.length).toBe(foundBy.size);
  expect(broken(reports).map(({ seed, violations }) => [seed, violations])).toEqual([]);
}, 300_000);

test('a text that is to be changed and is not there once is an error', async () => {
  const text = { find: 'this text stands nowhere', replace: '' };
  const edits = [{ ...text, file: 'packages/log/src/appender.ts' }];
  await expect(bundle('no-bug', { name: 'no bug', from: 1, edits })).rejects.toThrow('0 times');
  const elsewhere = [{ ...text, file: 'packages/cli/src/main.ts' }];
  await expect(bundle('no-bug', { name: 'no bug', from: 1, edits: elsewhere })).rejects.toThrow(
    'not part of the simulation',
  );
});
