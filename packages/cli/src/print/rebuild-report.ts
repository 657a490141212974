// What a rebuild did, or would do.
import type { RebuildReport } from '@pamina/wire';
import { countOf, printable } from './units.js';

export function rebuildText(
  name: string,
  report: RebuildReport,
  { dryRun, removeKept }: { readonly dryRun: boolean; readonly removeKept: boolean },
): string {
  const lines: string[] = [];
  if (!removeKept) {
    const from = report.backup === null ? 'its log' : `backup ${printable(report.backup)}`;
    const records = countOf(report.records, 'record', 'records');
    const verb = dryRun ? 'would be rebuilt' : 'was rebuilt';
    const position = report.position ?? 'no position';
    lines.push(`The store of ${name} ${verb} from ${from} and ${records} of log, to ${position}`);
  }
  const entries = report.entries === null ? null : countOf(report.entries, 'entry', 'entries');
  if (entries !== null) {
    const hashes = countOf(report.compared, 'recorded state hash', 'recorded state hashes');
    lines.push(
      `It holds ${entries}, state hash ${report.stateHash}; equal to ${hashes} on the way`,
    );
  }
  const kept = dryRun ? 'would keep' : 'kept';
  const removed = dryRun ? 'would remove' : 'removed';
  lines.push(...report.kept.map((path) => `${kept}  ${printable(path)}`));
  lines.push(...report.removed.map((path) => `${removed}  ${printable(path)}`));
  return lines.length === 0 ? 'nothing is kept' : lines.join('\n');
}
