// The state hash of a database, and what it is compared with: the hash that a backup recorded, a copy
// recovered from backup and log. It finds damage that LevelDB itself does not notice.

import {
  backupsFolderOf,
  hashState,
  listBackups,
  type ListedBackup,
  recoverScratch,
} from '@pamina/backup';
import type { Database } from '@pamina/engine';
import {
  type BackupManifest,
  formatPosition,
  isPaminaError,
  parsePosition,
  type Position,
  RecordKind,
} from '@pamina/format';
import type { HashComparison, HashReport, Progress } from '@pamina/wire';
import type { Held, HostCore } from './host-core.js';

/** Further back nothing is looked for that could have changed the state. */
const recordsLookedAtMax = 10_000;

type FullBackup = ListedBackup & { readonly manifest: BackupManifest };

export async function hash(
  core: HostCore,
  name: string,
  options: { at?: string | undefined; verify?: boolean | undefined },
  progress?: Progress,
): Promise<HashReport> {
  const at = options.at === undefined ? null : parsePosition(options.at);
  return core.use(name, 'read', (held) =>
    at === null
      ? hashNow(core, name, held, options.verify === true, progress)
      : hashAt(core, name, held, at, progress),
  );
}

async function hashNow(
  core: HostCore,
  name: string,
  held: Held,
  verify: boolean,
  progress?: Progress,
): Promise<HashReport> {
  const { database } = held;
  const signal = core.endOf(held);
  const { point, snapshot } = await database.stateSnapshot();
  let stateHash: string;
  try {
    ({ stateHash } = await hashState(snapshot, {
      signal,
      onProgress: ({ rawBytes }) =>
        progress?.({ step: 'hash', done: rawBytes, total: null, unit: 'bytes' }),
    }));
  } finally {
    await snapshot.close();
  }
  const comparedWith: HashComparison[] = [];
  const recorded = await recordedFor(core, name, database, point);
  if (recorded !== null) comparedWith.push(compare('recorded', stateHash, recorded));
  if (verify) {
    const recovered = await recover(core, name, held, point, progress);
    const { backup } = recovered;
    comparedWith.push(compare('recovered', stateHash, { backup, stateHash: recovered.stateHash }));
  }
  return report(point, stateHash, false, comparedWith);
}

async function hashAt(
  core: HostCore,
  name: string,
  held: Held,
  position: Position,
  progress?: Progress,
): Promise<HashReport> {
  const { stateHash } = await recover(core, name, held, position, progress);
  const comparedWith = (await fullBackups(core, name))
    .filter(({ manifest }) => formatPosition(manifest.position) === formatPosition(position))
    .flatMap(({ id, manifest }) =>
      manifest.stateHash === null
        ? []
        : [compare('recorded', stateHash, { backup: id, stateHash: manifest.stateHash })],
    );
  return report(position, stateHash, true, comparedWith);
}

function recover(
  core: HostCore,
  name: string,
  held: Held,
  position: Position,
  progress?: Progress,
) {
  return recoverScratch({
    env: core.env,
    folder: core.folder(name),
    position: { timeline: position.timeline, seq: position.seq },
    pin: (fromSeq) => held.database.log.pin(fromSeq),
    signal: core.endOf(held),
    onProgress: ({ done, step, total }) =>
      progress?.({ step, done, total, unit: step === 'replay' ? 'records' : 'bytes' }),
  });
}

/** The newest backup whose state is still the present one: nothing was committed since. */
async function recordedFor(
  core: HostCore,
  name: string,
  database: Database,
  point: Position,
): Promise<{ backup: string; stateHash: string } | null> {
  const newest = (await fullBackups(core, name)).find(
    ({ manifest }) =>
      manifest.position.timeline === point.timeline && manifest.position.seq <= point.seq,
  );
  const stateHash = newest?.manifest.stateHash ?? null;
  if (newest === undefined || stateHash === null) return null;
  const { seq } = newest.manifest.position;
  const isSame = await isUnchanged(database, seq + 1, point.seq);
  return isSame ? { backup: newest.id, stateHash } : null;
}

async function isUnchanged(database: Database, fromSeq: number, toSeq: number): Promise<boolean> {
  if (toSeq - fromSeq >= recordsLookedAtMax) return false;
  try {
    for await (const { header } of database.log.records(fromSeq, toSeq)) {
      if (header.kind === RecordKind.commit) return false;
    }
    return true;
  } catch (error) {
    if (isPaminaError(error, 'LOG_GONE')) return false;
    throw error;
  }
}

async function fullBackups(core: HostCore, name: string): Promise<FullBackup[]> {
  const listed = await listBackups(core.env, backupsFolderOf(core.folder(name)));
  return listed.filter(
    (backup): backup is FullBackup => backup.problem === null && backup.manifest?.kind === 'full',
  );
}

function compare(
  how: HashComparison['with'],
  stateHash: string,
  other: { backup: string; stateHash: string },
): HashComparison {
  return { with: how, ...other, equal: other.stateHash === stateHash };
}

function report(
  { seq, timeline }: Position,
  stateHash: string,
  recovered: boolean,
  comparedWith: HashComparison[],
): HashReport {
  const verified = comparedWith.length === 0 ? null : comparedWith.every(({ equal }) => equal);
  return {
    position: formatPosition({ timeline, seq }),
    stateHash,
    recovered,
    comparedWith,
    verified,
  };
}
