// Verifies a log: every segment's checksums, the chain through all of them, no record missing, and
// that the backups of the database stand on it.
import { join } from 'node:path';
import {
  RecordKind,
  decodeBody,
  decodeSynced,
  recordHeaderBytes,
  type AuditBody,
  type PaminaError,
  type Synced,
  type Timeline,
} from '@pamina/format';
import type { Disk } from '@pamina/env';
import { forEachRecord, type ChainPoint } from '@pamina/log';
import type { LogSource } from './log-source.js';
import { walkLog, type WalkedLog } from './walk-log.js';

export interface VerifyLogOptions {
  readonly source: LogSource;
  readonly pattern: string | null;
  readonly timelines: readonly Timeline[];
  readonly synced: Synced | null;
  /** The first record that is asked for; by default the first there is. */
  readonly fromSeq?: number | undefined;
  readonly toSeq?: number | undefined;
  /** Records whose chain is asked for. */
  readonly watch: readonly number[];
  /** Called before each segment with the point that it says to continue. */
  readonly onSegment?: ((before: ChainPoint) => void) | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface VerifiedLog extends WalkedLog {
  readonly damages: readonly PaminaError[];
  /** From this record on nothing is wrong up to the end; Infinity where nothing is behind the last damage. */
  readonly soundFromSeq: number;
  /** Chain after each watched record that was passed; also of the one before the first. */
  readonly chains: ReadonlyMap<number, number>;
  /** The state hashes that are recorded in the log. */
  readonly audits: readonly AuditBody[];
}

/** Never throws for what the bytes hold, except FORMAT_UNKNOWN. */
export async function verifyLog(options: VerifyLogOptions): Promise<VerifiedLog> {
  const { source, pattern, timelines, synced, fromSeq = 0, toSeq, onProgress, signal } = options;
  const damages: PaminaError[] = [];
  let soundFromSeq = 0;
  const chains = new Map<number, number>();
  const audits: AuditBody[] = [];
  const watched = new Set(options.watch);
  const note = ({ seq, chain }: Pick<ChainPoint, 'seq' | 'chain'>): void => {
    if (watched.has(seq)) chains.set(seq, chain);
  };
  const walk = walkLog({
    source,
    pattern,
    timelines,
    synced,
    fromSeq,
    toSeq,
    signal,
    onProgress,
    onDamage(damage) {
      damages.push(damage);
      soundFromSeq = Infinity;
    },
    onSegment: (before) => {
      note(before);
      if (soundFromSeq === Infinity) soundFromSeq = before.seq + 1;
      options.onSegment?.(before);
    },
  });
  for (;;) {
    const step = await walk.next();
    if (step.done === true) return { ...step.value, damages, soundFromSeq, chains, audits };
    const { bytes } = step.value;
    forEachRecord(step.value, ({ seq, kind, length, checksum }, at) => {
      if (watched.size > 0) note({ seq, chain: checksum });
      if (kind !== RecordKind.audit) return;
      audits.push(decodeBody(kind, bytes.subarray(at + recordHeaderBytes, at + length)));
    });
  }
}

/** What a database knows of its own disk; null if that note is torn or there is none. */
export async function readSynced(disk: Disk, databaseFolder: string): Promise<Synced | null> {
  const bytes = await disk.readFileIfPresent(join(databaseFolder, 'log', 'synced'));
  return bytes === null ? null : decodeSynced(bytes);
}
