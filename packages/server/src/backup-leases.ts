// A backup that a restore elsewhere is reading, file by file over HTTP, is kept from expiring until
// nobody has asked for a part of it for a while (P10).

import { holdBackup } from '@pamina/backup';
import type { Env } from '@pamina/env';

const leaseMs = 120_000;

export class BackupLeases {
  readonly #env: Pick<Env, 'clock' | 'disk'>;
  readonly #leases = new Map<string, { release: () => void; cancel: () => void }>();
  #isClosed = false;

  constructor(env: Pick<Env, 'clock' | 'disk'>) {
    this.#env = env;
  }

  /** Somebody reads the backup in this folder now. */
  touch(folder: string): void {
    if (this.#isClosed) return;
    const before = this.#leases.get(folder);
    before?.cancel();
    const release = before?.release ?? holdBackup(this.#env.disk, folder);
    const cancel = this.#env.clock.after(leaseMs, () => this.#end(folder));
    this.#leases.set(folder, { release, cancel });
  }

  close(): void {
    this.#isClosed = true;
    for (const folder of this.#leases.keys()) this.#end(folder);
  }

  #end(folder: string): void {
    const lease = this.#leases.get(folder);
    this.#leases.delete(folder);
    lease?.cancel();
    lease?.release();
  }
}
