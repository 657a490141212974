// The state hash of a database, and what it is compared with: the hash that a backup recorded, a copy
// recovered from backup and log. It finds damage that LevelDB itself does not notice.

import {
  backupsFolderOf,
  hashState,
  isUnchanged,
  listBackups,
  type ListedBackup,
  noteStoreDamage,
  notingDamage,
  recoverScratch,
} from '@pamina/backup';
import type { Database } from '@pamina/engine';
import { type BackupManifest, formatPosition, parsePosition, type Position } from '@pamina/format';
import type { HashComparison, HashReport, Progress } from '@pamina/wire';
import type { Held, HostCore } from './host-core.js';

type FullBackup = ListedBackup & { readonly manifest: BackupManifest };

interface Asking {
  readonly progress?: Progress | undefined;
  /** Aborted when nobody waits for the report any more. */
  readonly signal?: AbortSignal | undefined;
}

interface Work {
  readonly held: Held;
  readonly progress: Progress | undefined;
  readonly signal: AbortSignal;
}

export async function hash(
  core: HostCore,
  name: string,
  options: { at?: string | undefined; verify?: boolean | undefined },
  { progress, signal: asked }: Asking = {},
): Promise<HashReport> {
  const at = options.at === undefined ? null : parsePosition(options.at);
  return core.use(name, 'read', (held) => {
    const end = core.endOf(held);
    const signal = asked === undefined ? end : AbortSignal.any([end, asked]);
    const work = { held, progress, signal };
    return at === null
      ? hashNow(core, name, work, options.verify === true)
      : hashAt(core, name, work, at);
  });
}

async function hashNow(
  core: HostCore,
  name: string,
  work: Work,
  verify: boolean,
): Promise<HashReport> {
  const { held, progress, signal } = work;
  const { database } = held;
  const { point, snapshot } = await database.stateSnapshot();
  let stateHash: string;
  try {
    ({ stateHash } = await notingDamage(database, () =>
      hashState(snapshot, {
        signal,
        onProgress: ({ rawBytes }) =>
          progress?.({ step: 'hash', done: rawBytes, total: null, unit: 'bytes' }),
      }),
    ));
  } finally {
    await snapshot.close();
  }
  const comparedWith: HashComparison[] = [];
  for (const recorded of await recordedFor(core, name, database, point)) {
    comparedWith.push(compare('recorded', stateHash, recorded));
  }
  if (verify) {
    const recovered = await recover(core, name, work, point, 'oldest');
    const { backup } = recovered;
    comparedWith.push(compare('recovered', stateHash, { backup, stateHash: recovered.stateHash }));
  }
  const different = comparedWith.find(({ equal }) => !equal);
  if (different !== undefined) {
    const { backup } = different;
    const isRecovered = different.with === 'recovered';
    const other = isRecovered ? `backup ${backup} and the log lead to` : `backup ${backup} holds`;
    const message = `its state at ${formatPosition(point)} is not what ${other}`;
    await noteStoreDamage(database, { found: isRecovered ? 'content' : 'backup', message });
  }
  return report(point, stateHash, false, comparedWith);
}

async function hashAt(
  core: HostCore,
  name: string,
  work: Work,
  position: Position,
): Promise<HashReport> {
  const { stateHash } = await recover(core, name, work, position, 'newest');
  const comparedWith = (await fullBackups(core, name))
    .filter(({ manifest }) => formatPosition(manifest.position) === formatPosition(position))
    .flatMap(({ id, stateHash: known }) =>
      known === null ? [] : [compare('recorded', stateHash, { backup: id, stateHash: known })],
    );
  return report(position, stateHash, true, comparedWith);
}

/** One at a time for each database. */
function recover(
  core: HostCore,
  name: string,
  { held, progress, signal }: Work,
  { seq, timeline }: Position,
  start: 'newest' | 'oldest',
) {
  return core.scratchTurns.run(name, () => {
    signal.throwIfAborted();
    return recoverScratch({
      env: core.env,
      folder: core.folder(name),
      position: { timeline, seq },
      start,
      pin: (fromSeq) => held.database.log.pin(fromSeq),
      signal,
      onProgress: ({ done, step, total }) =>
        progress?.({ step, done, total, unit: step === 'replay' ? 'records' : 'bytes' }),
    });
  });
}

/** The backups whose state must still be the present one, because nothing was committed since. */
async function recordedFor(
  core: HostCore,
  name: string,
  database: Database,
  point: Position,
): Promise<{ backup: string; stateHash: string }[]> {
  const recorded: { backup: string; stateHash: string }[] = [];
  let toSeq = point.seq;
  for (const { id, manifest, stateHash } of await fullBackups(core, name)) {
    const { seq, timeline } = manifest.position;
    if (timeline !== point.timeline || seq > toSeq) continue;
    if (!(await isUnchanged(database.log, { afterSeq: seq, toSeq }))) break;
    toSeq = seq;
    if (stateHash !== null) recorded.push({ backup: id, stateHash });
  }
  return recorded;
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
