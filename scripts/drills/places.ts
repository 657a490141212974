// Masters and replicas of a drill, and what is waited for.
import type { DatabaseState, DatabaseStatus } from '@pamina/wire';
import type { Scene } from '../../test/support/scene.js';
import { ServedFolder } from '../../test/support/served-folder.js';
import { until } from '../../test/support/until.js';

export interface Place {
  readonly served: ServedFolder;
  readonly name: string;
}

export async function newMaster(scene: Scene, name: string, delayMs = 0): Promise<Place> {
  const served = await ServedFolder.started(scene, 'main');
  await served.administration.create(name);
  await served.administration.set(name, 'replicationDelayMs', String(delayMs));
  return { served, name };
}

export async function newReplica(
  scene: Scene,
  folder: string,
  name: string,
  master: Place,
): Promise<Place> {
  const served = await ServedFolder.started(scene, folder);
  await served.administration.replicate(name, { master: master.name });
  await levelWith({ served, name }, master);
  return { served, name };
}

export function statusOf({ served, name }: Place): Promise<DatabaseStatus> {
  return served.administration.status(name);
}

/** Nobody writes meanwhile. */
export async function levelWith(replica: Place, master: Place, deadlineMs = 60_000): Promise<void> {
  let last: DatabaseStatus | null = null;
  await until(
    `${replica.name} was level with ${master.name}`,
    async () => {
      last = await statusOf(replica);
      return last.applied === (await statusOf(master)).position ? true : null;
    },
    { deadlineMs, instead: () => JSON.stringify(last) },
  );
}

export async function inState(
  place: Place,
  states: readonly DatabaseState[],
  deadlineMs = 60_000,
): Promise<DatabaseStatus> {
  let last: DatabaseStatus | null = null;
  return until(
    `${place.name} was ${states.join(' or ')}`,
    async () => {
      last = await statusOf(place);
      return states.includes(last.state) ? last : null;
    },
    { deadlineMs, instead: () => JSON.stringify(last) },
  );
}

/** P3: whether all hold the same at the same position. */
export async function areEqual(...places: readonly Place[]): Promise<boolean> {
  const states = await Promise.all(
    places.map(({ name, served }) => served.administration.hash(name)),
  );
  return new Set(states.map(({ position, stateHash }) => `${position} ${stateHash}`)).size === 1;
}

export function seqOf(position: string | null): number {
  return Number(position?.split('/')[1] ?? Number.NaN);
}
