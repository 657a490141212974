// How far each archive of a database is, and what is wrong where something is.
import type { ArchiveSummary } from '@pamina/wire';
import { table } from './table.js';
import { formatBytes, formatDuration, printable } from './units.js';

export function archivesText(archives: readonly ArchiveSummary[], now: number): string {
  if (archives.length === 0) return '';
  const rows = table(
    [
      { title: 'archive' },
      { title: 'state' },
      { title: 'archived' },
      { title: 'last commit there' },
      { title: 'behind', align: 'right' },
      { title: 'backups', align: 'right' },
    ],
    archives.map((archive) => [
      printable(archive.name),
      archive.state,
      archive.archived ?? '-',
      agoText(archive.archivedTime, now),
      archive.behindBytes === null ? '-' : formatBytes(archive.behindBytes),
      archive.backups === null ? '-' : String(archive.backups),
    ]),
  );
  const problems = archives.flatMap(({ hint, name, problem }) =>
    problem === null
      ? []
      : [
          `${printable(name)}: ${problem.code}: ${printable(problem.message)}. ${printable(hint ?? '')}`,
        ],
  );
  return [rows, ...problems].join('\n');
}

function agoText(time: number | null, now: number): string {
  return time === null ? '-' : `${formatDuration(Math.max(0, now - time))} ago`;
}
