// A backup is the state at its label, and what is restored from it is that state.

import type { Recorded } from '../history.js';
import { difference } from '../ledger.js';
import type { Context, Violation } from './context.js';

export function backup(context: Context): Violation[] {
  const violations: Violation[] = [];
  const taken = new Map<string, Extract<Recorded, { type: 'backup-taken' }>>();
  for (const event of context.of('backup-taken')) taken.set(event.backup, event);
  for (const { backup: id, point, state, index } of context.of('restored')) {
    const label = taken.get(id);
    if (label === undefined) continue;
    const say = (message: string): void => {
      violations.push({ invariant: 'backup', message: `backup ${id} ${message}`, index });
    };
    if (point.seq !== label.point.seq || point.chain !== label.point.chain) {
      say(`of record ${label.point.seq} was restored as record ${point.seq}`);
    }
    const differs = difference(state, context.ledger.stateAt(label.point));
    if (differs !== null) say(`at record ${label.point.seq}: ${differs}`);
  }
  for (const { backup: id, code, index } of context.of('restore-failed')) {
    if (context.isExcused(index) || !isHealed(context, index)) continue;
    violations.push({ invariant: 'backup', message: `backup ${id} ends as ${code}`, index });
  }
  return violations;
}

function isHealed(context: Context, index: number): boolean {
  return context.of('healed').some((event) => event.index < index);
}
