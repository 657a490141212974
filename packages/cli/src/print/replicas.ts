// A master's replicas: who may follow, who does, and how far behind each of its positions is.
import type { ReplicaSummary } from '@pamina/wire';
import { table } from './table.js';
import { formatBytes, formatLag, formatTime, printable } from './units.js';

export function replicasText(replicas: readonly ReplicaSummary[]): string {
  return table(
    [
      { title: 'name' },
      { title: 'state' },
      { title: 'since' },
      { title: 'permitted' },
      { title: 'received' },
      { title: 'durable' },
      { title: 'applied' },
      { title: 'lag (applied)' },
      { title: 'log held' },
      { title: 'seen' },
      { title: 'reason' },
    ],
    replicas.map((replica) => [
      printable(replica.name),
      replica.state,
      timeText(replica.since),
      permittedText(replica),
      replica.received ?? '-',
      replica.durable ?? '-',
      replica.applied ?? '-',
      replica.seenAt === null ? '-' : formatLag(replica.lag.applied),
      holdText(replica),
      replica.seenAt === null ? 'never' : formatTime(replica.seenAt),
      printable(replica.reason ?? ''),
    ]),
  );
}

/** Older servers leave it out. */
function timeText(time: number | null | undefined): string {
  return time === null || time === undefined ? '-' : formatTime(time);
}

function permittedText(replica: ReplicaSummary): string {
  if (!replica.permitted) return 'no';
  return replica.simultaneousQuery ? 'yes, simultaneous query' : 'yes';
}

/** What is kept for it alone, or why nothing is. */
function holdText({ hold }: ReplicaSummary): string {
  if (hold === null || hold === undefined || hold.state === 'ok') return '-';
  return hold.state === 'holding' ? formatBytes(hold.bytes) : hold.state;
}
