// Which disk operations fail, how long they take, and what a power cut does to names: settings that a
// run changes at any time, and single faults that are armed for the next operation that fits.

import type { Prng } from '../prng.js';
import type { SystemCode } from './system-error.js';
import type { NameLoss } from './tree.js';

export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  /** Of a file, its data or all of it. */
  | 'sync'
  | 'sync folder'
  /** A new file, folder, or link. */
  | 'create'
  | 'rename'
  | 'remove'
  | 'list'
  | 'stat';

/** `lost`: a sync says EIO and what it covered counts as clean from then on. For others as EIO. */
export type DiskFault = SystemCode | 'short write' | 'lost';

export interface FaultMatch {
  readonly operation?: DiskOperation | undefined;
  /** A part of the path, or a test of it. */
  readonly path?: string | ((path: string) => boolean) | undefined;
}

/** Probabilities for each operation, 0 to 1. */
export interface DiskRates {
  /** A write fails with EIO after a part of its bytes. */
  writeError: number;
  readError: number;
  /** A sync fails, and its bytes are lost and look clean. */
  syncError: number;
  /** Creating, renaming, removing, syncing a folder. */
  nameError: number;
  /** An operation takes `stallMs` longer. */
  stall: number;
  /** After a write the system writes some dirty pages by itself. */
  writeBack: number;
}

export interface DiskSettings {
  readonly rates: DiskRates;
  /** Syncs return without doing anything; so do those of folders. */
  isLying: boolean;
  nameLoss: NameLoss | 'either';
  /** As on most journalled file systems; the seam to the disk does not promise it. */
  doesFileSyncKeepName: boolean;
  stallMs: number;
  /** From, to; names are all operations that are neither of the others. */
  latencyMs: Record<'read' | 'write' | 'sync' | 'name', readonly [number, number]>;
}

function defaultDiskSettings(): DiskSettings {
  return {
    rates: { writeError: 0, readError: 0, syncError: 0, nameError: 0, stall: 0, writeBack: 0.02 },
    isLying: false,
    nameLoss: 'either',
    doesFileSyncKeepName: false,
    stallMs: 500,
    latencyMs: { read: [0.02, 0.1], write: [0.02, 0.1], sync: [0.1, 1.5], name: [0.02, 0.2] },
  };
}

interface Armed {
  readonly match: FaultMatch;
  readonly fault: DiskFault;
  skip: number;
  times: number;
}

export class DiskFaults {
  readonly settings = defaultDiskSettings();
  #armed: Armed[] = [];

  failNext(match: FaultMatch, fault: DiskFault, skip: number, times: number): void {
    this.#armed.push({ match, fault, skip, times });
  }

  clear(): void {
    this.#armed = [];
    Object.assign(this.settings, defaultDiskSettings());
  }

  decide(operation: DiskOperation, path: string, random: Prng): DiskFault | null {
    for (const armed of this.#armed) {
      if (!fits(armed.match, operation, path)) continue;
      if (armed.skip > 0) {
        armed.skip -= 1;
        continue;
      }
      armed.times -= 1;
      if (armed.times <= 0) this.#armed = this.#armed.filter((other) => other !== armed);
      return armed.fault;
    }
    const { rates } = this.settings;
    switch (operation) {
      case 'write':
        return random.chance(rates.writeError) ? 'short write' : null;
      case 'read':
        return random.chance(rates.readError) ? 'EIO' : null;
      case 'sync':
        return random.chance(rates.syncError) ? 'lost' : null;
      case 'create':
      case 'rename':
      case 'remove':
      case 'sync folder':
        return random.chance(rates.nameError) ? 'EIO' : null;
      case 'open':
      case 'truncate':
      case 'list':
      case 'stat':
        return null;
    }
  }

  latencyMs(operation: DiskOperation, random: Prng): number {
    const { latencyMs, rates, stallMs } = this.settings;
    const [from, to] =
      operation === 'read' || operation === 'write'
        ? latencyMs[operation]
        : latencyMs[operation === 'sync' || operation === 'sync folder' ? 'sync' : 'name'];
    return random.between(from, to) + (random.chance(rates.stall) ? stallMs : 0);
  }
}

function fits(match: FaultMatch, operation: DiskOperation, path: string): boolean {
  if (match.operation !== undefined && match.operation !== operation) return false;
  if (match.path === undefined) return true;
  return typeof match.path === 'string' ? path.includes(match.path) : match.path(path);
}
