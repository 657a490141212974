// The pieces of work that are killed at every one of their steps, as a person asks a host for them.
import { join } from 'node:path';
import type { Env } from '@pamina/env';
import { Host } from '@pamina/server';

export const databaseName = 'orders';
const copyName = 'copy';

export interface PointWork {
  /** What the origin needs beyond that of all. */
  readonly prepare?: (host: Host, place: string) => Promise<unknown>;
  readonly run: (host: Host) => Promise<unknown>;
  /** What the database holds afterwards: all that it held, or what it held at its tag. */
  readonly leaves: 'everything' | 'the tagged state';
  /** Another database that is there afterwards, with the tagged state. */
  readonly makes?: string;
  /** What a second run is refused with where the first one had done it all the same. */
  readonly refusedOnceDone?: string;
}

export const tagName = 'before the mistake';

export const pointWorks = {
  backup: { run: (host) => host.backup(databaseName), leaves: 'everything' },
  'physical backup': {
    run: (host) => host.backup(databaseName, { form: 'physical' }),
    leaves: 'everything',
  },
  'incremental backup': {
    run: (host) => host.backup(databaseName, { incremental: true }),
    leaves: 'everything',
  },
  expire: {
    prepare: (host) => host.set(databaseName, 'backupGenerations', '1'),
    run: (host) => host.expire(databaseName),
    leaves: 'everything',
  },
  archive: {
    prepare: (host, place) =>
      host.addArchive(databaseName, 'main', { address: join(place, 'archive') }),
    run: (host) => host.runArchive(databaseName, undefined),
    leaves: 'everything',
  },
  restore: {
    run: (host) => host.restore(databaseName, { as: copyName, untilTag: tagName }),
    leaves: 'everything',
    makes: copyName,
    refusedOnceDone: 'DATABASE_EXISTS',
  },
  'swap of a store': { run: (host) => host.restore(databaseName, {}), leaves: 'everything' },
  'swap of a database': {
    run: (host) => host.restore(databaseName, { untilTag: tagName }),
    leaves: 'the tagged state',
    // Its backups are kept with the database that it replaced.
    refusedOnceDone: 'POSITION_UNREACHABLE',
  },
  rebuild: { run: (host) => host.rebuild(databaseName, {}), leaves: 'everything' },
} as const satisfies Record<string, PointWork>;

export type PointWorkName = keyof typeof pointWorks;

export const pointWorkNames = Object.keys(pointWorks) as readonly PointWorkName[];

export async function withHost<T>(
  env: Env,
  dataFolder: string,
  task: (host: Host) => Promise<T>,
): Promise<T> {
  const host = await Host.open({ env, dataFolder, environment: {} });
  try {
    return await task(host);
  } finally {
    await host.close();
  }
}
