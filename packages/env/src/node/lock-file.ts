// A lock between processes: a file that is created with its owner already in it (link), so that
// nobody ever reads half an owner. Two rules keep takeover free of races: tokens are used once, and
// the file of a dead owner is replaced only by whoever holds the lock named after that owner's
// token, after looking again. A late second process then finds another token and goes back to wait.

import { randomInt } from 'node:crypto';
import * as fs from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { PaminaError } from '@pamina/format';
import type { LockFileOptions } from '../disk.js';
import { attempt, systemCode } from './disk-error.js';
import {
  type LockOwner,
  decodeLockOwner,
  encodeLockOwner,
  isOwnerDead,
  newLockOwner,
} from './lock-owner.js';
import { withTemporary } from './publish.js';

const pollMsMin = 5;
const pollMsMax = 100;

interface Wait {
  readonly deadline: number;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

export async function lockFile(
  path: string,
  options: LockFileOptions,
): Promise<() => Promise<void>> {
  const { waitMs, signal } = options;
  return acquire(path, { deadline: performance.now() + waitMs, waitMs, signal });
}

async function acquire(path: string, wait: Wait): Promise<() => Promise<void>> {
  const mine = await newLockOwner();
  let pollMs = pollMsMin;
  for (;;) {
    wait.signal?.throwIfAborted();
    const owner = await readOwner(path);
    if (owner === null) {
      if (await tryCreate(path, mine)) return releaseOf(path, mine);
      // Somebody else was faster: look who.
      continue;
    }
    if (await isOwnerDead(owner, mine)) {
      if (await takeOver(path, owner, mine, wait)) return releaseOf(path, mine);
      continue;
    }
    const leftMs = wait.deadline - performance.now();
    if (leftMs <= 0) throw timeout(path, owner, wait);
    await pause(Math.min(leftMs, pollMs + randomInt(pollMs)), wait.signal);
    pollMs = Math.min(pollMsMax, pollMs * 2);
  }
}

async function tryCreate(path: string, mine: LockOwner): Promise<boolean> {
  return attempt('lock', path, () =>
    withTemporary(path, encodeLockOwner(mine), null, async (temporary) => {
      try {
        await fs.link(temporary, path);
        return true;
      } catch (error) {
        if (systemCode(error) === 'EEXIST') return false;
        throw error;
      } finally {
        await fs.unlink(temporary);
      }
    }),
  );
}

/** True if the lock is `mine` now; false if somebody else was faster. */
async function takeOver(
  path: string,
  dead: LockOwner,
  mine: LockOwner,
  wait: Wait,
): Promise<boolean> {
  const release = await acquire(`${path}.${dead.token}`, wait);
  try {
    const owner = await readOwner(path);
    if (owner?.token !== dead.token) return false;
    await attempt('lock', path, () =>
      withTemporary(path, encodeLockOwner(mine), null, (temporary) => fs.rename(temporary, path)),
    );
    return true;
  } finally {
    await release();
  }
}

function releaseOf(path: string, mine: LockOwner): () => Promise<void> {
  let released: Promise<void> | null = null;
  return () => {
    released ??= attempt('unlock', path, async () => {
      const owner = await readOwner(path);
      // Somebody removed the file by hand, and another may hold the lock since: not ours to remove.
      if (owner?.token === mine.token) await fs.unlink(path);
    });
    return released;
  };
}

async function readOwner(path: string): Promise<LockOwner | null> {
  const text = await attempt('read the lock', path, async () => {
    try {
      return await fs.readFile(path, 'utf8');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return null;
      throw error;
    }
  });
  if (text === null) return null;
  const owner = decodeLockOwner(text);
  if (owner === null) {
    const context = { operation: 'lock', path };
    throw new PaminaError(
      'DISK_ERROR',
      `${path} is not a lock file of Pamina; remove it if it is not needed`,
      { context },
    );
  }
  return owner;
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

function timeout(path: string, owner: LockOwner, wait: Wait): PaminaError {
  const { pid, host } = owner;
  const context = { operation: 'lock', path, waitMs: wait.waitMs, pid, host };
  return new PaminaError('TIMEOUT', `${path} is locked by process ${pid} on ${host}`, { context });
}
