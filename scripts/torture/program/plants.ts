// Faults that can be planted into the writers, or under the database, to show that the torture finds
// them. None is ever on by itself.
import { nodeEnv, type Disk, type DiskFile, type Env } from '@pamina/env';

export const plants = {
  'early-acknowledgement': 'a commit counts as acknowledged when it begins',
  'no-sync': 'syncing a file does nothing',
  'half-sync': 'every other sync of a file does nothing',
  'unsynced-backups': 'files of backups and of restored copies are not synced',
  'split-batches': 'a batch is committed in two halves',
  'rejected-acknowledgement': 'the first rejected commit counts as acknowledged',
} as const;

export type Plant = keyof typeof plants;

export function isPlant(name: string): name is Plant {
  return Object.hasOwn(plants, name);
}

export function envWith(plant: Plant | null): Env {
  const env = nodeEnv();
  if (plant === 'no-sync') return { ...env, disk: withoutSync(env.disk, () => false) };
  if (plant === 'unsynced-backups') {
    return { ...env, disk: withoutSync(env.disk, (path) => !backedUp.test(path)) };
  }
  if (plant !== 'half-sync') return env;
  let syncs = 0;
  return { ...env, disk: withoutSync(env.disk, () => (syncs += 1) % 2 === 0) };
}

/** While they have no name yet. */
const backedUp = /\.partial\/|\.restoring-/;

function withoutSync(disk: Disk, isDone: (path: string) => boolean): Disk {
  return {
    ...disk,
    open: async (path, mode) => fileWithoutSync(await disk.open(path, mode), () => isDone(path)),
  };
}

function fileWithoutSync(file: DiskFile, isDone: () => boolean): DiskFile {
  return {
    path: file.path,
    read: (into, at) => file.read(into, at),
    write: (bytes, at) => file.write(bytes, at),
    truncate: (bytes) => file.truncate(bytes),
    size: () => file.size(),
    close: () => file.close(),
    datasync: () => (isDone() ? file.datasync() : Promise.resolve()),
    sync: () => (isDone() ? file.sync() : Promise.resolve()),
  };
}
