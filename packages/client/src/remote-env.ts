// What a remote database needs of the world, and how it finds the servers of databases.

import type { Env } from '@pamina/env';
import type { Directory } from '@pamina/directory';

export type RemoteEnv = Pick<Env, 'clock' | 'network' | 'random'>;

/** As much of a directory as a client needs. */
export type ClientDirectory = Pick<Directory, 'describe' | 'onChange' | 'resolve'>;

/** Where a database is: `http://host:port`, and which one of that name, if that is known. */
export interface Found {
  readonly address: string;
  readonly instance: string | null;
}

export interface Finder {
  /** NAME_NOT_FOUND, and what a directory fails with. */
  find(name: string): Promise<Found>;
  /** A hint to find again. Returns the stop function. */
  onChange(listener: () => void): () => void;
}
