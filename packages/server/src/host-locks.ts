// Who holds which lock in a database that is online, on a replica also the transactions of its master, and what an
// administrator does about one that nobody ends.

import { PaminaError } from '@pamina/format';
import type { LockSummary } from '@pamina/wire';
import type { HostCore } from './host-core.js';

const locksShown = 1000;

export async function locks(
  core: HostCore,
  name: string,
  { limit = locksShown }: { readonly limit?: number | undefined } = {},
): Promise<LockSummary[]> {
  await core.control(name);
  const { database } = core.requireOnline(name);
  return database.transactions.listAll(limit);
}

/** TRANSACTION_NOT_FOUND */
export async function releaseLocks(
  core: HostCore,
  name: string,
  transaction: number,
): Promise<void> {
  await core.control(name);
  const { database } = core.requireOnline(name);
  const ofMaster = database.queries !== null;
  if (!(await database.transactions.release(transaction))) {
    const whose = ofMaster ? 'of its master holds locks' : 'is open';
    const message = `no transaction ${transaction} ${whose} in ${name}`;
    throw new PaminaError('TRANSACTION_NOT_FOUND', message, {
      hint: `See \`pamina locks ${name}\`.`,
    });
  }
  const what = ofMaster ? 'What it held is free' : 'It was rolled back';
  const message = `Transaction ${transaction} was released by an administrator. ${what}.`;
  database.jobLog.write('warning', 'locks-released', message, { transaction, ofMaster });
}
