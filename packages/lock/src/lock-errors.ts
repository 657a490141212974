// What the lock table says to those who do not get what they asked for.
import { PaminaError } from '@pamina/format';
import { areCompatible } from './modes.js';
import type { LockOwner, Wait } from './owner.js';
import type { LockName } from './resource.js';

const namesMax = 16;

/** The cycle begins with any of its transactions; each waits for the next, the last one for the first. */
export function deadlock(cycle: readonly LockOwner[], victim: LockOwner): PaminaError {
  const steps = cycle.map(({ id, wait }) => ({
    transaction: id,
    waitsFor: wait === null ? '' : textOf(wait.resource),
    mode: wait?.mode ?? '',
  }));
  const shown = steps
    .slice(0, namesMax)
    .map((step) => `${step.transaction} (for ${step.waitsFor}, ${step.mode})`);
  const left = steps.length - shown.length;
  const more = left > 0 ? ` → ${left} more` : '';
  const message = `transactions wait for each other: ${shown.join(' → ')}${more} → ${cycle[0]!.id}; ${victim.id}, the youngest, was rolled back`;
  return new PaminaError('DEADLOCK', message, {
    context: { transaction: victim.id, cycle: steps.slice(0, namesMax), length: steps.length },
  });
}

/** LOCK_TIMEOUT; DOCUMENT_LOCKED where a transaction of the master holds it. */
export function lockTimedOut(wait: Wait, nowMs: number): PaminaError {
  const { resource, mode, owner, sinceMs } = wait;
  const holders: LockOwner[] = [];
  for (const [holder, held] of resource.holders) {
    if (holder === owner || areCompatible(held, mode)) continue;
    if (holders.length < namesMax) holders.push(holder);
  }
  const waited = Math.round(nowMs - sinceMs);
  const names = holders.map(nameOf).join(', ');
  const why = names === '' ? 'others wait before' : `held by ${names}`;
  const message = `${textOf(resource)} was not free (${mode}) within ${waited} ms: ${why}`;
  const isOfMaster = holders.some(({ origin }) => origin === 'master');
  return new PaminaError(isOfMaster ? 'DOCUMENT_LOCKED' : 'LOCK_TIMEOUT', message, {
    context: {
      transaction: owner.id,
      level: resource.level,
      holders: holders.map(({ id }) => id),
    },
  });
}

function nameOf({ id, origin }: LockOwner): string {
  if (origin === 'replay') return 'the replay';
  return origin === 'master' ? `transaction ${id} of the master` : `${id}`;
}

/** On a replica: what it held had to change. */
export function queryCancelled(owner: LockOwner, why: string): PaminaError {
  const message = `transaction ${owner.id} was ended for the replay: ${why}`;
  return new PaminaError('QUERY_CANCELLED', message, { context: { transaction: owner.id } });
}

export function transactionTimedOut(owner: LockOwner, nowMs: number): PaminaError {
  const why =
    owner.endsMs <= nowMs
      ? 'was open for as long as it may be'
      : `did nothing for ${owner.idleTimeoutMs} ms`;
  return new PaminaError(
    'TRANSACTION_TIMEOUT',
    `transaction ${owner.id} ${why}; it was rolled back`,
    {
      context: { transaction: owner.id },
    },
  );
}

export function tooManyLocks(message: string): PaminaError {
  return new PaminaError('LOCKS_FULL', message);
}

export function tooManyTransactions(transactionsMax: number): PaminaError {
  const message = `${transactionsMax} transactions and writes that wait for them are open`;
  return new PaminaError('TRANSACTIONS_FULL', message);
}

const nameLengthMax = 80;

/** Names are the bytes of keys as latin1 text; what cannot be printed is escaped. */
function textOf({ level, name }: LockName): string {
  if (level === 'database') return 'the database';
  const text = Buffer.from(name, 'latin1').toString('utf8').replace(/\p{C}/gu, '·');
  return `${level} ${text.length > nameLengthMax ? `${text.slice(0, nameLengthMax)}…` : text}`;
}
