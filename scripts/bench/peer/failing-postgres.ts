// PostgreSQL whose standby stops and comes back, or takes the place of its primary.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { documentTemplate, numberDigits } from '../program/lib/document.mjs';
import type { Turn, TurnPlan } from '../rounds.js';
import type { Stage } from '../stage.js';
import { putScript, readPgbench } from './postgres.js';
import {
  PostgresServers,
  documentsTable,
  type PostgresPlace,
  type Serving,
} from './postgres-servers.js';
import { untilSays, waitUntil } from './waiting.js';

const clients = 64;
const clientThreads = 2;
const standbyName = 'standby';
const secondsWithoutEnd = 86_400;
/** As finely as the bench asks the replica of Pamina, and a little coarser where a process is started for it. */
const askEverySeconds = 0.002;
const connectEveryMs = 10;
const document = documentTemplate(() => '1'.repeat(numberDigits));

/** Returns as soon as the server takes a write, on disk. */
const promoteAndPut = `
do $$ begin
  perform pg_promote(false);
  while pg_is_in_recovery() loop perform pg_sleep(${askEverySeconds}); end loop;
  commit;
  insert into documents values (1, '${document}');
end $$;
\\echo accepted
`;

export class FailingPostgres {
  readonly #stage: Stage;
  readonly #place: PostgresPlace;
  readonly #servers: PostgresServers;
  #standby: Serving;

  private constructor(
    stage: Stage,
    place: PostgresPlace,
    servers: PostgresServers,
    standby: Serving,
  ) {
    this.#stage = stage;
    this.#place = place;
    this.#servers = servers;
    this.#standby = standby;
  }

  static async start(stage: Stage, place: PostgresPlace): Promise<FailingPostgres> {
    const servers = await PostgresServers.start(stage, place);
    await servers.sql(documentsTable);
    const standby = await servers.addStandby(standbyName);
    await waitUntil(stage, 'the standby streamed', () => servers.isStreaming());
    await writeFile(join(place.folder, 'put.sql'), putScript());
    return new FailingPostgres(stage, place, servers, standby);
  }

  /** What the standby has missed, and how long that took it from the start of its processes. */
  async comeBack(records: number, seed: number, quiet: () => Promise<void>): Promise<Turn> {
    await this.#servers.stopStandby(this.#standby);
    const each = ['-t', String(Math.ceil(records / clients))];
    const { operations } = readPgbench(
      await this.#stage.run(join(this.#place.programs, 'pgbench'), this.#pgbench(seed, each)),
    );
    const end = (await this.#servers.sql('select pg_current_wal_flush_lsn()')).trim();
    await quiet();
    const level =
      `do $$ begin while pg_last_wal_replay_lsn() < '${end}' loop ` +
      `perform pg_sleep(${askEverySeconds}); end loop; end $$`;
    const startedAt = performance.now();
    this.#standby = await this.#servers.startStandby(standbyName);
    const { port, server } = this.#standby;
    const asking = async (): Promise<boolean> => {
      if (server.child.exitCode !== null) throw new Error(`PostgreSQL ended: ${server.output()}`);
      return this.#servers.succeeds(level, port);
    };
    await waitUntil(this.#stage, 'the standby was level', asking, connectEveryMs);
    const seconds = (performance.now() - startedAt) / 1000;
    if (!(await this.#servers.isStreaming())) throw new Error('the standby does not stream');
    return { operations, seconds, latency: null };
  }

  /** Kills the primary in the midst of its writing; the seconds until the standby has taken a write. */
  async takeOver({ seconds: writingSeconds, seed }: TurnPlan): Promise<number> {
    const session = this.#servers.session(this.#standby.port);
    session.child.stdin?.write('\\echo connected\n');
    await untilSays(this.#stage, session, 'connected');
    const program = join(this.#place.programs, 'pgbench');
    const endless = ['-T', String(secondsWithoutEnd), '-P', '1'];
    const writing = this.#stage.start(program, this.#pgbench(seed, endless));
    await waitUntil(this.#stage, 'pgbench wrote', () =>
      Promise.resolve(writing.output().includes('progress: ')),
    );
    await sleep(writingSeconds * 1000, undefined, { signal: this.#stage.signal });
    if (writing.child.exitCode !== null) throw new Error(`pgbench ended: ${writing.output()}`);
    const startedAt = performance.now();
    await this.#servers.killPrimary();
    session.child.stdin?.write(promoteAndPut);
    await untilSays(this.#stage, session, 'accepted');
    const seconds = (performance.now() - startedAt) / 1000;
    await writing.ended;
    session.child.stdin?.end();
    await session.ended;
    return seconds;
  }

  close(): Promise<void> {
    return this.#servers.close();
  }

  #pgbench(seed: number, much: readonly string[]): string[] {
    return [
      ...[...this.#servers.toPrimary, '-n', '-M', 'prepared'],
      ...['-f', join(this.#place.folder, 'put.sql')],
      ...['-c', String(clients), '-j', String(clientThreads), ...much],
      ...[`--random-seed=${seed}`, 'postgres'],
    ];
  }
}
