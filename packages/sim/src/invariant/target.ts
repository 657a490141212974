// A recovery ends exactly at its target with the state that the commits up to there make, or it is
// refused; and what can be reached is not refused (P3, P9).

import type { Recorded } from '../history.js';
import { difference } from '../ledger.js';
import { waysIn } from '../place-content.js';
import { isReachable } from '../recovery-target.js';
import { faultCodes, type Context, type Violation } from './context.js';

type Reached = Extract<Recorded, { type: 'target-reached' }>;
type Refused = Extract<Recorded, { type: 'target-refused' }>;

export function target(context: Context): Violation[] {
  const violations: Violation[] = [];
  const say = (event: Reached | Refused, what: string): void => {
    const { kind, ...value } = event.target;
    const name = `${kind} ${JSON.stringify(value)}`;
    const message = `a recovery of ${event.database} from ${event.source} to ${name} ${what}`;
    violations.push({ invariant: 'target', message, index: event.index });
  };
  for (const event of context.of('target-reached')) {
    const what = missed(context, event) ?? wrong(context, event);
    if (what !== null) say(event, what);
  }
  for (const event of context.of('target-refused')) {
    const what = context.isExcused(event.index) ? null : unfounded(context, event);
    if (what !== null) say(event, what);
  }
  return violations;
}

function wrong(context: Context, { point, state }: Reached): string | null {
  const differs = difference(state, context.ledger.stateAt(point));
  return differs === null ? null : `gives at record ${point.seq}: ${differs}`;
}

/** How the point that was reached is not the one that was asked for. */
function missed(
  context: Context,
  { content, index, point, target: wanted }: Reached,
): string | null {
  const at = `ends with record ${point.seq}`;
  const here = context.ledger
    .recordsAt(point.timelineId, point.seq)
    .find(({ chain }) => chain === point.chain);
  const newest = waysIn(content).at(-1);
  switch (wanted.kind) {
    case 'position':
      return point.seq === wanted.position.seq ? null : at;
    case 'time': {
      if (here !== undefined && here.time > wanted.time) return `${at}, of ${here.time}`;
      const next = context.ledger
        .recordsAt(point.timelineId, point.seq + 1)
        .find(({ chainBefore, time }) => chainBefore === point.chain && time <= wanted.time);
      return next === undefined ? null : `${at}, and the next one is of ${next.time}`;
    }
    case 'tag':
      return here === undefined || here.tag === wanted.tag ? null : `${at}, which has not this tag`;
    case 'all':
      return point.seq >= (newest?.endSeq ?? 0) || context.isExcused(index)
        ? null
        : `${at} of ${newest?.endSeq}`;
    case 'none':
      return point.seq >= (newest?.backup.seq ?? 0) || context.isExcused(index)
        ? null
        : `${at}, and the newest backup is of ${newest?.backup.seq}`;
  }
}

/** That it cannot be reached. */
const refusals: ReadonlySet<string> = new Set(['POSITION_UNREACHABLE', 'BACKUP_NOT_FOUND']);
const strange: ReadonlySet<string> = new Set([
  ...faultCodes,
  'ARCHIVE_CONFLICT',
  'DIVERGED',
  'PATTERN_MISMATCH',
]);

function unfounded(context: Context, event: Refused): string | null {
  const { code, contents, index, message, target: wanted } = event;
  const isFault = !refusals.has(code);
  if (isFault && !strange.has(code) && !context.isHealed(index)) return null;
  const isWrong = isFault || contents.every((content) => isReachable(content, wanted));
  return isWrong ? `is refused: ${code}, ${message}` : null;
}
