// What tests and drills say of a master and its replicas: set one up, wait until it is level, compare states.
import type { DatabaseState, DatabaseStatus } from '@pamina/wire';
import type { ServedFolder } from './served-folder.js';
import { until } from './until.js';

export interface Place {
  readonly served: ServedFolder;
  readonly name: string;
}

export interface FollowOptions {
  readonly replicationDelayMs?: number;
  readonly simultaneousQuery?: boolean;
}

/** A new database `name` that is served, with the delay for its replicas. */
export async function createMaster(
  served: ServedFolder,
  name: string,
  { replicationDelayMs = 0 }: FollowOptions = {},
): Promise<Place> {
  await served.administration.create(name);
  await served.administration.set(name, 'replicationDelayMs', String(replicationDelayMs));
  return { served, name };
}

/** In one step, and level with its master before this resolves. */
export async function createReplica(
  served: ServedFolder,
  name: string,
  master: Place,
  options: FollowOptions = {},
): Promise<Place> {
  const { simultaneousQuery } = options;
  await served.administration.replicate(name, { master: master.name, simultaneousQuery });
  const replica = { served, name };
  await untilLevel(replica, master);
  return replica;
}

export function statusOf({ served, name }: Place): Promise<DatabaseStatus> {
  return served.administration.status(name);
}

/** Nobody writes to the master: until the replica has applied everything. */
export async function untilLevel(
  replica: Place,
  master: Place,
  deadlineMs = 30_000,
): Promise<string> {
  let last: DatabaseStatus | null = null;
  return until(
    `${replica.name} was level with ${master.name}`,
    async () => {
      const { position } = await statusOf(master);
      last = await statusOf(replica);
      return last.applied === position ? position : null;
    },
    { deadlineMs, instead: () => JSON.stringify(last) },
  );
}

export async function untilState(
  place: Place,
  states: readonly DatabaseState[],
  deadlineMs = 30_000,
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

/** Position and state hash of each. */
async function statesOf(places: readonly Place[]): Promise<string[]> {
  const reports = await Promise.all(
    places.map(({ served, name }) => served.administration.hash(name)),
  );
  return reports.map(({ position, stateHash }) => `${position} ${stateHash}`);
}

/** P3: whether all hold the same at the same position. Nobody writes meanwhile. */
export async function areEqual(...places: readonly Place[]): Promise<boolean> {
  return new Set(await statesOf(places)).size === 1;
}

/** As `areEqual`; an error that lists the states where they are not. */
export async function expectEqualStates(...places: readonly Place[]): Promise<void> {
  const states = await statesOf(places);
  if (new Set(states).size !== 1) throw new Error(`the states differ:\n${states.join('\n')}`);
}

/** The record number of a position. */
export function seqOf(position: string | null): number {
  return Number(position?.split('/')[1] ?? Number.NaN);
}
