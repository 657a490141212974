// Where a segment stands below `log/`. The name says what the header says, so that a listing is in
// the order of the log; there is exactly one path for each segment.
import { isCount, isUint32 } from './integers.js';

export interface SegmentName {
  readonly timeline: number;
  /** 16 lowercase hex digits. */
  readonly timelineId: string;
  readonly session: number;
  readonly firstSeq: number;
  /** Set for the part of a segment that a promotion copied into its own timeline; else null. */
  readonly lastSeq: number | null;
}

const pathPattern = /^(\d{1,10})-([0-9a-f]{16})\/(\d{8,10})\/(\d{16})(?:-(\d{16}))?\.seg$/;
const sessionDigits = 8;
const seqDigits = 16;

/** `1-0f3a…/00000037/0000000000048213.seg`, or `…/<first>-<last>.seg`, with `/` everywhere. */
export function segmentPath(segment: {
  readonly timeline: number;
  readonly timelineId: string;
  readonly session: number;
  readonly firstSeq: number;
  readonly lastSeq?: number | null | undefined;
}): string {
  const last = segment.lastSeq ?? null;
  const name =
    digits(segment.firstSeq, seqDigits) + (last === null ? '' : `-${digits(last, seqDigits)}`);
  const session = digits(segment.session, sessionDigits);
  return `${segment.timeline}-${segment.timelineId}/${session}/${name}.seg`;
}

/** null for every path that `segmentPath` would not write. */
export function parseSegmentPath(path: string): SegmentName | null {
  const match = pathPattern.exec(path);
  if (match === null) return null;
  const name: SegmentName = {
    timeline: Number(match[1]),
    timelineId: String(match[2]),
    session: Number(match[3]),
    firstSeq: Number(match[4]),
    lastSeq: match[5] === undefined ? null : Number(match[5]),
  };
  const fits =
    isUint32(name.timeline) &&
    name.timeline > 0 &&
    isUint32(name.session) &&
    name.session > 0 &&
    isCount(name.firstSeq) &&
    name.firstSeq > 0 &&
    (name.lastSeq === null || (isCount(name.lastSeq) && name.lastSeq >= name.firstSeq - 1));
  return fits && segmentPath(name) === path ? name : null;
}

function digits(value: number, length: number): string {
  return String(value).padStart(length, '0');
}
