// A database holds at each position exactly what the commits up to there make, and gets there one
// record after the other.

import { difference } from '../ledger.js';
import type { Context, Violation } from './context.js';

export function state(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, point, state: found, index } of context.of('state')) {
    const differs = difference(found, context.ledger.stateAt(point));
    if (differs === null) continue;
    const message = `${database} at record ${point.seq}: ${differs}`;
    violations.push({ invariant: 'state', message, index });
  }
  return violations;
}

/** Positions only rise while a database is open, and nothing is applied that is not durable. */
export function apply(context: Context): Violation[] {
  const violations: Violation[] = [];
  const reached = new Map<string, { durable: number; applied: number }>();
  for (const event of context.events) {
    if (event.type === 'opened' || event.type === 'created') reached.delete(event.database);
    if (event.type !== 'progress') continue;
    const { database, durable, applied, index } = event;
    const before = reached.get(database) ?? { durable: 0, applied: 0 };
    reached.set(database, { durable, applied });
    const message =
      applied > durable
        ? `${database} applied record ${applied} and has ${durable} on disk`
        : applied < before.applied || durable < before.durable
          ? `${database} went back from ${before.applied}/${before.durable} to ${applied}/${durable}`
          : null;
    if (message !== null) violations.push({ invariant: 'apply', message, index });
  }
  return violations;
}
