// How a replica's history ends and its own begins: at the last record that it keeps. Called while store
// and log are closed.
import { join } from 'node:path';
import { PaminaError } from '@pamina/format';
import { cutLogBehind } from '@pamina/log';
import { logFolder } from './create-database.js';
import { requireNotPassed } from './replica-apply.js';
import { startTimeline, type TimelineOwner } from './start-timeline.js';

export interface Promotion {
  readonly folder: string;
  /** The last record that is kept. */
  readonly seq: number;
  readonly why: string;
}

export async function promote(owner: TimelineOwner, promotion: Promotion): Promise<void> {
  const { env, jobLog } = owner;
  const { folder, seq, why } = promotion;
  const cut = await cutLogBehind(env.disk, join(folder, logFolder), seq);
  if (cut !== null) {
    const message = `The log behind record ${seq} was taken away and is kept in ${cut.folder}.`;
    jobLog.write('warning', 'log-cut', message, { seq, ...cut });
  }
  await startTimeline(owner, seq, why);
}

/** Which record a promotion ends with: the last one that is durable, or an earlier one not yet passed. */
export function promotionEnd(
  durableSeq: number,
  handedSeq: number,
  untilSeq: number | undefined,
): number {
  if (untilSeq === undefined) return durableSeq;
  const context = { seq: untilSeq, applied: handedSeq, durable: durableSeq };
  if (untilSeq > durableSeq) {
    const message = `record ${untilSeq} was not received yet, only ${durableSeq}`;
    throw new PaminaError('POSITION_AHEAD', message, { context });
  }
  requireNotPassed(handedSeq, untilSeq);
  return untilSeq;
}
