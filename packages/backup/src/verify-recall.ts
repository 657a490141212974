// What a verification remembers of a backup and what it notes: by the file system's times where it is a
// folder, by what the storage tells of its objects where it is in an archive.
import { isPaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import { VerifyMemory, fingerprintOf, type RememberedDepth } from './verify-memory.js';

/** Bits rot without a trace in what a file system tells of a file: none stays unread for longer. */
const verifyMaxAgeMsDefault = 30 * 24 * 60 * 60 * 1000;

export interface RecallSettings {
  readonly env: Env;
  /** What is remembered counts for nothing. */
  readonly again?: boolean | undefined;
  /** What was verified longer ago is verified again, ms; by default `verifyMaxAgeMsDefault`. */
  readonly maxAgeMs?: number | undefined;
}

/** What is remembered of one backup as it stands. */
export interface Recollection {
  /** When it was verified, ms since 1970; null if it was not, or not so deep, or too long ago. */
  readonly at: number | null;
  /** As it was when this was asked for: what changed meanwhile is not remembered. */
  note(stateHash: string | null): Promise<void>;
  forget(): Promise<void>;
}

export interface BackupMemory {
  recollect(depth: RememberedDepth): Promise<Recollection>;
  /** Whether a file that backups share was proved with another one. */
  knows?(file: string): boolean;
}

/** Whether something verified at `at` still counts. */
export function isFresh({ again, env, maxAgeMs }: RecallSettings, at: number): boolean {
  const now = env.clock.now();
  return again !== true && at <= now && now - at <= (maxAgeMs ?? verifyMaxAgeMsDefault);
}

export function noMemory(): BackupMemory {
  const nothing: Recollection = {
    at: null,
    note: () => Promise.resolve(),
    forget: () => Promise.resolve(),
  };
  return { recollect: () => Promise.resolve(nothing) };
}

/** Of a backup in a folder. */
export function folderMemory(settings: RecallSettings, folder: string): BackupMemory {
  const { env } = settings;
  return {
    async recollect(depth) {
      const memory = VerifyMemory.of(env.disk, folder);
      const fingerprint = await currentFingerprint(env, folder);
      const found = fingerprint === null ? null : await memory.recall(folder, fingerprint, depth);
      return {
        at: found !== null && isFresh(settings, found.at) ? found.at : null,
        async note(stateHash) {
          if (fingerprint === null) return;
          await memory.note(folder, { at: env.clock.now(), depth, stateHash, fingerprint });
        },
        async forget() {
          await memory.forget(folder);
        },
      };
    },
  };
}

/** null where there is no such folder: the verification will say so. */
async function currentFingerprint(env: Env, folder: string): Promise<string | null> {
  try {
    return await fingerprintOf(env.disk, folder);
  } catch (error) {
    if (isPaminaError(error, 'FILE_NOT_FOUND')) return null;
    throw error;
  }
}
