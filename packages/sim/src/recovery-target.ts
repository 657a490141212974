// Targets of recoveries: drawn from what a place holds, a little beside it too, and whether they can be
// reached from there. Pure.

import type { RecoveryTarget } from '@pamina/backup';
import { timelineAt, type Timeline } from '@pamina/format';
import type { PlaceContent } from './history.js';
import { waysIn } from './place-content.js';
import type { Prng } from './world/prng.js';

const kinds = ['position', 'position', 'position', 'time', 'time', 'tag', 'all', 'none'] as const;
const absentTag = 'never given';

export function drawTarget(
  random: Prng,
  content: PlaceContent,
  timelines: readonly Timeline[],
): RecoveryTarget {
  const kind = random.pick(kinds);
  switch (kind) {
    case 'position': {
      const seq = drawSeq(random, content);
      return { kind, position: { timeline: timelineAt(timelines, seq).timeline, seq } };
    }
    case 'time': {
      const times = [...content.backups, ...content.records].map(({ time }) => time);
      const beside = random.pick([0, 0, 0, -1, 1, 50, 1_000, 3_600_000]);
      return { kind, time: (times.length === 0 ? 0 : random.pick(times)) + beside };
    }
    case 'tag': {
      const tags = [...content.backups, ...content.records].map(({ tag }) => tag);
      const given = tags.filter((tag) => tag !== null);
      const isGiven = given.length > 0 && random.chance(0.9);
      return { kind, tag: isGiven ? random.pick(given) : absentTag };
    }
    case 'all':
    case 'none':
      return { kind };
  }
}

/** From just before the oldest full backup to just behind the end. */
function drawSeq(random: Prng, { backups, records }: PlaceContent): number {
  const oldest = backups.find(({ kind }) => kind === 'full')?.seq ?? 1;
  const newest = Math.max(records.at(-1)?.seq ?? 0, backups.at(-1)?.seq ?? 0, oldest);
  return Math.max(1, oldest - 2 + random.below(newest - oldest + 5));
}

/** What must be reached. False also where it depends on what the files do not tell. */
export function isReachable(content: PlaceContent, target: RecoveryTarget): boolean {
  const ways = waysIn(content);
  const leadsTo = (seq: number): boolean =>
    ways.some(({ backup, endSeq }) => backup.seq <= seq && seq <= endSeq);
  switch (target.kind) {
    case 'none':
      return ways.length > 0;
    case 'all':
      return ways.at(-1)?.endSeq === content.records.at(-1)?.seq && ways.length > 0;
    case 'position':
      return leadsTo(target.position.seq);
    case 'time':
      // Nothing but a later record proves which one was the last by then.
      return ways.some(
        ({ backup, records }) =>
          backup.time <= target.time && records.some(({ time }) => time > target.time),
      );
    case 'tag':
      return [...content.backups, ...content.records].some(
        ({ seq, tag }) => tag === target.tag && leadsTo(seq),
      );
  }
}
