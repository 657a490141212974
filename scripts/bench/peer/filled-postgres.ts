// PostgreSQL with as many documents as the database that is backed up: copied to new standbys, dumped.
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stage } from '../stage.js';
import {
  PostgresServers,
  documentOf,
  documentsTable,
  type PostgresPlace,
} from './postgres-servers.js';

export interface FilledOptions extends PostgresPlace {
  readonly documents: number;
}

/** Each resolves to the seconds that it took. */
export interface FilledPostgres {
  /** From the beginning of pg_basebackup to the first document that is read. */
  newStandby(seed: number): Promise<number>;
  /** pg_basebackup alone: a copy on disk. */
  copy(seed: number): Promise<number>;
  dump(seed: number): Promise<number>;
  close(): Promise<void>;
}

const firstDocument = 'select key from documents limit 1';
/** As many digits as the other contestants' numbers have. */
const drawn = '(100000000000 + floor(random() * 900000000000))::bigint';

export async function startFilledPostgres(
  stage: Stage,
  options: FilledOptions,
): Promise<FilledPostgres> {
  const servers = await PostgresServers.start(stage, options);
  await servers.sql(documentsTable);
  await servers.sql(
    `insert into documents select ${drawn}, ${documentOf(() => drawn)} ` +
      `from generate_series(1, ${options.documents}) on conflict (key) do nothing`,
  );
  await servers.sql('checkpoint');
  return {
    newStandby: async (seed) => {
      const called = `standby-${seed}`;
      const startedAt = performance.now();
      const standby = await servers.addStandby(called);
      const key = await servers.sql(firstDocument, standby.port);
      const seconds = secondsSince(startedAt);
      if (key.trim() === '') throw new Error('the standby of PostgreSQL holds no document');
      await servers.removeStandby(called, standby);
      return seconds;
    },
    copy: async (seed) => {
      const called = `copy-${seed}`;
      const startedAt = performance.now();
      await servers.copyPrimary(called);
      const seconds = secondsSince(startedAt);
      await servers.removeCopy(called);
      return seconds;
    },
    dump: async (seed) => {
      const file = join(options.folder, `dump-${seed}`);
      const startedAt = performance.now();
      await servers.run('pg_dump', [...servers.toPrimary, '-Fc', '-Z0', '-f', file, 'postgres']);
      const seconds = secondsSince(startedAt);
      await rm(file);
      return seconds;
    },
    close: () => servers.close(),
  };
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}
