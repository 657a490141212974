// What is said of the archives of a database: how far each is, what is wrong, what is on its way out.

import { type ArchiverStatus, logFolderSource, positionPath, readPosition } from '@pamina/backup';
import type { ArchiveSetting, Control } from '@pamina/engine';
import { errorTable, formatPosition, timelineAt } from '@pamina/format';
import type { ArchiveSummary } from '@pamina/wire';
import { join } from 'node:path';
import type { HostCore } from './host-core.js';
import type { OnlineDatabase } from './online-database.js';

export async function archives(core: HostCore, name: string): Promise<ArchiveSummary[]> {
  return summaries(core, await core.control(name), core.online.get(name) ?? null);
}

export function summaries(
  core: HostCore,
  control: Control,
  online: OnlineDatabase | null,
): Promise<ArchiveSummary[]> {
  return Promise.all(
    (control.archives ?? []).map((setting) => summary(core, control, setting, online)),
  );
}

export async function summary(
  core: HostCore,
  control: Control,
  setting: ArchiveSetting,
  online: OnlineDatabase | null,
): Promise<ArchiveSummary> {
  const archiver = online?.archivers.get(setting.name);
  if (online !== null && archiver !== undefined) {
    return shown(control, setting, archiver.status(), online.database.log.firstSeq);
  }
  const folder = core.folder(control.name);
  const position = await readPosition(core.env.disk, positionPath(folder, setting.name));
  const log = logFolderSource({ disk: core.env.disk, folder: join(folder, 'log') });
  const [first] = await log.segments();
  const status = {
    state: 'stopped',
    problem: null,
    archivedSeq: position?.seq ?? null,
    archivedTime: position?.time ?? null,
    behindBytes: 0,
    backups: 0,
    retired: [],
  } as const;
  return {
    ...shown(control, setting, status, first?.firstSeq ?? 0),
    state: 'offline',
    behindBytes: null,
    backups: null,
    retired: null,
  };
}

/** `firstSeq` is the oldest record that the log here still has. */
export function shown(
  { timelines }: Control,
  { address, fromSeq, name, recipients }: ArchiveSetting,
  status: Omit<ArchiverStatus, 'name' | 'address'>,
  firstSeq: number,
): ArchiveSummary {
  const { archivedSeq: seq, archivedTime, backups, behindBytes, problem, retired, state } = status;
  const archived =
    seq === null ? null : formatPosition({ timeline: timelineAt(timelines, seq).timeline, seq });
  const next = seq === null ? fromSeq : seq + 1;
  return {
    name,
    address,
    encrypted: recipients !== null,
    state,
    problem,
    hint: problem === null ? null : hintOf(problem.code),
    archived,
    archivedTime,
    missing: next < firstSeq ? { fromSeq: next, toSeq: firstSeq - 1 } : null,
    behindBytes,
    backups,
    retired,
  };
}

function hintOf(code: string): string | null {
  return Object.hasOwn(errorTable, code) ? errorTable[code as keyof typeof errorTable].hint : null;
}
