// Whether a history may have happened at the isolation levels of its transactions. After Elle (Kingsbury and
// Alvaro, VLDB 2020) and Adya's definitions, with what Pamina promises beside them: commits have positions, so
// that the order of versions is known; the master never shows an older state than before, and a session neither.
import type { Anomaly } from './anomaly.js';
import { findCycles } from './cycles.js';
import { graphOf } from './graph.js';
import { checkHeld } from './held.js';
import type { History } from './history.js';
import { Observations } from './observed.js';
import { checkStale } from './stale.js';
import { checkTotals, type Accounts } from './totals.js';
import { Versions } from './versions.js';

/** All that is found; of a tangle of transactions the smallest circle. Empty: it may have happened. */
export function checkIsolation(history: History, accounts: Accounts | null = null): Anomaly[] {
  const versions = new Versions(history);
  const { all, anomalies } = new Observations(history, versions);
  return [
    ...anomalies,
    ...checkHeld(history, versions, all),
    ...checkStale(history, versions, all),
    ...findCycles(graphOf(history, versions, all), versions),
    ...(accounts === null ? [] : checkTotals(history, accounts)),
  ];
}
