// Accounts between which money is moved: whoever reads all of them in one state finds the same total.
import type { Anomaly } from './anomaly.js';
import type { History, Transaction } from './history.js';
import { promisedTo } from './levels.js';
import { named } from './words.js';

export interface Accounts {
  readonly prefix: string;
  readonly count: number;
  readonly total: number;
}

/** A balance as it is written: no text twice under one key. */
export function balanceText(balance: number, writer: string): string {
  return `${balance} by ${writer}`;
}

export function balanceOf(text: string): number {
  return Number.parseInt(text, 10);
}

export function checkTotals({ transactions }: History, accounts: Accounts): Anomaly[] {
  return transactions.flatMap((one) => {
    const balances = one.outcome === 'ok' ? allRead(one, accounts) : null;
    if (balances === null) return [];
    const total = [...balances.values()].reduce((sum, text) => sum + balanceOf(text), 0);
    if (total === accounts.total) return [];
    const list = [...balances].map(([key, text]) => `${key} = ${text}`).join(', ');
    const what = `found ${total} in all accounts, where there are ${accounts.total}: ${list}`;
    const keys = [...balances.keys()];
    const text = `${named(one)} ${what}`;
    return [{ name: 'total not kept', transactions: [one.id], keys, text } as const];
  });
}

/** Null: it did not read all of them as one state. */
function allRead(
  { isolation, operations }: Transaction,
  { count, prefix }: Accounts,
): ReadonlyMap<string, string> | null {
  const balances = new Map<string, string>();
  for (const operation of operations) {
    if (operation.type === 'write' || operation.type === 'append') return null;
    const { found, point } = promisedTo(isolation, operation.lockMode);
    const hold = operation.type === 'read' ? point : found;
    if (hold !== 'end' && hold !== 'snapshot') continue;
    const entries =
      operation.type === 'read' ? [[operation.key, operation.value] as const] : operation.entries;
    for (const [key, value] of entries) {
      if (key.startsWith(prefix) && typeof value === 'string') balances.set(key, value);
    }
  }
  return balances.size === count ? balances : null;
}
