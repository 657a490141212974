// Damage is reported or harmless, and no damage is reported that nobody made (P9).

import { difference } from '../ledger.js';
import type { Recorded } from '../history.js';
import { damageCodes, type Context, type Violation } from './context.js';

export function honesty(context: Context): Violation[] {
  return [...silence(context), ...falseAlarms(context), ...falseProof(context)];
}

/** What was damaged and never reported must not show in any state. */
function silence(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, path, index } of context.of('corrupted')) {
    if (context.of('reported').some((event) => event.index > index && isAbout(event, database))) {
      continue;
    }
    for (const event of context.of('state')) {
      if (event.database !== database || event.index < index) continue;
      const differs = difference(event.state, context.ledger.stateAt(event.point));
      if (differs === null) continue;
      const message = `${path} was damaged, nobody said so, and ${database} shows it: ${differs}`;
      violations.push({ invariant: 'honesty', message, index: event.index });
    }
  }
  return violations;
}

function isAbout(event: Extract<Recorded, { type: 'reported' }>, database: string): boolean {
  return event.database === database && damageCodes.has(event.code);
}

function falseAlarms(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { database, code, message: text, index } of context.of('reported')) {
    if (!damageCodes.has(code) || context.isExcused(index)) continue;
    const message = `${database} reports damage that nobody made: ${code}, ${text}`;
    violations.push({ invariant: 'honesty', message, index });
  }
  return violations;
}

/** What the program called good must be good when somebody else reads it. */
function falseProof(context: Context): Violation[] {
  const violations: Violation[] = [];
  const good = new Map<string, number>();
  for (const event of context.events) {
    if (event.type === 'verified' && event.what === 'log') good.set(event.database, event.index);
    else if (event.type === 'corrupted') good.delete(event.database);
    if (event.type !== 'log-read' || event.problem === null || !good.has(event.database)) continue;
    // An open log has read its headers before, and keeps them.
    if (event.problem.includes('header')) continue;
    const message = `the log of ${event.database} was called good and is not: ${event.problem}`;
    violations.push({ invariant: 'honesty', message, index: event.index });
  }
  return violations;
}
