// Transactions of all levels beside each other, in the simulated world: the checker finds nothing in what the code
// does, and every planted bug.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { bundle } from '../../scripts/bundle.js';
import type { IsolationOrder, IsolationReport } from '../../scripts/isolation-worker.js';
import { mutations } from './mutations.js';

const entry = 'packages/sim/scripts/isolation-worker.ts';
/** How many seeds a planted bug may need. */
const seedsMax = 100;
const seedsOfSound = 40;

async function runSeeds(worker: string, order: IsolationOrder): Promise<IsolationReport> {
  const words = [worker, JSON.stringify(order)];
  const { stdout } = await promisify(execFile)(process.execPath, words, { timeout: 240_000 });
  return JSON.parse(stdout) as IsolationReport;
}

test('P12 nothing is found in what transactions of all levels do beside each other', async () => {
  const worker = await bundle('isolation-sound', null, entry);
  const report = await runSeeds(worker, { from: 1, seeds: seedsOfSound });
  expect(report.texts).toEqual([]);
  expect(report.transactions).toBeGreaterThan(100 * seedsOfSound);
}, 300_000);

test('each planted bug has a name of its own', () => {
  expect(new Set(mutations.map(({ name }) => name)).size).toBe(mutations.length);
});

describe.concurrent('P12 it is found when', () => {
  test.each(mutations.map((mutation, index) => [mutation.name, mutation, index] as const))(
    '%s',
    async (_name, mutation, index) => {
      const worker = await bundle(`isolation-planted-${index}`, mutation, entry);
      const { names } = await runSeeds(worker, { from: mutation.from, seeds: seedsMax });
      expect(
        mutation.shows.some((name) => names.includes(name)),
        names.join(', '),
      ).toBe(true);
    },
    300_000,
  );
});
