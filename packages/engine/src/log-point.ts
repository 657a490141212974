// A point of the history together with the timeline that it is read on.
import type { Timeline } from '@pamina/format';
import type { ChainPoint } from '@pamina/log';

export interface LogPoint extends ChainPoint {
  readonly timeline: number;
  readonly timelineId: string;
}

/** The part of a history that a database at record `seq` has reached. */
export function timelinesUntil(history: readonly Timeline[], seq: number): Timeline[] {
  return history.filter((timeline) => timeline.atSeq <= seq);
}

export function pointOf(point: ChainPoint, history: readonly Timeline[]): LogPoint {
  const { timeline, id } = timelinesUntil(history, point.seq).at(-1)!;
  const { seq, chain, time } = point;
  return { timeline, timelineId: id, seq, chain, time };
}
