// Who holds a lock file, and whether that process still lives. A process id alone is reused, so it
// goes with the start time; both mean something only inside one boot and one process namespace.

import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { hostname } from 'node:os';
import { systemCode } from './disk-error.js';

export interface LockOwner {
  readonly pid: number;
  /** Clock ticks since boot, as /proc states it; null where there is no /proc. */
  readonly startedAt: string | null;
  /** Names the boot and the process namespace; null where there is no /proc. */
  readonly boot: string | null;
  readonly processes: string | null;
  readonly host: string;
  /** Names this one holding of the lock: never used twice. */
  readonly token: string;
}

export async function newLockOwner(): Promise<LockOwner> {
  return {
    pid: process.pid,
    startedAt: (await processStart(process.pid))?.startedAt ?? null,
    boot: await readBoot(),
    processes: await readNamespace(),
    host: hostname(),
    token: randomBytes(8).toString('hex'),
  };
}

export function encodeLockOwner(owner: LockOwner): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(owner)}\n`);
}

/** null for anything but a whole owner. */
export function decodeLockOwner(text: string): LockOwner | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { pid, startedAt, boot, processes, host, token } = value as Record<string, unknown>;
  const isText = (field: unknown): field is string | null =>
    field === null || typeof field === 'string';
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0) return null;
  if (!isText(startedAt) || !isText(boot) || !isText(processes)) return null;
  if (typeof host !== 'string' || typeof token !== 'string') return null;
  if (!/^[0-9a-f]{16}$/.test(token)) return null;
  return { pid, startedAt, boot, processes, host, token };
}

/**
 * True only when the owner is known to be dead. An owner on another machine or in another
 * container cannot be judged from here and counts as alive.
 */
export async function isOwnerDead(owner: LockOwner, mine: LockOwner): Promise<boolean> {
  if (owner.boot === null || mine.boot === null) {
    return owner.host === mine.host && !exists(owner.pid);
  }
  // Equal boots are one machine, even if it has been renamed; unequal ones on it, a restart.
  if (owner.boot !== mine.boot) return owner.host === mine.host;
  if (owner.processes !== mine.processes) return false;
  if (!exists(owner.pid)) return true;
  const process = await processStart(owner.pid);
  // null: it ended just now, or /proc hides the processes of other users.
  if (process === null || owner.startedAt === null) return !exists(owner.pid);
  return process.isOver || process.startedAt !== owner.startedAt;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to somebody else.
    return systemCode(error) !== 'ESRCH';
  }
}

async function processStart(pid: number): Promise<{ startedAt: string; isOver: boolean } | null> {
  const text = await readIfPresent(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The second field is the program's name in parentheses and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startedAt] = [fields[0], fields[19]];
  if (state === undefined || startedAt === undefined) return null;
  return { startedAt, isOver: state === 'Z' || state === 'X' };
}

async function readBoot(): Promise<string | null> {
  return (await readIfPresent('/proc/sys/kernel/random/boot_id'))?.trim() ?? null;
}

async function readNamespace(): Promise<string | null> {
  try {
    return await fs.readlink('/proc/self/ns/pid');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await fs.readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  // ESRCH: the process ended while its file was read.
  return ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(systemCode(error));
}
