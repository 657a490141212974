// Finds a database in a folder and claims it for this process before anything in it is opened.
import { resolve } from 'node:path';
import { PaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { readControl, type Control } from './control.js';
import { refuseLevelStore } from './create-database.js';
import { claimPath } from './open-paths.js';

export interface LocatedDatabase {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly control: Control;
  readonly release: () => void;
}

/** DATABASE_NOT_FOUND, LEVEL_STORE_FOUND, DATABASE_IN_USE, CONTROL_INVALID. */
export async function locateDatabase(folder: string, disk: Disk): Promise<LocatedDatabase> {
  if ((await disk.stat(folder)) === null) throw notFound(folder);
  const path = await disk.realPath(resolve(folder));
  const release = claimPath(path);
  try {
    const control = await readControl(disk, path);
    if (control !== null) return { path, control, release };
    const names = (await disk.list(path)).map((entry) => entry.name);
    refuseLevelStore(folder, names);
    throw notFound(folder);
  } catch (error) {
    release();
    throw error;
  }
}

function notFound(folder: string): PaminaError {
  return new PaminaError('DATABASE_NOT_FOUND', `the database ${folder} does not exist`, {
    context: { path: folder },
  });
}
