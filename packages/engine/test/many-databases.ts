// Where tests make databases by the hundred that say nothing about durability: in memory, where there
// is enough of it.
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

export function placeForManyDatabases(): string {
  const memory = '/dev/shm';
  try {
    const { bavail, bsize } = statfsSync(memory);
    return bavail * bsize > 2 ** 30 ? memory : tmpdir();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return tmpdir();
    throw error;
  }
}
