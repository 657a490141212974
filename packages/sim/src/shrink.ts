// Makes a failing plan small: actions, clients and replicas are left out while the same invariant still
// breaks. Bounded, for a failure that is told late helps nobody.

import type { InvariantName } from './invariant/context.js';
import type { Plan } from './plan.js';
import { runPlan, type RunResult } from './run.js';

export interface Shrunk {
  readonly result: RunResult;
  readonly attempts: number;
}

export async function shrink(
  found: RunResult,
  attemptsMax: number,
  run: (plan: Plan) => Promise<RunResult> = runPlan,
): Promise<Shrunk> {
  const broken = found.violations[0]?.invariant;
  let result = found;
  let attempts = 0;
  if (broken === undefined) return { result, attempts };
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false;
    for (const plan of smallerPlans(result.plan)) {
      if (attempts >= attemptsMax) return { result, attempts };
      attempts += 1;
      const next = await run(plan);
      if (!breaks(next, broken)) continue;
      result = next;
      isSmaller = true;
      break;
    }
  }
  return { result, attempts };
}

function breaks({ violations }: RunResult, invariant: InvariantName): boolean {
  return violations.some((violation) => violation.invariant === invariant);
}

/** The largest steps first. */
function* smallerPlans(plan: Plan): Generator<Plan> {
  const { actions, commitsMax, replicas, writers } = plan;
  for (let count = Math.ceil(actions.length / 2); count >= 1; count = Math.floor(count / 2)) {
    for (let from = 0; from < actions.length; from += count) {
      yield { ...plan, actions: [...actions.slice(0, from), ...actions.slice(from + count)] };
    }
  }
  if (commitsMax > 4) yield { ...plan, commitsMax: Math.floor(commitsMax / 2) };
  if (writers > 1) yield { ...plan, writers: writers - 1 };
  if (replicas > 0) yield { ...plan, replicas: replicas - 1 };
  if (plan.succession !== null) yield { ...plan, succession: null };
  if (plan.rivalry !== null) yield { ...plan, rivalry: null };
  if (plan.source !== null) yield { ...plan, source: null };
  if (plan.isCascade) yield { ...plan, isCascade: false };
  if (plan.applyDelayMs > 0) yield { ...plan, applyDelayMs: 0 };
  if (plan.endsWithFailover) yield { ...plan, endsWithFailover: false };
  if (plan.replicatedPercent > 0) yield { ...plan, replicatedPercent: 0 };
  if (plan.endsWithPromotion) yield { ...plan, endsWithPromotion: false };
  if (plan.endsWithRestore) yield { ...plan, endsWithRestore: false };
  if (plan.endsWithRecovery) yield { ...plan, endsWithRecovery: false };
  if (plan.archiveIntervalMs !== null) yield { ...plan, archiveIntervalMs: null };
  if (plan.targetsInTheEnd > 0) yield { ...plan, targetsInTheEnd: plan.targetsInTheEnd - 1 };
}
