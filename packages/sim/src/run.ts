// One run from a seed: set up, let the plan happen, heal, look, judge.

import { act } from './actions.js';
import { check } from './checker.js';
import { Cluster } from './cluster.js';
import { conclude } from './finale.js';
import { History, type Recorded } from './history.js';
import type { Violation } from './invariant/context.js';
import { planOf, type Plan } from './plan.js';
import { createWorld } from './world/world.js';

export interface RunResult {
  readonly seed: string;
  readonly plan: Plan;
  readonly violations: readonly Violation[];
  readonly events: readonly Recorded[];
  /** Of all that happened in the world: equal for equal runs. */
  readonly traceHash: string;
}

export async function runSeed(seed: string): Promise<RunResult> {
  return runPlan(planOf(seed));
}

export async function runPlan(plan: Plan): Promise<RunResult> {
  const world = createWorld({ seed: plan.seed });
  const history = new History(() => world.nowMs);
  const stopCatching = catchRejections(history);
  try {
    const cluster = new Cluster(world, history, plan);
    await cluster.setUp();
    cluster.startClients();
    for (const action of plan.actions) {
      await world.settle(action.afterMs);
      act(cluster, action);
    }
    await conclude(cluster);
  } catch (error) {
    const message = (error as Error).stack ?? String(error);
    history.add({ type: 'uncaught', message });
  } finally {
    stopCatching();
  }
  const { events } = history;
  const { seed } = plan;
  return { seed, plan, violations: check(events), events, traceHash: world.trace.hash };
}

/** A promise that nobody watches would end a real process. */
function catchRejections(history: History): () => void {
  const onRejection = (error: unknown): void => {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    history.add({ type: 'uncaught', message: `a rejection that nobody handles: ${message}` });
  };
  process.on('unhandledRejection', onRejection);
  return () => process.off('unhandledRejection', onRejection);
}
