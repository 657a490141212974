// A replica that nobody told when its master got another name: its server was down while the master, itself
// a replica, took the place and the name of its own master. The history of who took over says under which name
// it was followed before (P11), so the replica finds by itself whose it is now. Connecting checks all the rest.

import { forkPoint, takeoverIn, takeoverOf, toPaminaError } from '@pamina/format';
import type { Control } from '@pamina/engine';
import type { HostCore } from './host-core.js';
import type { OnlineDatabase } from './online-database.js';
import { databasesOf, type Peer } from './peers.js';

type Self = Pick<Control, 'name' | 'pattern' | 'sourceArchive' | 'timelines'>;

/**
 * The name that who was called `master` has taken; null where no database says so, or several do not agree. Only
 * of the replica's own pattern, and where its own history was left for it.
 */
export function successorOf(self: Self, master: string, peers: readonly Peer[]): string | null {
  const found = new Set(peers.flatMap((peer) => takenBy(self, master, peer) ?? []));
  const [name] = found;
  return name === undefined || found.size > 1 || name === self.name ? null : name;
}

function takenBy(self: Self, master: string, { status }: Peer): string | null {
  if (status === null || self.pattern === null || status.pattern !== self.pattern) return null;
  const { common } = forkPoint(self.timelines, status.timelines);
  if (common < self.timelines.length) return null;
  for (const timeline of status.timelines) {
    const takeover = takeoverIn(timeline);
    if (takeover === null || takeover.by !== master) continue;
    // What it has received from an archive alone may be behind the takeover already; a replica that was sent it
    // under this name follows another one, which bears it since.
    const isNews = takeoverOf(takeover.of, self.timelines, status.timelines) !== null;
    if (isNews || (self.sourceArchive ?? null) !== null) return takeover.of;
  }
  return null;
}

/** The name of its master is in no directory. Waits for nothing, and never throws. */
export function seekSuccessor(core: HostCore, online: OnlineDatabase): void {
  if (online.isSeekingSuccessor) return;
  online.isSeekingSuccessor = true;
  void seek(core, online)
    .catch((error: unknown) => {
      if (online.signal.aborted || core.signal.aborted) return;
      const { code, message } = toPaminaError(error);
      const text = `Who has the place of its master could not be found: ${code}: ${message}.`;
      online.database.jobLog.write('warning', 'master-not-found', text, { code });
    })
    .finally(() => {
      online.isSeekingSuccessor = false;
    });
}

async function seek(core: HostCore, online: OnlineDatabase): Promise<void> {
  const { database, name } = online;
  const before = database.control;
  const master = before.master ?? '';
  const successor = successorOf(before, master, await databasesOf(core));
  if (successor === null) return;
  await core.turns.run(name, async () => {
    // It may have been told another one, or gone offline, meanwhile.
    const isStill = core.online.get(name) === online && !online.signal.aborted;
    if (!isStill || database.control.type !== 'replica' || database.control.master !== master) {
      return;
    }
    await database.updateControl({ master: successor });
    const message = `${master}, which ${name} followed, took over the name ${successor}: it is followed under that from now on.`;
    database.jobLog.write('warning', 'master-renamed', message, { from: master, to: successor });
    await online.restartFollower();
  });
}
