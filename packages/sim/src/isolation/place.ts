// Where transactions run: a database in this process, a server elsewhere, a replica. Whoever is a client of one
// knows nothing but this.
import type { Isolation, Position, ReadLockMode } from '@pamina/format';

export type Entry = readonly [key: string, value: string];

export interface Place {
  /** `master`, or the name of a replica. */
  readonly name: string;
  /** What can be asked for here. */
  readonly levels: readonly Isolation[];
  readonly offers: 'writes' | 'reads';
  /** `after`: what its reads must have seen. */
  begin(isolation: Isolation, after: Position | null): Promise<OpenTransaction>;
  /** A batch as a transaction of its own. */
  write(entries: readonly Entry[]): Promise<Position>;
}

export interface OpenTransaction {
  /** Null: nothing is there. */
  get(key: string, lockMode?: ReadLockMode): Promise<string | null>;
  range(prefix: string, lockMode?: ReadLockMode): Promise<[key: string, value: string][]>;
  put(key: string, value: string): Promise<void>;
  /** Null: nothing was written. */
  commit(): Promise<Position | null>;
  rollback(): Promise<void>;
}
