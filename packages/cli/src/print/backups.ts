// Backups, newest first, one a line.
import type { BackupSummary } from '@pamina/wire';
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
    ]),
  );
}
