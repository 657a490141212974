// What a master says of one of its replicas: its state, since when, and why (DESIGN §9).

import type { PermittedReplica, Slot } from '@pamina/engine';
import type { FeedStatus } from '@pamina/replication';
import type { ReplicaHold, ReplicaSummary } from '@pamina/wire';
import type { ReplicaEnd } from './replica-ends.js';

/** What is known of a replica here. */
export interface ReplicaKnown {
  readonly master: string;
  readonly name: string;
  readonly permitted: PermittedReplica | null;
  readonly slot: Slot | null;
  readonly hold: ReplicaHold | null;
  /** Of its connection at this moment. */
  readonly feed: FeedStatus | null;
  /** Of its last connection since the master came online. */
  readonly end: ReplicaEnd | null;
  /** When the master came online, ms since 1970; null while it is offline. */
  readonly onlineSince: number | null;
  readonly replicationDelayMs: number;
}

export type ReplicaCondition = Required<Pick<ReplicaSummary, 'state' | 'since' | 'reason'>>;

export function conditionOf(known: ReplicaKnown): ReplicaCondition {
  const { end, feed, hold, permitted, slot } = known;
  if (feed !== null) {
    return { state: 'connected', since: feed.since, reason: feedText(feed, known) };
  }
  if (hold?.state === 'lost') {
    return { state: 'lost', since: hold.since, reason: lossText(known, hold) };
  }
  const since = end?.followedUntil ?? slot?.seenAt ?? null;
  if (since !== null) return { state: 'disconnected', since, reason: absenceText(known) };
  return { state: 'permitted', since: permitted?.since ?? null, reason: absenceText(known) };
}

const ways: Readonly<Record<FeedStatus['state'], string>> = {
  greeting: 'connecting',
  checking: 'connecting',
  idle: 'waiting: it was sent all that it asked for',
  reading: 'catching up: it is being sent what it lacks',
  blocked: 'catching up: its connection takes no more at this moment',
  starved: 'catching up: it stores what it was sent',
  waiting: 'streaming: it was sent everything',
  closed: 'its connection is ending',
};

/** In the words of the replica's own states. */
function feedText({ state }: FeedStatus, { replicationDelayMs }: ReplicaKnown): string {
  if (state !== 'idle' || replicationDelayMs === 0) return ways[state];
  return `waiting: it asks every ${replicationDelayMs / 1000} s`;
}

function lossText({ master, name }: ReplicaKnown, { cap, position }: ReplicaHold): string {
  const kept =
    cap === null
      ? 'is not here any more'
      : `passed the cap (${cap === 'bytes' ? 'replicaHoldBytes' : 'replicaHoldDays'}) and is not kept for it any more`;
  return `the log that it needs behind ${position} ${kept}: make it anew with \`pamina replicate ${name} --master ${master} --recreate\``;
}

/** Why it does not follow, as far as that is known (P9). */
function absenceText({ end, master, onlineSince, permitted, slot }: ReplicaKnown): string {
  if (end !== null) {
    if (end.code === null) return end.message;
    return `refused at ${new Date(end.at).toISOString()}: ${end.code}: ${end.message}`;
  }
  if (permitted === null) return 'it is not permitted';
  if (onlineSince === null) return `${master} is offline`;
  if (slot === null) return 'it has not connected yet';
  return `it has not connected since ${master} came online at ${new Date(onlineSince).toISOString()}`;
}
