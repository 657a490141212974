// Judges a replica's hello: may it have our log, and from which byte on? The checks and their order
// are those of DESIGN §9. Whoever fails one gets nothing (P5): there is no guess and no "nearly".

import {
  forkPoint,
  parseSegmentPath,
  segmentFormatVersion,
  type SegmentName,
  takeoverOf,
} from '@pamina/format';
import { channelProtocol, type HelloMessage } from '@pamina/wire';
import type { FeedSegment } from './contract.js';
import type { FeedFacts, Refusal, ResumePlan } from './feed-event.js';

export type Verdict = { readonly plan: ResumePlan } | { readonly refusal: Refusal };

/** What tells whether a replica may follow, whatever its history. */
export type Admission = Pick<FeedFacts, 'name' | 'instance' | 'pattern' | 'permitted'>;

/**
 * PATTERN_MISMATCH, NOT_PERMITTED, REPLICA_CLONED, VERSION_MISMATCH, FENCED, DIVERGED or LOG_GONE (REPLICA_LOST), in
 * this order; else the plan.
 */
export function judgeHello(hello: HelloMessage, facts: FeedFacts): Verdict {
  const refusal =
    checkName(hello, facts) ??
    checkPattern(hello, facts) ??
    checkPermission(hello, facts) ??
    facts.rival ??
    checkVersion(hello) ??
    checkTakeover(hello, facts) ??
    checkHistory(hello, facts);
  const verdict = refusal === null ? choosePlan(hello, facts) : { refusal };
  return 'refusal' in verdict ? { refusal: nameLoss(verdict.refusal, hello, facts) } : verdict;
}

/** Whether a replica may follow at all, whoever else does: only such a one contends for its seat. */
export function isWelcomeHere(hello: HelloMessage, facts: Admission): boolean {
  const refusal =
    checkName(hello, facts) ?? checkPattern(hello, facts) ?? checkPermission(hello, facts);
  return refusal === null;
}

/** Why the log is gone, where it was given up for this replica. */
function nameLoss(refusal: Refusal, hello: HelloMessage, { lost, name }: FeedFacts): Refusal {
  if (refusal.code !== 'LOG_GONE' || lost === null) return refusal;
  const cap = lost.cap === 'bytes' ? 'replicaHoldBytes' : 'replicaHoldDays';
  const when = new Date(lost.at).toISOString();
  const message = `${refusal.message}; ${name} kept it for ${hello.replica} until ${when}, when that passed the cap (${cap})`;
  return refuse('REPLICA_LOST', message, { ...refusal.context, lostAt: lost.at, cap: lost.cap });
}

function refuse(code: string, message: string, context: Record<string, unknown> = {}): Refusal {
  return { code, message, context };
}

/** A stale address can lead to a database of another name: the replica looks it up again. */
function checkName(hello: HelloMessage, facts: Admission): Refusal | null {
  if (hello.database === facts.name) return null;
  return refuse('DATABASE_NOT_FOUND', `this is ${facts.name}, not ${hello.database}`, {
    database: hello.database,
  });
}

function checkPattern(hello: HelloMessage, facts: Admission): Refusal | null {
  if (hello.pattern === null) {
    return refuse(
      'PATTERN_MISMATCH',
      `${hello.replica} carries no identification pattern: it was made from an initial backup, ` +
        `and only a backup taken after ${facts.name} was first started makes a replica`,
    );
  }
  if (facts.pattern === null) {
    return refuse('PATTERN_MISMATCH', `${facts.name} has no identification pattern yet`);
  }
  if (hello.pattern === facts.pattern) return null;
  return refuse(
    'PATTERN_MISMATCH',
    `${hello.replica} was made from a backup of another database than ${facts.name}`,
    { pattern: facts.pattern, patternOfReplica: hello.pattern },
  );
}

function checkPermission(hello: HelloMessage, facts: Admission): Refusal | null {
  if (hello.instance === facts.instance) {
    return refuse(
      'NOT_PERMITTED',
      `${hello.replica} is ${facts.name} itself, or a copy of its folder: a replica is made from a backup`,
    );
  }
  if (facts.permitted !== null) return null;
  return refuse('NOT_PERMITTED', `${facts.name} does not permit a replica named ${hello.replica}`, {
    replica: hello.replica,
  });
}

function checkVersion(hello: HelloMessage): Refusal | null {
  if (hello.protocol !== channelProtocol) {
    return refuse(
      'VERSION_MISMATCH',
      `the replica speaks version ${hello.protocol} of the replication protocol, the master ${channelProtocol}`,
      { protocol: hello.protocol, expected: channelProtocol },
    );
  }
  if (hello.formatVersion >= segmentFormatVersion) return null;
  return refuse(
    'VERSION_MISMATCH',
    `the master writes version ${segmentFormatVersion} of the log format, the replica reads up to ${hello.formatVersion}`,
    { formatVersion: hello.formatVersion, expected: segmentFormatVersion },
  );
}

/** The replica follows whom has taken this one's place: it looks its master up again, and this one stops (P11). */
function checkTakeover(hello: HelloMessage, facts: FeedFacts): Refusal | null {
  const takeover = takeoverOf(facts.name, facts.timelines, hello.timelines);
  if (takeover === null) return null;
  const { atSeq, id, timeline } = takeover;
  const message = `${hello.replica} is on timeline ${timeline} (${id}), which took over ${facts.name} after record ${atSeq}`;
  return refuse('FENCED', message, { timeline, timelineId: id, atSeq });
}

/** The replica's last record must be one of ours: timeline path, then length, then chain. */
function checkHistory(hello: HelloMessage, facts: FeedFacts): Refusal | null {
  const { seq, timeline, timelineId, chain } = hello.point;
  const context = { seq, timeline, timelineId, durable: facts.durable.seq };
  const fork = forkPoint(facts.timelines, hello.timelines);
  if (fork.common < hello.timelines.length || fork.common === 0) {
    return refuse(
      'DIVERGED',
      `${hello.replica} is on timeline ${timeline} (${timelineId}), which is not part of the history of ${facts.name}`,
      context,
    );
  }
  const next = facts.timelines[fork.common];
  if (next !== undefined && seq > next.atSeq) {
    return refuse(
      'DIVERGED',
      `${facts.name} left timeline ${timeline} at ${next.atSeq} (${next.why}), and ${hello.replica} is at ${seq} of it`,
      { ...context, forkSeq: next.atSeq },
    );
  }
  if (seq > facts.durable.seq) {
    return refuse(
      'DIVERGED',
      `${hello.replica} is at ${seq}, ahead of ${facts.name}, which ends at ${facts.durable.seq}: ` +
        `${facts.name} has lost records, or was restored without them`,
      context,
    );
  }
  if (facts.chain === null) {
    return refuse('LOG_GONE', `${facts.name} no longer has record ${seq} in its log`, {
      ...context,
      firstSeq: facts.segments[0]?.firstSeq ?? null,
    });
  }
  if (facts.chain === chain) return null;
  return refuse(
    'DIVERGED',
    `record ${seq} of ${hello.replica} is not record ${seq} of ${facts.name}`,
    {
      ...context,
      chain: facts.chain,
      chainOfReplica: chain,
    },
  );
}

function choosePlan(hello: HelloMessage, facts: FeedFacts): Verdict {
  return hello.segment === null
    ? planAtBoundary(hello, facts)
    : planInside(hello, facts, hello.segment.name, hello.segment.offset);
}

/** The replica holds a part of a segment: go on in the file that has the rest, at exactly that byte. */
function planInside(hello: HelloMessage, facts: FeedFacts, name: string, offset: number): Verdict {
  const { seq } = hello.point;
  const place = parseSegmentPath(name);
  if (place === null || place.firstSeq > seq + 1) {
    return { refusal: refuse('MESSAGE_INVALID', `${name} cannot be the segment of record ${seq}`) };
  }
  const file = findFile(facts.segments, place, seq);
  const context = { segment: name, offset, seq };
  if (file === undefined) {
    // Nothing of it is lost when it held no record yet: its successor begins with the same one.
    if (place.firstSeq === seq + 1) return planAtBoundary(hello, facts);
    const message = `${facts.name} no longer has the rest of the segment ${name}`;
    return { refusal: refuse('LOG_GONE', message, context) };
  }
  if (offset > file.bytes) {
    const message = `${hello.replica} has ${offset} bytes of ${name}, ${facts.name} has ${file.bytes}`;
    return { refusal: refuse('DIVERGED', message, { ...context, bytes: file.bytes }) };
  }
  const openAt = Math.max(seq, place.firstSeq);
  return { plan: { openAt, heldSeq: seq, inside: { name: file.name, offset } } };
}

/**
 * The chain was found equal up to `seq`, so a file that begins with the same record of the same
 * session holds the same bytes up to there, also if a promotion copied it under another name.
 */
function findFile(
  segments: readonly FeedSegment[],
  place: SegmentName,
  seq: number,
): FeedSegment | undefined {
  return segments.find(
    (segment, index) =>
      segment.firstSeq === place.firstSeq &&
      segment.place.session === place.session &&
      (seq >= place.firstSeq || segment.place.timelineId === place.timelineId) &&
      (segments[index + 1]?.firstSeq ?? Number.POSITIVE_INFINITY) > seq,
  );
}

/** The replica's log ends with a whole segment, or is empty: start with the segment after it. */
function planAtBoundary(hello: HelloMessage, facts: FeedFacts): Verdict {
  const { seq } = hello.point;
  const plan: ResumePlan = { openAt: seq + 1, heldSeq: seq, inside: null };
  const begins = facts.segments.some((segment) => segment.firstSeq === seq + 1);
  // At the end of the log the next record is still to be written; it will begin a segment or be refused.
  if (begins || seq === facts.durable.seq) return { plan };
  const first = facts.segments[0]?.firstSeq ?? facts.durable.seq + 1;
  const message =
    first > seq
      ? `${facts.name} no longer has record ${seq + 1} in its log, which begins at ${first}`
      : `record ${seq + 1} stands inside a segment whose beginning ${hello.replica} lacks`;
  return { refusal: refuse('LOG_GONE', message, { seq: seq + 1, firstSeq: first }) };
}
