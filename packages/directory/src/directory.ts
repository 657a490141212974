// Where a database is, by its name. What every kind of directory promises; the suite in
// test/directory-contract.ts holds each against it.

import { PaminaError } from '@pamina/format';

export interface DirectoryEntry {
  /** Of the server that hosts the database: `http://host:port`, no path. */
  readonly address: string;
  /** The database's instance id; null in an entry that a person wrote by hand. */
  readonly instance: string | null;
  /** Since when it is there, ms since 1970; null in an entry that a person wrote by hand. */
  readonly since: number | null;
}

/**
 * Asked before a name is taken from another holder: does the server at `entry.address` answer, and
 * host this instance (any, if null)? It must return false only if that is known, as far as one can.
 */
export type IsAlive = (entry: DirectoryEntry) => Promise<boolean>;

export interface Directory {
  /** What it is and where, for messages. */
  describe(): string;
  /** null for a name that is not there. */
  resolve(name: string): Promise<DirectoryEntry | null>;
  /** All entries, in the order of their names. */
  list(): Promise<ReadonlyMap<string, DirectoryEntry>>;
  /**
   * Enters a name for this instance, or changes the address of its own entry. A holder that is not
   * alive is replaced; NAME_TAKEN by one that is; NAME_INVALID, ADDRESS_INVALID.
   */
  register(name: string, address: string, instance: string, isAlive: IsAlive): Promise<void>;
  /** Removes the entry if it is this instance's; true if it was. Another's is left alone. */
  withdraw(name: string, instance: string): Promise<boolean>;
  /** Called after a change by anybody; a hint to resolve again. Returns the stop function. */
  onChange(listener: () => void): () => void;
  /** Why the last valid content is used in place of what is there now; null when all is well. */
  readonly problem: PaminaError | null;
  close(): Promise<void>;
}

export function isSame(a: DirectoryEntry, b: DirectoryEntry | null): boolean {
  return b !== null && a.address === b.address && a.instance === b.instance && a.since === b.since;
}

/** NAME_TAKEN by its holder; `where` says which directory. */
export function taken(name: string, holder: DirectoryEntry, where: string): PaminaError {
  const since = holder.since === null ? '' : ` since ${new Date(holder.since).toISOString()}`;
  const message = `${name} is served at ${holder.address}${since} (${where})`;
  const context = { name, address: holder.address, instance: holder.instance };
  return new PaminaError('NAME_TAKEN', message, { context });
}
