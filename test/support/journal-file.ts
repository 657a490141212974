// How far a writer's journal is, cheaply: the kill tests ask every few milliseconds.
import { stat } from 'node:fs/promises';

/** 0 while there is no journal. */
export async function journalBytes(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}
