// Whichever directory a place names.

import type { Env } from '@pamina/env';
import type { Directory } from './directory.js';
import { isEtcdAddress } from './etcd-address.js';
import { EtcdDirectory } from './etcd-directory.js';
import { FileDirectory } from './file-directory.js';

export interface OpenDirectoryOptions {
  readonly env: Pick<Env, 'clock' | 'disk' | 'network'>;
  /** The path of a file, or `etcd://HOST:PORT`. */
  readonly place: string;
}

/** Nothing is read yet. ADDRESS_INVALID. */
export function openDirectory({ env, place }: OpenDirectoryOptions): Directory {
  if (isEtcdAddress(place)) return new EtcdDirectory({ env, address: place });
  return new FileDirectory({ env, path: place });
}
