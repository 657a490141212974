// The databases of a data folder, one a line.
import type { DatabaseSummary } from '@pamina/wire';
import { table } from './table.js';
import { formatBytes, printable } from './units.js';

export function listText(databases: readonly DatabaseSummary[]): string {
  return table(
    [
      { title: 'name' },
      { title: 'type' },
      { title: 'state' },
      { title: 'position' },
      { title: 'size', align: 'right' },
    ],
    databases.map((database) => [
      printable(database.name),
      database.type,
      stateText(database),
      database.position ?? '-',
      formatBytes(database.sizeBytes),
    ]),
  );
}

/** A master that takes no writes looks like any other but for that. */
function stateText({ fence, state }: DatabaseSummary): string {
  if (fence === null || fence === undefined) return state;
  const successor = printable(fence.successor);
  return fence.takenOver
    ? `${state}, ${successor} has its place`
    : `${state}, fenced for ${successor}`;
}
