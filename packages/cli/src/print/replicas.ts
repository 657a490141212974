// A master's replicas: who may follow, who does, and how far behind each of its positions is.
import type { ReplicaSummary } from '@pamina/wire';
import { table } from './table.js';
import { formatLag, formatTime, printable } from './units.js';

export function replicasText(replicas: readonly ReplicaSummary[]): string {
  return table(
    [
      { title: 'name' },
      { title: 'state' },
      { title: 'permitted' },
      { title: 'received' },
      { title: 'durable' },
      { title: 'applied' },
      { title: 'lag (applied)' },
      { title: 'seen' },
    ],
    replicas.map((replica) => [
      printable(replica.name),
      replica.state,
      permittedText(replica),
      replica.received ?? '-',
      replica.durable ?? '-',
      replica.applied ?? '-',
      replica.seenAt === null ? '-' : formatLag(replica.lag.applied),
      replica.seenAt === null ? 'never' : formatTime(replica.seenAt),
    ]),
  );
}

function permittedText(replica: ReplicaSummary): string {
  if (!replica.permitted) return 'no';
  return replica.simultaneousQuery ? 'yes, simultaneous query' : 'yes';
}
