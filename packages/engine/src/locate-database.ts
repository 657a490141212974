// Finds a database in a folder and claims it for this process before anything in it is opened.
import { resolve } from 'node:path';
import { PaminaError } from '@pamina/format';
import type { Env } from '@pamina/env';
import { ControlFile } from './control-file.js';
import { readControl } from './control.js';
import { refuseLevelStore } from './create-database.js';
import { claimPath } from './open-paths.js';
import { ProcessMarker } from './process-marker.js';

export interface LocatedDatabase {
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly control: ControlFile;
  /** To be called when LevelDB has granted its lock: what the control file says now, stays. */
  readonly confirm: () => Promise<void>;
  /** To be called when everything is closed. */
  readonly release: () => Promise<void>;
}

/** DATABASE_NOT_FOUND, LEVEL_STORE_FOUND, DATABASE_IN_USE, CONTROL_INVALID. */
export async function locateDatabase(folder: string, env: Env): Promise<LocatedDatabase> {
  const { disk, clock } = env;
  if ((await disk.stat(folder)) === null) throw notFound(folder);
  const path = await disk.realPath(resolve(folder));
  const releasePath = claimPath(path);
  try {
    const first = await readControl(disk, path);
    if (first === null) {
      const names = (await disk.list(path)).map((entry) => entry.name);
      refuseLevelStore(folder, names);
      throw notFound(folder);
    }
    const control = new ControlFile(disk, path, first);
    const marker = await ProcessMarker.create(disk, clock, path);
    const confirm = async (): Promise<void> => {
      await marker.confirm();
      await control.reload();
    };
    const release = async (): Promise<void> => {
      try {
        await control.close();
        await marker.remove();
      } finally {
        releasePath();
      }
    };
    return { path, control, confirm, release };
  } catch (error) {
    releasePath();
    throw error;
  }
}

function notFound(folder: string): PaminaError {
  return new PaminaError('DATABASE_NOT_FOUND', `the database ${folder} does not exist`, {
    context: { path: folder },
  });
}
