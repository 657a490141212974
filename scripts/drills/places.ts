// The master and the replicas of a drill, each on a server of its own.
import { createMaster, type Place, untilLevel } from '../../test/support/following.js';
import type { Scene } from '../../test/support/scene.js';
import { ServedFolder, type ServedOptions } from '../../test/support/served-folder.js';

/** Whoever takes longer is stuck: the machine may be busy with five servers. */
export const deadlineMs = 60_000;

export async function newMaster(
  scene: Scene,
  name: string,
  options: ServedOptions = {},
): Promise<Place> {
  return createMaster(await ServedFolder.started(scene, 'main', options), name);
}

export async function newReplica(
  scene: Scene,
  folder: string,
  name: string,
  master: Place,
  options: ServedOptions = {},
): Promise<Place> {
  const served = await ServedFolder.started(scene, folder, options);
  await served.administration.replicate(name, { master: master.name });
  await untilLevel({ served, name }, master, deadlineMs);
  return { served, name };
}
