// What the databases that the directory knows say of themselves, asked all at once.

import type { DirectoryEntry } from '@pamina/directory';
import { forkPoint } from '@pamina/format';
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

/**
 * A master that was stopped is in no directory; where its replicas saw it last its server still says how far
 * it is. Null where there is none, or it is one whose history its replicas have left.
 */
export async function stoppedMaster(
  core: HostCore,
  master: string,
  peers: readonly Peer[],
): Promise<Peer | null> {
  const followers = peers.flatMap(({ status }) =>
    status?.type === 'replica' && status.master?.name === master ? [status] : [],
  );
  const addresses = new Set(followers.map((follower) => follower.master?.address ?? null));
  for (const address of addresses) {
    if (address === null) continue;
    const status = await new MasterLink(master, address, core).statusSoon();
    if (status === null || status.type !== 'normal' || status.online) continue;
    const isTheirs = followers.every(
      ({ pattern, timelines }) =>
        pattern === status.pattern &&
        forkPoint(timelines, status.timelines).common === timelines.length,
    );
    if (!isTheirs || status.fence?.takenOver === true) continue;
    return { name: master, entry: { address, instance: status.instance, since: null }, status };
  }
  return null;
}
