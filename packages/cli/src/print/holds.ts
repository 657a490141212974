// What a master's log holds for its replicas, and for which of them most.
import type { DatabaseStatus, ReplicaHold } from '@pamina/wire';
import { fields, table } from './table.js';
import { formatBytes, formatDuration, formatTime, printable } from './units.js';

/** Names who holds most; null when nothing is held for a replica alone. */
export function heldText({ holds = [] }: DatabaseStatus): string | null {
  const oldest = holds.find(({ state }) => state === 'holding');
  if (oldest === undefined) return null;
  return `${formatBytes(oldest.bytes)} for the replica ${printable(oldest.replica)}, which is at ${oldest.position}`;
}

/** Empty when no replica was seen here. */
export function holdsText({ holds = [], settings }: DatabaseStatus, now: number): string {
  if (holds.length === 0) return '';
  const rows = holds.map((hold) => [
    printable(hold.replica),
    stateText(hold),
    hold.position,
    hold.bytes === 0 ? '-' : formatBytes(hold.bytes),
    sinceText(hold, now),
  ]);
  const titles = ['held for', 'state', 'durable', 'log', 'since'].map((title) => ({ title }));
  const caps = fields([['caps', settings === null ? null : capsText(settings)]]);
  return `${table(titles, rows)}${caps === '' ? '' : `\n${caps}`}`;
}

function stateText({ cap, state }: ReplicaHold): string {
  if (cap === null) return state;
  return `${state} (${cap === 'bytes' ? 'replicaHoldBytes' : 'replicaHoldDays'})`;
}

function sinceText({ since }: ReplicaHold, now: number): string {
  if (since === null) return '-';
  const agoMs = now - since;
  return agoMs < 0 ? formatTime(since) : `${formatTime(since)} (${formatDuration(agoMs)} ago)`;
}

function capsText(settings: NonNullable<DatabaseStatus['settings']>): string | null {
  const { replicaHoldBytes, replicaHoldDays } = settings;
  if (replicaHoldBytes === undefined || replicaHoldDays === undefined) return null;
  const bytes = replicaHoldBytes === 0 ? 'no size' : formatBytes(replicaHoldBytes);
  const days = replicaHoldDays === 0 ? 'no age' : `${replicaHoldDays} days`;
  return `${bytes}, ${days}`;
}
