// Stopping with regard for what is open: no transaction begins any more, those that are open are waited for as long
// as was said, and then the database goes offline.

import { stopTimeoutMsDefault } from '@pamina/format';
import type { StopOptions } from '@pamina/wire';
import type { HostCore } from './host-core.js';
import { goOffline, requireServer } from './host-start.js';
import type { OnlineDatabase } from './online-database.js';
import { StopPace } from './stop-pace.js';

/** Between two looks at whether something is still open. */
const lookEveryMs = 20;

/**
 * What `normal` could not wait for is rolled back, which its reason in the status says then. ABORTED when `signal`
 * ends the wait, SERVER_NOT_RUNNING.
 */
export async function stop(core: HostCore, name: string, options: StopOptions = {}): Promise<void> {
  await core.control(name);
  requireServer(core, name);
  const { mode = 'rollback', signal, timeoutMs = stopTimeoutMsDefault } = options;
  const online = core.online.get(name);
  const pace = new StopPace(mode);
  let left = 0;
  if (online !== undefined) {
    // The turn is not taken yet, so that a harder stop can overtake this one.
    const resume = online.refuseTransactions(`${name} is being stopped`);
    try {
      left = await untilNothingIsOpen(core, [online], pace, { timeoutMs, signal });
    } catch (error) {
      resume();
      throw error;
    }
  }
  await core.turns.run(name, () => goOffline(core, name, { pace }));
  if (left > 0) core.stopNotes.set(name, rolledBack(left, timeoutMs));
}

function rolledBack(left: number, timeoutMs: number): string {
  const what = left === 1 ? '1 transaction was' : `${left} transactions were`;
  return `${what} still open after ${timeoutMs / 1000} s and rolled back`;
}

export interface OpenWait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Told at the beginning, and whenever it has changed. */
  readonly onOpen?: ((open: number) => void) | undefined;
}

/**
 * Resolves with how many are open still: 0, or what time, or a harder pace, left. Databases that went offline meanwhile
 * have none. Rejects with the reason of `signal`.
 */
async function untilNothingIsOpen(
  { env: { clock } }: Pick<HostCore, 'env'>,
  databases: readonly OnlineDatabase[],
  { rollback }: StopPace,
  { onOpen, signal, timeoutMs }: OpenWait,
): Promise<number> {
  const deadline = clock.monotonic() + timeoutMs;
  let told = 0;
  for (;;) {
    signal?.throwIfAborted();
    const open = databases.reduce((sum, database) => sum + database.openTransactions, 0);
    if (open !== told) onOpen?.(open);
    told = open;
    // Asked for as such, to roll back is nothing that is left over.
    if (open === 0 || rollback.aborted) return 0;
    if (clock.monotonic() >= deadline) return open;
    await clock.sleep(lookEveryMs);
  }
}

export interface StopReport {
  /** Transactions that were rolled back although they were to be waited for. */
  readonly rolledBack: number;
}

/** All databases of this host, and nothing begins meanwhile. They go offline by `Host.close`. */
export async function drainAll(
  core: HostCore,
  pace: StopPace,
  wait: OpenWait,
): Promise<StopReport> {
  const databases = [...core.online.values()];
  for (const online of databases) online.refuseTransactions('the server is being stopped');
  return { rolledBack: await untilNothingIsOpen(core, databases, pace, wait) };
}
