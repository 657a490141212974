// The seam to stores on one simulated disk.

import { posix } from 'node:path';
import type { StoreLevel, Stores } from '@pamina/env';
import type { HostDisk } from '../disk/host-disk.js';
import type { SimulatedDisk } from '../disk/simulated-disk.js';
import type { Incarnation } from '../incarnation.js';
import type { Prng } from '../prng.js';
import { SimulatedStore } from './simulated-store.js';
import { StoreFailure } from './store-error.js';
import { StoreFiles } from './store-files.js';

export function simulatedStores(
  life: Incarnation,
  host: HostDisk,
  disk: SimulatedDisk,
  random: Prng,
): Stores {
  return {
    isLevelDb: false,
    async open(folder, { create }): Promise<StoreLevel> {
      const path = host.inside(folder);
      const lockPath = posix.join(path, 'LOCK');
      const store = new SimulatedStore({
        life,
        random,
        files: new StoreFiles(disk, path),
        create,
        lock() {
          if (host.lockOwner(lockPath) !== null) {
            throw new StoreFailure('LEVEL_LOCKED', `IO error: lock ${lockPath}: already held`);
          }
          host.setLockOwner(lockPath, life);
        },
        unlock: () => host.setLockOwner(lockPath, null),
      });
      await store.open();
      // By its hooks, which name the class itself, no subclass is of its parent's type for every compiler.
      const opened: unknown = store;
      return opened as StoreLevel;
    },
    pressure: (level) => (level as unknown as SimulatedStore).pressure,
  };
}
