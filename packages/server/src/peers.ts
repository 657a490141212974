// What the databases that the directory knows say of themselves, asked all at once.

import type { DirectoryEntry } from '@pamina/directory';
import type { DatabaseStatus } from '@pamina/wire';
import type { HostCore } from './host-core.js';
import { MasterLink } from './master-link.js';

export interface Peer {
  readonly name: string;
  readonly entry: DirectoryEntry;
  /** Null where its server does not answer soon. */
  readonly status: DatabaseStatus | null;
}

export async function databasesOf(core: HostCore): Promise<Peer[]> {
  const entries = [...(await core.directory.list())];
  return Promise.all(
    entries.map(async ([name, entry]): Promise<Peer> => {
      const link = new MasterLink(name, entry.address, core);
      return { name, entry, status: await link.statusSoon() };
    }),
  );
}
