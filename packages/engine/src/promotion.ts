// How a replica's history ends and its own begins: at the last record that it keeps. Called while store
// and log are closed.
import { join } from 'node:path';
import { PaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import { cutLogBehind } from '@pamina/log';
import { ControlFile } from './control-file.js';
import { readControl, type Takeover } from './control.js';
import { logFolder } from './create-database.js';
import { JobLog } from './job-log.js';
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

export interface ClosedPromotion extends Promotion {
  readonly env: Env;
  readonly takeover: Takeover;
}

/**
 * Of a replica that this process has just closed in order, and that nobody else can open meanwhile; `seq`
 * is the last record that it has. What it had not applied yet is applied by the next open, so that the
 * database is opened once only. DATABASE_NOT_FOUND, DATABASE_TYPE.
 */
export async function promoteClosed(promotion: ClosedPromotion): Promise<void> {
  const { env, folder, seq, takeover, why } = promotion;
  const { clock, disk } = env;
  const before = await readControl(disk, folder);
  if (before === null) {
    throw new PaminaError('DATABASE_NOT_FOUND', `${folder} holds no database`);
  }
  if (before.type !== 'replica') {
    throw new PaminaError('DATABASE_TYPE', `${before.name} is ${before.type} and no replica`);
  }
  const control = new ControlFile(disk, folder, before);
  const jobLog = new JobLog(disk, clock, folder);
  await startTimeline({ env, control, jobLog }, seq, why, takeover);
  await control.close();
  await jobLog.settle();
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
