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
      database.state,
      database.position ?? '-',
      formatBytes(database.sizeBytes),
    ]),
  );
}
