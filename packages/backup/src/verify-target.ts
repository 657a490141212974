// Verifies one backup in up to three depths: its files; the log from it to a target; a real restore to
// a scratch place, replayed to the target. The backup may be anywhere that a source leads to.
import { join } from 'node:path';
import {
  PaminaError,
  formatPosition,
  forkPoint,
  type BackupManifest,
  type Synced,
  type Timeline,
} from '@pamina/format';
import type { Env } from '@pamina/env';
import { storedBytes } from './layout.js';
import type { LogSource } from './log-source.js';
import { openAnyBackup } from './open-backup.js';
import type { Proof } from './prove-backup.js';
import type { BackupSource } from './source.js';
import type { HashedState } from './state-hash.js';
import { verifyBackup } from './verify.js';
import { verifyLog, type VerifiedLog } from './verify-log.js';
import { folderMemory, noMemory, type BackupMemory, type RecallSettings } from './verify-recall.js';
import { replayInto, type RecordedHash, type Replayed } from './verify-replay.js';
import { attemptCheck, failedCheck, verifiedCheck, type VerifyCheck } from './verify-report.js';

/** How far something has come; `total` is null while it is not known. */
export interface VerifyProgress {
  readonly step: string;
  readonly done: number;
  readonly total: number | null;
  readonly unit: 'bytes' | 'records';
}

/** What all verifications are told. */
export interface VerifySettings extends RecallSettings {
  /** A restore, too. */
  readonly deep?: boolean | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The log that a backup is to be recovered with. */
export interface TargetLog {
  readonly source: LogSource;
  readonly pattern: string | null;
  readonly timelines: readonly Timeline[];
  readonly synced: Synced | null;
}

export interface VerifyTarget extends VerifySettings {
  readonly source: BackupSource;
  /** Id, or path or address. */
  readonly subject: string;
  /** Where the backup's files are, to remember them by; null where no file system tells of changes. */
  readonly folder: string | null;
  /** Of a backup in an archive, instead of the folder. */
  readonly memory?: BackupMemory | undefined;
  readonly log: TargetLog | null;
  /** The record that the chain must reach; by default the last one of the log. */
  readonly untilSeq?: number | undefined;
  /** State hashes that other backups recorded. */
  readonly recorded?: readonly RecordedHash[] | undefined;
  /** What the list in which it stands says is wrong with it. */
  readonly problem?: PaminaError | null | undefined;
  /** Of one whose state hash nobody knows: whether its state, as it was restored, is right. */
  readonly prove?:
    | ((found: HashedState, later: Replayed['compared']) => Promise<Proof>)
    | undefined;
  /** Of an incremental backup: what it continues, and the log of all up to it. */
  readonly builtOn?: { readonly full: BackupSource; readonly log: LogSource } | undefined;
}

/** One check for each depth that was asked for; a depth is not tried where the one before it failed. */
export async function verifyTarget(target: VerifyTarget): Promise<VerifyCheck[]> {
  const release = target.source.hold?.();
  try {
    const files = await verifyFiles(target);
    if (files.verdict !== 'verified') return [files];
    const { manifest } = await openAnyBackup(target.source);
    const checks = [files];
    const log = target.log === null ? null : await verifyChain(target, target.log, manifest);
    if (log !== null) checks.push(log.check);
    else if (target.untilSeq !== undefined) checks.push(withoutLog(target, target.untilSeq));
    if (target.deep !== true || checks.some(({ verdict }) => verdict !== 'verified')) return checks;
    checks.push(
      manifest.after === undefined
        ? await verifyRestore(target, manifest, log)
        : await verifyIncrement(target, manifest),
    );
    return checks;
  } finally {
    release?.();
  }
}

/** Every file, checksum and count; what was verified before and has not changed is not read again. */
export function verifyFiles(
  target: Omit<VerifyTarget, 'log' | 'untilSeq' | 'recorded'>,
): Promise<VerifyCheck> {
  const { onProgress, problem, signal, source, subject } = target;
  const about = { check: 'files', subject } as const;
  return attemptCheck(about, signal, async () => {
    if (problem !== undefined && problem !== null) throw problem;
    const memory = memoryOf(target);
    const known = await memory.recollect('files');
    if (known.at !== null) {
      const message = 'verified before, and not changed since';
      return verifiedCheck(about, message, { rememberedAt: known.at });
    }
    try {
      const { manifest, readBytes, stateHash } = await verifyBackup(source, {
        signal,
        isKnown: (file) => memory.knows?.(file) === true,
        onProgress: ({ done, total }) =>
          onProgress?.({ step: `files of ${subject}`, done, total, unit: 'bytes' }),
      });
      await known.note(stateHash);
      const message = 'every file is what the manifest says';
      return verifiedCheck(about, message, { bytes: readBytes ?? storedBytes(manifest) });
    } catch (error) {
      await known.forget();
      throw error;
    }
  });
}

export interface CheckedChain {
  readonly check: VerifyCheck;
  readonly log: VerifiedLog | null;
}

async function verifyChain(
  target: VerifyTarget,
  log: TargetLog,
  manifest: BackupManifest,
): Promise<CheckedChain> {
  const about = { check: 'chain', subject: target.subject } as const;
  let found: VerifiedLog | null = null;
  const check = await attemptCheck(about, target.signal, async () => {
    requireSameHistory(manifest, log);
    const { seq } = manifest.position;
    const verified = await verifyLog({
      ...log,
      fromSeq: seq + 1,
      toSeq: target.untilSeq === undefined ? undefined : Math.max(seq, target.untilSeq),
      watch: [seq],
      signal: target.signal,
      onProgress: (done, total) => target.onProgress?.({ step: 'log', done, total, unit: 'bytes' }),
    });
    found = verified;
    return chainCheck(about, log, verified, { manifest, untilSeq: target.untilSeq });
  });
  return { check, log: found };
}

/** Whether a verified log leads from a backup to the target. */
export function chainCheck(
  about: { readonly check: 'chain'; readonly subject: string },
  { source, timelines }: TargetLog,
  log: VerifiedLog,
  { manifest, untilSeq }: { manifest: BackupManifest; untilSeq?: number | undefined },
): VerifyCheck {
  const { seq } = manifest.position;
  // What is damaged before it does not concern it.
  const errors = seq + 1 >= log.soundFromSeq ? [] : [...log.damages];
  const endSeq = log.end?.seq ?? 0;
  const timeline = timelines.at(-1)?.timeline ?? manifest.position.timeline;
  const broken = (message: string): void => {
    const context = { backup: manifest.id, seq };
    errors.push(new PaminaError('LOG_DAMAGED', message, { context }));
  };
  if (log.firstSeq !== null && log.firstSeq > seq + 1) {
    const from = formatPosition({ timeline, seq: seq + 1 });
    broken(`${source.describe()} begins with record ${log.firstSeq}, not with ${from}`);
  } else if (log.chains.has(seq) && log.chains.get(seq) !== manifest.chain) {
    broken(`${source.describe()} is not the continuation of the backup at record ${seq}`);
  } else if (log.firstSeq === null && (seq > 0 || untilSeq !== undefined)) {
    broken(`${source.describe()} holds no segment of the history of the backup`);
  } else if (endSeq < seq && log.damages.length === 0) {
    broken(`${source.describe()} ends with record ${endSeq}, before the backup's`);
  }
  if (untilSeq !== undefined && endSeq < untilSeq) {
    const message = `${source.describe()} ends with record ${endSeq}: record ${untilSeq} is not there`;
    errors.push(new PaminaError('POSITION_UNREACHABLE', message, { context: { seq: untilSeq } }));
  }
  if (errors.length > 0) return failedCheck(about, errors, { bytes: log.bytes });
  const until = formatPosition({ timeline, seq: Math.max(seq, untilSeq ?? endSeq) });
  const message = `the log goes on from it without a gap to position ${until}`;
  return verifiedCheck(about, message, { bytes: log.bytes });
}

/** DIVERGED: a backup of a branch that this log has left cannot be recovered with it. */
function requireSameHistory(manifest: BackupManifest, { pattern, timelines }: TargetLog): void {
  if (manifest.pattern !== null && manifest.pattern !== pattern) {
    const message = `the backup ${manifest.id} is of another database than the log`;
    throw new PaminaError('PATTERN_MISMATCH', message);
  }
  const { common, seqMax } = forkPoint(timelines, manifest.timelines);
  if (common > 0 && seqMax >= manifest.position.seq) return;
  const message = `the log left the history of the backup ${manifest.id} at record ${seqMax}`;
  throw new PaminaError('DIVERGED', message, { context: { seqMax } });
}

function withoutLog(target: VerifyTarget, untilSeq: number): VerifyCheck {
  const message = `there is no log beside ${target.subject} to reach record ${untilSeq} with`;
  const error = new PaminaError('POSITION_UNREACHABLE', message);
  return failedCheck({ check: 'chain', subject: target.subject }, [error]);
}

/** After the chain was verified. */
export function verifyRestore(
  target: VerifyTarget,
  manifest: BackupManifest,
  chain: CheckedChain | null,
): Promise<VerifyCheck> {
  const { env, onProgress, signal, source, subject } = target;
  const about = { check: 'restore', subject } as const;
  return attemptCheck(about, signal, async () => {
    const { seq } = manifest.position;
    const log = chain?.log ?? null;
    const known = await memoryOf(target).recollect('restore');
    if (log === null && known.at !== null) {
      const message = 'restored and compared before, and not changed since';
      return verifiedCheck(about, message, { rememberedAt: known.at });
    }
    const audits = log?.audits.map((audit): RecordedHash => audit) ?? [];
    return inScratch(env, async (folder) => {
      const options = {
        env,
        folder,
        backup: source,
        log: target.log?.source ?? null,
        pattern: target.log?.pattern ?? manifest.pattern,
        timelines: target.log?.timelines ?? manifest.timelines,
        toSeq: Math.max(seq, target.untilSeq ?? log?.end?.seq ?? seq),
        recorded: [...audits, ...(target.recorded ?? [])],
        hashesStart: target.prove !== undefined,
        signal,
        onProgress: replayProgress(onProgress),
      };
      const replayed = await replayInto(options, (_, done) => Promise.resolve(done));
      const timelines = target.log?.timelines ?? manifest.timelines;
      if (target.prove !== undefined && replayed.start !== null) {
        return provedCheck(target, replayed, timelines, replayed.start);
      }
      const check = restoreCheck(about, replayed, timelines);
      const atBackup = replayed.compared.find((one) => one.seq === seq);
      if (check.verdict === 'verified' && atBackup !== undefined) {
        await known.note(atBackup.found);
      }
      return check;
    });
  });
}

/** A proof is noted beside the backup: what is remembered of its files is noted after that. */
async function provedCheck(
  target: VerifyTarget,
  replayed: Replayed,
  timelines: readonly Timeline[],
  start: HashedState,
): Promise<VerifyCheck> {
  const about = { check: 'restore', subject: target.subject } as const;
  const proof = (await target.prove?.(start, replayed.compared)) ?? { result: 'unproved' };
  if (proof.result === 'unproved') return restoreCheck(about, replayed, timelines);
  const { manifest } = replayed;
  const bytes = storedBytes(manifest);
  if (proof.result === 'refuted') {
    const { differsFrom, expected } = proof;
    const message = `the state of the backup is not what backup ${differsFrom} and the log lead to: it was taken of a damaged store`;
    const context = { backup: manifest.id, differsFrom, expected, found: start.stateHash };
    return failedCheck(about, [new PaminaError('STATE_HASH_MISMATCH', message, { context })], {
      bytes,
    });
  }
  const errors = mismatches(replayed.compared);
  if (errors.length > 0) return failedCheck(about, errors, { bytes });
  await (await memoryOf(target).recollect('restore')).note(start.stateHash);
  const until = formatPosition({
    timeline: timelines.at(-1)?.timeline ?? manifest.position.timeline,
    seq: replayed.end.seq,
  });
  const message = `restored to a scratch place and replayed to position ${until}, proved by ${proof.by}; that is remembered`;
  return verifiedCheck(about, message, { bytes });
}

/** The full backup that it builds on, and every segment up to it: to its own position. */
function verifyIncrement(target: VerifyTarget, manifest: BackupManifest): Promise<VerifyCheck> {
  const { builtOn, env, onProgress, signal, subject } = target;
  const about = { check: 'restore', subject } as const;
  return attemptCheck(about, signal, () => {
    if (builtOn === undefined) {
      const message = `the full backup that ${subject} builds on is not beside it`;
      throw new PaminaError('NOT_VERIFIED', message);
    }
    return inScratch(env, async (folder) => {
      const options = {
        env,
        folder,
        backup: builtOn.full,
        log: builtOn.log,
        pattern: manifest.pattern,
        timelines: manifest.timelines,
        toSeq: manifest.position.seq,
        recorded: target.recorded ?? [],
        signal,
        onProgress: replayProgress(onProgress),
      };
      const replayed = await replayInto(options, (_, done) => Promise.resolve(done));
      if (replayed.end.chain === manifest.chain) {
        return restoreCheck(about, replayed, manifest.timelines);
      }
      const message = `the log of ${subject} does not lead to the state that it stands for`;
      throw new PaminaError('BACKUP_INVALID', message, { context: { backup: manifest.id } });
    });
  });
}

function restoreCheck(
  about: { readonly check: 'restore'; readonly subject: string },
  { compared, end, manifest }: Replayed,
  timelines: readonly Timeline[],
): VerifyCheck {
  const errors = mismatches(compared);
  const bytes = storedBytes(manifest);
  if (errors.length > 0) return failedCheck(about, errors, { bytes });
  const timeline = timelines.at(-1)?.timeline ?? manifest.position.timeline;
  const until = formatPosition({ timeline, seq: end.seq });
  if (compared.length === 0) {
    // A restore proves files and order; without a hash nothing says what the content must be.
    const message = `restored and replayed to ${until}, but nobody recorded a state hash to compare with`;
    return failedCheck(about, [new PaminaError('NOT_VERIFIED', message)], { bytes });
  }
  const hashes =
    compared.length === 1 ? 'a recorded state hash' : `${compared.length} recorded state hashes`;
  const message = `restored to a scratch place and replayed to position ${until}, equal to ${hashes}`;
  return verifiedCheck(about, message, { bytes });
}

/** STATE_HASH_MISMATCH for each recorded hash that the replayed state does not have. */
export function mismatches(compared: Replayed['compared']): PaminaError[] {
  return compared
    .filter(({ equal }) => !equal)
    .map(({ backup, found, seq, stateHash }) => {
      const message = `the state at record ${seq} is not what backup ${backup} recorded`;
      const context = { backup, seq, expected: stateHash, found };
      return new PaminaError('STATE_HASH_MISMATCH', message, { context });
    });
}

export function replayProgress(onProgress: VerifySettings['onProgress']) {
  return ({ step, done, total }: { step: string; done: number; total: number | null }): void =>
    onProgress?.({ step, done, total, unit: step === 'replay' ? 'records' : 'bytes' });
}

/** A place that is gone afterwards, whatever happens. */
export async function inScratch<T>(env: Env, task: (folder: string) => Promise<T>): Promise<T> {
  const folder = await env.disk.temporaryFolder('pamina-verify-');
  try {
    return await task(join(folder, 'copy'));
  } finally {
    await env.disk.removeTree(folder);
  }
}

function memoryOf({
  folder,
  memory,
  ...settings
}: Pick<VerifyTarget, 'folder' | 'memory'> & VerifySettings): BackupMemory {
  return memory ?? (folder === null ? noMemory() : folderMemory(settings, folder));
}
