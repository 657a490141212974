// What was said to be archived is in the archive, every state there leads to its end, and nothing but a
// fault keeps an archiver from its work (P8, P9, P10).

import type { Recorded } from '../history.js';
import { waysIn } from '../place-content.js';
import type { Context, Violation } from './context.js';

export function archive(context: Context): Violation[] {
  const violations: Violation[] = [];
  const said = new Map<string, number>();
  const say = (index: number, message: string): void => {
    if (!context.isExcused(index)) violations.push({ invariant: 'archive', message, index });
  };
  for (const event of context.events) {
    if (event.type === 'archived') said.set(event.database, event.seq);
    if (event.type === 'reported' && event.code === 'archive-blocked') {
      say(event.index, `${event.database} archives nothing any more: ${event.message}`);
    }
    if (event.type !== 'place-read' || event.source !== 'archive') continue;
    const { content, database, index } = event;
    const last = content.records.at(-1)?.seq ?? 0;
    const promised = said.get(database) ?? 0;
    // Where the newest backup is all there is, the log up to there may have expired.
    const reached = Math.max(last, waysIn(content).at(-1)?.endSeq ?? 0);
    if (reached < promised) {
      say(
        index,
        `record ${promised} of ${database} was archived, and the archive ends with ${reached}`,
      );
    }
    for (const gap of gapsIn(event)) say(index, gap);
  }
  return violations;
}

/** Backups that do not lead to the end of the log beside them. */
export function gapsIn(
  { content, database, source }: Extract<Recorded, { type: 'place-read' }>,
  newest = Infinity,
): string[] {
  const last = content.records.at(-1)?.seq ?? 0;
  const ways = waysIn(content).filter(({ backup }) => backup.kind === 'full');
  return ways
    .slice(-Math.min(newest, ways.length))
    .filter(({ endSeq }) => endSeq < last)
    .map(
      ({ backup, endSeq }) =>
        `${database}, ${source}: the log behind backup ${backup.id} ends with record ${endSeq} of ${last}`,
    );
}
