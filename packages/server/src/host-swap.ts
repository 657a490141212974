// A database that was restored beside another of its name takes that one's place with two renames. What
// a crash between them leaves is told by a note in it, and finished by whoever looks for the name next.

import { isPaminaError } from '@pamina/format';
import { join } from 'node:path';
import type { HostCore } from './host-core.js';

export const besidePrefix = '.restored-';
/** Below the data folder: databases that others have replaced. */
export const keptFolder = '.replaced';
/** In a restored database until it has its name: where the one that it replaces is kept. */
export const replacesFile = 'replaces';

export function besideFolder(core: Pick<HostCore, 'dataFolder'>, name: string): string {
  return join(core.dataFolder, `${besidePrefix}${name}`);
}

/** Makes up for the second rename; what no first one was done for is out of date and removed. */
export async function finishRestore(
  core: Pick<HostCore, 'dataFolder' | 'env' | 'folder'>,
  name: string,
): Promise<void> {
  const { disk } = core.env;
  const beside = besideFolder(core, name);
  if ((await disk.stat(beside)) === null) return;
  const folder = core.folder(name);
  if ((await disk.stat(folder)) !== null || !(await hasReplaced(core, beside))) {
    await disk.removeTree(beside);
    return;
  }
  try {
    await disk.rename(beside, folder);
  } catch (error) {
    // Somebody else has finished it at the same moment.
    const isDone = isPaminaError(error, 'FILE_NOT_FOUND') || isPaminaError(error, 'FILE_EXISTS');
    if (!isDone || (await disk.stat(folder)) === null) throw error;
  }
  await disk.removeTree(join(folder, replacesFile));
}

async function hasReplaced(
  core: Pick<HostCore, 'dataFolder' | 'env'>,
  beside: string,
): Promise<boolean> {
  const { disk } = core.env;
  const note = await disk.readFileIfPresent(join(beside, replacesFile));
  if (note === null) return false;
  const kept = new TextDecoder().decode(note);
  return (await disk.stat(join(core.dataFolder, keptFolder, kept))) !== null;
}
