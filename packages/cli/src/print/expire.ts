// What expiry decided, one backup a line, then what is freed and which log is needed.
import type { ExpireAnswer, ExpireDecision } from '@pamina/wire';
import { table } from './table.js';
import { countOf, formatBytes, printable } from './units.js';

export function expireText(report: ExpireAnswer): string {
  const rows = table(
    [
      { title: 'id' },
      { title: 'kind' },
      { title: 'stored', align: 'right' },
      { title: '' },
      { title: 'why' },
    ],
    report.decisions.map((decision) => [
      printable(decision.id),
      decision.kind ?? '-',
      formatBytes(decision.bytes),
      fateText(decision, report.dryRun),
      decision.reasons.map(printable).join('; '),
    ]),
  );
  const verb = report.dryRun ? 'would be removed' : 'removed';
  const removed = countOf(report.removed.length, 'backup');
  const freed = `${removed} ${verb}, ${formatBytes(report.freedBytes)} freed.`;
  return [rows, freed, freedLogText(report), logText(report)]
    .filter((line) => line !== '')
    .join('\n');
}

function fateText({ keeps }: ExpireDecision, dryRun: boolean): string {
  if (keeps) return 'kept';
  return dryRun ? 'would go' : 'removed';
}

function freedLogText({ dryRun, freedLogBytes = 0 }: ExpireAnswer): string {
  if (freedLogBytes === 0) return '';
  return `${formatBytes(freedLogBytes)} of log ${dryRun ? 'would be' : 'were'} removed.`;
}

function logText({ keepFromSeq, logBytes }: ExpireAnswer): string {
  if (keepFromSeq === null || logBytes === null) return '';
  return `The backups that stay need the log from record ${keepFromSeq} on, ${formatBytes(logBytes)}.`;
}
