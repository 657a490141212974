// Proves a backup of whose state nobody knows a hash: its audit was skipped, or never began. What is found
// is noted beside it, so that it counts as proved, or as bad, from then on.
import type { Env } from '@pamina/env';
import { holdBackup } from './backup-holds.js';
import type { ListedBackup } from './backup-list.js';
import { writeRecordedAudit } from './recorded-audit.js';
import { folderSource } from './source.js';
import type { HashedState } from './state-hash.js';
import { verifyLog } from './verify-log.js';
import { replayInto, type RecordedComparison } from './verify-replay.js';
import { inScratch, type TargetLog, type VerifySettings } from './verify-target.js';

export type Proven = ListedBackup & { readonly manifest: NonNullable<ListedBackup['manifest']> };

export interface ProofOptions extends Pick<VerifySettings, 'signal'> {
  readonly env: Env;
  readonly backup: Proven;
  /** Others of this history whose state hash is known. */
  readonly known: readonly Proven[];
  readonly log: TargetLog;
}

/** `differsFrom`: the older backup that leads to another state. */
export type Proof =
  | { readonly result: 'proved'; readonly by: string }
  | { readonly result: 'refuted'; readonly differsFrom: string; readonly expected: string }
  | { readonly result: 'unproved' };

/**
 * `found` is its state, `later` what was recorded after it and compared with the log replayed over it. An
 * older backup and the log prove it; where they are gone, what was recorded later does.
 */
export async function proveBackup(
  options: ProofOptions,
  found: HashedState,
  later: readonly RecordedComparison[],
): Promise<Proof> {
  const proof = (await fromOlder(options, found)) ?? fromLater(later);
  if (proof.result === 'unproved') return proof;
  const { backup, env } = options;
  const release = holdBackup(env.disk, backup.folder);
  try {
    const differsFrom = proof.result === 'refuted' ? proof.differsFrom : undefined;
    const noted = { ...found, record: null, differsFrom };
    await writeRecordedAudit(env.disk, backup.folder, backup.manifest, noted);
  } finally {
    release();
  }
  return proof;
}

function fromLater(later: readonly RecordedComparison[]): Proof {
  const isProved = later.length > 0 && later.every(({ equal }) => equal);
  return isProved ? { result: 'proved', by: 'what was recorded later' } : { result: 'unproved' };
}

/** Null where no older backup and log lead to it. */
async function fromOlder(
  { backup, env, known, log, signal }: ProofOptions,
  { stateHash }: HashedState,
): Promise<Proof | null> {
  const { position } = backup.manifest;
  const older = await oldestLeadingTo(position.seq, known, log, signal);
  if (older === null) return null;
  const recorded = { seq: position.seq, stateHash, backup: backup.id };
  const compared = await inScratch(env, async (folder) => {
    const replay = {
      env,
      folder,
      backup: folderSource(env, older.folder),
      log: log.source,
      pattern: log.pattern,
      timelines: log.timelines,
      toSeq: position.seq,
      recorded: [recorded],
      signal,
    };
    return replayInto(replay, (_, replayed) => Promise.resolve(replayed.compared));
  });
  const here = compared.find((one) => one.backup === backup.id && one.stateHash === stateHash);
  // One that is not what was recorded of itself proves nothing.
  if (here === undefined || compared.some((one) => one !== here && !one.equal)) return null;
  if (here.equal) return { result: 'proved', by: `backup ${older.id} and the log` };
  return { result: 'refuted', differsFrom: older.id, expected: here.found };
}

/** A newer one may have been taken of a store that was damaged by then. */
async function oldestLeadingTo(
  seq: number,
  known: readonly Proven[],
  log: TargetLog,
  signal: AbortSignal | undefined,
): Promise<Proven | null> {
  const older = known.filter(({ manifest }) => manifest.position.seq < seq);
  if (older.length === 0) return null;
  older.sort((a, b) => a.manifest.position.seq - b.manifest.position.seq);
  const watch = older.map(({ manifest }) => manifest.position.seq);
  const found = await verifyLog({ ...log, toSeq: seq, watch, signal });
  if (found.damages.length > 0) return null;
  const start = older.find(
    ({ manifest: { chain, position } }) => found.chains.get(position.seq) === chain,
  );
  return start ?? null;
}
