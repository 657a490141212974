// A backup is the state at its label, and what is restored from it is that state.

import type { Recorded } from '../history.js';
import { difference } from '../ledger.js';
import { waysIn, type Way } from '../place-content.js';
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
    if (context.isExcused(index) || !context.isHealed(index)) continue;
    violations.push({ invariant: 'backup', message: `backup ${id} ends as ${code}`, index });
  }
  for (const { database, code, isDue, index } of context.of('backup-failed')) {
    if (code !== 'INCREMENTAL_IMPOSSIBLE' || !isDue || context.isExcused(index)) continue;
    const message = `${database} has a full backup and says that none can be continued`;
    violations.push({ invariant: 'backup', message, index });
  }
  return [...violations, ...brokenIncrements(context)];
}

/** What is counted as an incremental backup goes on from a state without a gap, by the backups alone. */
function brokenIncrements(context: Context): Violation[] {
  const violations: Violation[] = [];
  for (const { content, database, source, index } of context.of('place-read')) {
    if (source !== 'backups' || context.isExcused(index)) continue;
    const ends = new Set(waysIn(content).flatMap(placesOf));
    for (const { id, kind, seq, chain } of content.backups) {
      if (kind !== 'incremental' || ends.has(`${seq}#${chain}`)) continue;
      const message = `no backup of ${database} leads to the incremental one ${id}`;
      violations.push({ invariant: 'backup', message, index });
    }
  }
  return violations;
}

function placesOf({ backup, records }: Way): string[] {
  return [backup, ...records].map(({ seq, chain }) => `${seq}#${chain}`);
}
