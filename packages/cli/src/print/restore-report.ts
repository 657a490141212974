// A restore in words: what is read, up to where, what becomes of the old one and of its replicas.
import type { RestoreReport } from '@pamina/wire';
import { countOf, formatBytes, formatTimeExactly, printable } from './units.js';

const filesShownMax = 20;

export function restoreText(report: RestoreReport): string {
  const { backup, backupBytes, backupPosition, dryRun, logBytes, name, records } = report;
  const lines = [
    `${dryRun ? 'Would restore' : 'Restored'} ${name} to ${report.position} (${formatTimeExactly(report.time)})`,
    `  from    ${printable(report.from)}`,
    `  backup  ${backup} at ${backupPosition}, ${formatBytes(backupBytes)}`,
    `  log     ${logText(report)}`,
  ];
  if (dryRun) lines.push(...fileLines(report));
  if (records > 0 && dryRun) lines.push(`  reads   ${formatBytes(backupBytes + logBytes)} in all`);
  if (report.kept !== null) lines.push(`  kept    ${printable(report.kept)}`);
  if (!dryRun) lines.push(`  state   ${provedText(report)}`);
  return lines.join('\n');
}

function logText({ log, logBytes, records }: RestoreReport): string {
  if (records === 0) return 'none of it';
  return `${countOf(records, 'record')} in ${countOf(log.length, 'segment')}, ${formatBytes(logBytes)}`;
}

function fileLines({ log }: RestoreReport): string[] {
  const shown = log.slice(0, filesShownMax).map(({ bytes, file, fromSeq, toSeq }) => {
    return `          ${printable(file)}  records ${fromSeq} to ${toSeq}, ${formatBytes(bytes)}`;
  });
  const more = log.length - shown.length;
  return more > 0 ? [...shown, `          and ${countOf(more, 'segment')} more`] : shown;
}

function provedText({ proven, stateHash }: RestoreReport): string {
  if (stateHash === null) return 'read back and found as it was written';
  const how = proven ? 'the hash that was recorded at this position' : 'read back, none recorded';
  return `${stateHash.slice(0, 16)}… (${how})`;
}

/** What it means for whoever follows or starts the database. */
export function restoreNote(report: RestoreReport, as: string | undefined): string | null {
  const { how, keepsTimeline, name } = report;
  if (keepsTimeline) return 'Its timeline and its log go on: its replicas follow as before.';
  const start = `It is unassigned: "pamina start ${name}" makes it a normal database on a timeline of its own.`;
  if (as !== undefined) return `${start} Until then it can be read, and nothing changes it.`;
  if (how === 'new') return start;
  const replicas = `Replicas of the old one stop: with DIVERGED those that have more, with LOG_GONE the others. Build each anew with "pamina replicate REPLICA --master ${name} --recreate", after "pamina backup ${name}".`;
  return `${start} ${replicas}`;
}
