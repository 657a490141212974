// When a replica applies what it has received: at once, a while after it was committed, or not until
// somebody says so. What is received and durable stays in the log until then.
import { newRecordHeader, readRecordHeader } from '@pamina/format';
import type { RecordBatch } from '@pamina/log';

export interface ApplyRule {
  /** A record is applied this long after its commit, ms; 0 = at once. */
  readonly delayMs: number;
  /** Nothing is applied. */
  readonly paused: boolean;
}

export const applyAtOnce: ApplyRule = { delayMs: 0, paused: false };

export function isAtOnce({ delayMs, paused }: ApplyRule): boolean {
  return delayMs === 0 && !paused;
}

/** When the rule lets a record be applied, by the wall clock; Infinity if it is not known. */
export function dueAt({ delayMs, paused }: ApplyRule, commitTime: number): number {
  return paused ? Infinity : commitTime + delayMs;
}

export interface DuePart {
  /** The last record that may be applied now; null if none may. */
  readonly lastSeq: number | null;
  /** Commit time of the first one that may not; null if all may. */
  readonly nextTime: number | null;
}

/** Of a batch; records up to `untilSeq` may be applied whatever the rule says. Commit times never go back. */
export function dueIn(batch: RecordBatch, rule: ApplyRule, untilSeq: number, now: number): DuePart {
  const header = newRecordHeader();
  let lastSeq: number | null = null;
  for (let at = batch.start; at < batch.end; at += header.length) {
    readRecordHeader(batch.view, at, header);
    const isDue = header.seq <= untilSeq || dueAt(rule, header.time) <= now;
    if (!isDue) return { lastSeq, nextTime: header.time };
    lastSeq = header.seq;
  }
  return { lastSeq, nextTime: null };
}
