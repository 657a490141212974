// A failing plan is made smaller only as long as it fails in the same way, and never without end.
import { expect, test } from 'vitest';
import type { InvariantName } from '../src/invariant/context.js';
import { planOf, type Plan } from '../src/plan.js';
import type { RunResult } from '../src/run.js';
import { shrink } from '../src/shrink.js';

function result(plan: Plan, invariant: InvariantName | null): RunResult {
  const violations = invariant === null ? [] : [{ invariant, message: 'broken', index: 0 }];
  return { seed: plan.seed, plan, violations, events: [], traceHash: '' };
}

test('what is left is what the failure needs', async () => {
  const plan = planOf('3');
  const needed = plan.actions.slice(2, 3);
  const isIn = ({ actions }: Plan): boolean => needed.every((action) => actions.includes(action));
  const run = (one: Plan): Promise<RunResult> =>
    Promise.resolve(result(one, isIn(one) ? 'durability' : 'read'));
  const small = await shrink(result(plan, 'durability'), 500, run);
  expect(small.result.plan.actions).toEqual(needed);
  expect(small.result.plan.writers).toBe(1);
  expect(small.attempts).toBeLessThanOrEqual(500);
});

test('it ends after as many runs as it was given', async () => {
  const plan = planOf('3');
  let runs = 0;
  const run = (one: Plan): Promise<RunResult> => {
    runs += 1;
    return Promise.resolve(result(one, 'durability'));
  };
  const { attempts } = await shrink(result(plan, 'durability'), 5, run);
  expect(attempts).toBe(5);
  expect(runs).toBe(5);
});

test('a run that breaks nothing is left as it is', async () => {
  const plan = planOf('3');
  const { result: same, attempts } = await shrink(result(plan, null), 5);
  expect(same.plan).toBe(plan);
  expect(attempts).toBe(0);
});
