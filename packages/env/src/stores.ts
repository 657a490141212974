// The seam to the key-value store behind a database. LevelDB opens and writes its files by itself, past
// the seam to the disk, so it is part of the world: a simulation puts another store in its place.

import type { AbstractLevel } from 'abstract-level';

/** Keys in the order of their bytes; batches are atomic; iterators and snapshots are frozen when created. */
export type StoreLevel = AbstractLevel<string | Buffer | Uint8Array, Buffer, Buffer>;

export interface Stores {
  /** Its stores are files in LevelDB's format, which can be checkpointed, copied and scrubbed as such. */
  readonly isLevelDb: boolean;
  /**
   * Opens the store in the folder (`create`: makes it; there must be none yet). Keys and values are
   * bytes. Nothing written without `sync: true` is on disk before the store says so by its files. Of two
   * writes the order is only sure when the second began after the first had ended.
   * Errors are the store's own: one whose `cause.code` is LEVEL_LOCKED means that another process has it.
   */
  open(folder: string, options: { readonly create: boolean }): Promise<StoreLevel>;
  /**
   * How far a store from open() is behind with sorting what it was given: from 0 to 1, where it takes
   * no write until it has caught up. Cheap enough to be asked for many times a second.
   */
  pressure(level: StoreLevel): number;
}
