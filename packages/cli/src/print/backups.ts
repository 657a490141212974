// Backups, newest first, one a line, each with why it stays or goes.
import type { BackupSummary, RetiredBackup } from '@pamina/wire';
import { table } from './table.js';
import { formatBytes, formatCount, formatTime, printable } from './units.js';

export function backupsText(backups: readonly BackupSummary[]): string {
  return table(
    [
      { title: 'id' },
      { title: 'kind' },
      { title: 'form' },
      { title: 'tag' },
      { title: 'position' },
      { title: 'created' },
      { title: 'entries', align: 'right' },
      { title: 'stored', align: 'right' },
      { title: 'restored', align: 'right' },
      { title: 'kept for' },
    ],
    backups.map((backup) => [
      printable(backup.id),
      backup.kind,
      backup.form ?? '-',
      backup.tag === null ? '-' : printable(backup.tag),
      backup.position ?? '-',
      formatTime(backup.createdAt),
      backup.entries === null ? '-' : formatCount(backup.entries),
      formatBytes(backup.bytes),
      backup.rawBytes === null ? '-' : formatBytes(backup.rawBytes),
      reasonText(backup),
    ]),
  );
}

function reasonText(backup: BackupSummary): string {
  const { isDue, problem, reasons = [], retired } = backup;
  if (problem !== null && problem !== undefined) return `DAMAGED: ${printable(problem)}`;
  const unproved = backup.unproved ?? null;
  const doubt = unproved === null ? '' : `; NOT PROVED: ${printable(unproved)}`;
  const why = reasons.map(printable).join('; ');
  if (retired !== null && retired !== undefined) return retiredText(retired);
  return `${isDue === true ? 'goes at the next expiry: ' : ''}${why}${doubt}`.replace(/^; /, '');
}

/** Of a backup in an archive that expired. */
export function retiredText({ goesAt, since }: Pick<RetiredBackup, 'since' | 'goesAt'>): string {
  const when = since === null ? '' : ` ${formatTime(since)}`;
  const goes = goesAt === null ? '' : `, goes at the first expiry after ${formatTime(goesAt)}`;
  return `expired${when}${goes}`;
}
