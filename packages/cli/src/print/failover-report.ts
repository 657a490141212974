// What a failover and a rejoin did, or would do.
import type { FailoverReport, RejoinReport } from '@pamina/wire';
import { table } from './table.js';
import { countOf, formatDuration, printable } from './units.js';

export function failoverText(report: FailoverReport): string {
  const { dryRun, followers, oldMaster } = report;
  const parts = [dryRun ? planned(report) : done(report), lostText(report)];
  if (report.masterProblem !== null) {
    parts.push(`The old master could not be told to stop: ${printable(report.masterProblem)}.`);
  }
  if (oldMaster !== null) {
    parts.push(
      `The old master is called ${printable(oldMaster)} now: \`pamina rejoin ${printable(oldMaster)}\` makes it a replica.`,
    );
  }
  for (const address of report.notArchived ?? []) {
    const is = dryRun ? 'would not be' : 'is not';
    parts.push(
      `The old master is archived to ${printable(address)}; the new one ${is}: \`pamina archive add ${printable(report.master)} ${printable(address)}\` once it has taken over.`,
    );
  }
  for (const { name, problem } of followers) {
    parts.push(
      problem === null
        ? `${printable(name)} follows the new master.`
        : `${printable(name)} could not be pointed at the new master: ${printable(problem)}. Run this again.`,
    );
  }
  if (report.candidates.length > 0) parts.push('', candidatesText(report));
  return parts.join('\n');
}

function planned({ fenced, master, successor }: FailoverReport): string {
  const how = fenced ? 'after the master has stopped and sent its rest' : 'the master is not there';
  return `${printable(successor)} would take over ${printable(master)}, ${how}. Nothing was changed.`;
}

function done({ address, master, position, successor, withoutWriterMs }: FailoverReport): string {
  const where = address === null ? '' : ` at ${printable(address)}`;
  const time = withoutWriterMs === null ? '' : `, after ${formatDuration(withoutWriterMs)}`;
  return `${printable(successor)} is ${printable(master)} now${where}, from ${position ?? 'its position'} on${time}.`;
}

function lostText({ lost, dryRun }: FailoverReport): string {
  const would = dryRun ? 'would be' : 'were';
  if (lost.isCertain && lost.records === 0) return `No commits ${would} lost.`;
  if (lost.records === 0) {
    return `No commits are known to be lost; what the old master wrote after it was last heard is not known.`;
  }
  const count = `${lost.isCertain ? '' : 'At least '}${countOf(lost.records, 'record')}`;
  return `${count} of the old master ${would} lost: it is known to have had more than the replica. What its log still has \`pamina rejoin\` writes to a file.`;
}

function candidatesText({ candidates }: FailoverReport): string {
  return table(
    [{ title: 'replica' }, { title: 'state' }, { title: 'durable' }, { title: 'cannot, because' }],
    candidates.map(({ durable, name, problem, state }) => [
      printable(name),
      state,
      durable ?? '-',
      problem === null ? '' : printable(problem),
    ]),
  );
}

export function rejoinText(report: RejoinReport): string {
  const { dryRun, forkSeq, formerName, kept, master, name, rescue, unshipped, way } = report;
  const missing = report.missing ?? null;
  const as = name === formerName ? '' : ` as ${printable(name)}`;
  const follows = dryRun ? 'would follow' : 'follows';
  const parts = [
    `${printable(formerName)} ${follows} ${printable(master)}${as}; both have the records up to ${forkSeq}.`,
  ];
  if (missing !== null) parts.push(missingText(missing, report));
  if (unshipped === 0 && missing === null) {
    parts.push('It had no commits of its own behind that.');
  } else if (rescue !== null) {
    const are = dryRun ? 'would be written to' : 'are in';
    parts.push(`${countOf(unshipped, 'commit')} that only it had ${are} ${printable(rescue)}.`);
  }
  if (way === 'recreated') {
    const kind = dryRun ? 'It would be built' : 'It was built';
    const where = kept === null ? '' : ` Its files of before are kept in ${printable(kept)}.`;
    parts.push(`${kind} anew from a backup of the new master.${where}`);
  }
  if (dryRun) parts.push('Nothing was changed.');
  return parts.join('\n');
}

function missingText(
  { fromSeq, toSeq }: NonNullable<RejoinReport['missing']>,
  { dryRun, formerName }: RejoinReport,
): string {
  const what = `The records ${fromSeq} to ${toSeq}, which only it had, are not in its log any more and in no file.`;
  if (!dryRun) return `${what} Its store of before has what they changed.`;
  const old = printable(formerName);
  return `${what} Without its server \`pamina export ${old}\` shows what its store has; to go on without them, give \`--accept-loss\`.`;
}
