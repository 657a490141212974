// What a replica believes of what a feed says: it checks the master's claims by itself, so that
// bytes of another history are refused even if the master let them through (P5, P11).

import { forkPoint, type Timeline, timelineAt } from '@pamina/format';
import { channelProtocol, type SegmentBytes, type WelcomeMessage } from '@pamina/wire';
import type { Problem } from './follower-event.js';

/** This replica, as far as the checks need it. */
export interface Self {
  readonly instance: string;
  readonly pattern: string | null;
  readonly masterName: string;
  readonly timelines: readonly Timeline[];
  readonly durableSeq: number;
}

const final = (code: string, message: string): Problem => ({ code, message, retryable: false });

/** Null when the master's history continues this one. */
export function checkWelcome(self: Self, welcome: WelcomeMessage): Problem | null {
  const { name, protocol, timelines, point } = welcome;
  if (name !== self.masterName) {
    const message = `the address of ${self.masterName} leads to ${name}`;
    return { code: 'DATABASE_NOT_FOUND', message, retryable: true };
  }
  if (protocol !== channelProtocol) {
    const message = `the master speaks version ${protocol} of the replication protocol, this replica ${channelProtocol}`;
    return final('VERSION_MISMATCH', message);
  }
  if (welcome.instance === self.instance) {
    return final('NOT_PERMITTED', `${name} is this database itself, or a copy of its folder`);
  }
  const { common } = forkPoint(timelines, self.timelines);
  const leavesAt = timelines[common]?.atSeq ?? Number.POSITIVE_INFINITY;
  if (common === 0 || common < self.timelines.length || self.durableSeq > leavesAt) {
    return final('DIVERGED', `the history of ${name} does not continue the one of this replica`);
  }
  if (point.seq < self.durableSeq) {
    const message = `${name} ends at ${point.seq}, this replica has records up to ${self.durableSeq}`;
    return final('DIVERGED', message);
  }
  return null;
}

/** Null when the bytes belong to a segment of the welcomed history. */
export function checkSegment(
  self: Self,
  history: readonly Timeline[],
  chunk: SegmentBytes,
): Problem | null {
  const { segment, lastSeq, name } = chunk;
  if (segment.pattern !== self.pattern) {
    const message = `the segment ${name} bears another identification pattern (${segment.pattern})`;
    return final('PATTERN_MISMATCH', message);
  }
  const timeline = timelineAt(history, segment.firstSeq);
  if (timeline.id !== segment.timelineId || timeline.timeline !== segment.timeline) {
    const message = `the segment ${name} is of timeline ${segment.timeline} (${segment.timelineId}), which has no record ${segment.firstSeq} in the master's history`;
    return final('DIVERGED', message);
  }
  if (lastSeq >= segment.firstSeq && timelineAt(history, lastSeq).id !== segment.timelineId) {
    const message = `the segment ${name} holds record ${lastSeq}, beyond the end of its timeline in the master's history`;
    return final('DIVERGED', message);
  }
  return null;
}
