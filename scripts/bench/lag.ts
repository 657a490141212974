// From the start of a commit on a master until a reader of its replica sees it: when the commits are due
// that are timed, and what is made of the times.
import { latencyOf, type Turn, type TurnPlan } from './rounds.js';

/** Known to both sides before the first marker is due, so that nothing passes between them. */
export interface Schedule {
  readonly run: number;
  readonly markers: number;
  /** Milliseconds since 1970. */
  readonly firstMs: number;
  readonly everyMs: number;
}

/** What is written beside: nothing, as much as so many writers can, or so many commits a second. */
export type Load = { readonly writers: number } | { readonly perSecond: number } | null;

export interface LagSetting {
  readonly folder: string;
  readonly load: Load;
  readonly everyMs: number;
}

/** Both sides, and what is written beside, are at work by then. */
const leadMs = 1000;

export function scheduleOf({ seconds, seed }: TurnPlan, everyMs: number): Schedule {
  const markers = Math.max(1, Math.floor((seconds * 1000) / everyMs));
  return { run: seed, markers, firstMs: Date.now() + leadMs, everyMs };
}

export function lagTurn(
  { everyMs, markers }: Schedule,
  lagsMs: readonly number[],
  loadRate: number,
): Turn {
  if (lagsMs.length !== markers || !lagsMs.every((lag) => lag > 0)) {
    throw new Error(`${markers} lags above 0 were to be measured: ${lagsMs.join(', ')}`);
  }
  const seconds = (markers * everyMs) / 1000;
  return { operations: markers, seconds, latency: latencyOf(lagsMs), loadRate };
}

interface Ask {
  <T extends Readonly<Record<string, unknown>>>(command: string, details: object): Promise<T>;
}

/** Two programs on one clock: one puts the markers and what is beside them, the other one looks. */
export async function lagBetween(
  [master, replica]: readonly [{ ask: Ask }, { ask: Ask }],
  plan: TurnPlan,
  { everyMs, load }: Pick<LagSetting, 'everyMs' | 'load'>,
): Promise<Turn> {
  const schedule = scheduleOf(plan, everyMs);
  const [marked, watched] = await Promise.all([
    master.ask<{ startedAt: number[]; loadRate: number }>('mark', {
      ...{ schedule, load, seed: plan.seed },
    }),
    replica.ask<{ seenAt: number[] }>('watch', { schedule }),
  ]);
  const lagsMs = watched.seenAt.map((seen, marker) => seen - (marked.startedAt[marker] ?? NaN));
  return lagTurn(schedule, lagsMs, marked.loadRate);
}
