// How far each archive of a database is, and what is wrong where something is.
import type { ArchiveSummary } from '@pamina/wire';
import { retiredText } from './backups.js';
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
      { title: 'expired', align: 'right' },
    ],
    archives.map((archive) => [
      printable(archive.name),
      archive.state,
      archive.archived ?? '-',
      agoText(archive.archivedTime, now),
      archive.behindBytes === null ? '-' : formatBytes(archive.behindBytes),
      countText(archive.backups),
      countText(archive.retired?.length ?? null),
    ]),
  );
  const problems = archives.flatMap(({ hint, name, problem }) =>
    problem === null
      ? []
      : [
          `${printable(name)}: ${problem.code}: ${printable(problem.message)}. ${printable(hint ?? '')}`,
        ],
  );
  const gaps = archives.flatMap(({ missing, name }) =>
    missing === null || missing === undefined
      ? []
      : [
          `${printable(name)}: records ${missing.fromSeq} to ${missing.toSeq} were deleted here before they were there. A full backup (pamina backup) lets archiving go on behind them.`,
        ],
  );
  const retired = archives.flatMap(({ name, retired: expired }) =>
    (expired ?? []).map(
      (backup) => `${printable(name)}: backup ${printable(backup.id)} ${retiredText(backup)}`,
    ),
  );
  return [rows, ...problems, ...gaps, ...retired].join('\n');
}

function countText(count: number | null): string {
  return count === null ? '-' : String(count);
}

function agoText(time: number | null, now: number): string {
  return time === null ? '-' : `${formatDuration(Math.max(0, now - time))} ago`;
}
