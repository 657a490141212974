// PostgreSQL with one streaming standby, which times itself: a procedure on the primary commits markers
// with the time at which each was begun, another one on the standby asks for each until it is there. No
// client is in the way of either. pgbench is what writes beside them.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentTemplate, numberDigits } from '../program/lib/document.mjs';
import { lagTurn, scheduleOf, type LagSetting, type Schedule } from '../lag.js';
import type { Contestant, TurnPlan } from '../rounds.js';
import type { Stage, Started } from '../stage.js';
import { putScript } from './postgres.js';
import { PostgresServers, documentsTable } from './postgres-servers.js';
import { waitUntil } from './waiting.js';

const pacedClients = 64;
const clientThreads = 2;
const secondsWithoutEnd = 86_400;

export interface MarkedPostgresOptions extends LagSetting {
  readonly programs: string;
}

/** How long to sleep until a marker is due; none is left out when that was missed. */
const untilDue =
  'perform pg_sleep(extract(epoch from first_at - clock_timestamp()) + marker * every_ms / 1000.0)';

const preparations = [
  documentsTable,
  `create table markers (
     run bigint, number bigint, started_at timestamptz not null, document jsonb not null,
     primary key (run, number))`,
  `create procedure mark(of_run bigint, markers bigint, first_at timestamptz, every_ms float)
   language plpgsql as $$
   begin
     for marker in 0 .. markers - 1 loop
       ${untilDue};
       insert into markers values (of_run, marker, clock_timestamp(), '${documentTemplate(() => '1'.repeat(numberDigits))}');
       commit;
     end loop;
   end $$`,
  // The commits there end its snapshot, for which the standby would not remove old versions.
  `create procedure watch(of_run bigint, markers bigint, first_at timestamptz, every_ms float,
                          inout lags_ms float[])
   language plpgsql as $$
   declare
     began timestamptz;
   begin
     for marker in 0 .. markers - 1 loop
       ${untilDue};
       loop
         select started_at into began from markers where run = of_run and number = marker;
         exit when found;
       end loop;
       lags_ms := lags_ms || (extract(epoch from clock_timestamp() - began) * 1000)::float;
       commit;
     end loop;
   end $$`,
];

export async function startMarkedPostgres(
  stage: Stage,
  options: MarkedPostgresOptions,
): Promise<Contestant> {
  const servers = await PostgresServers.start(stage, options);
  for (const statement of preparations) await servers.sql(statement);
  const { port } = await servers.addStandby('standby');
  await waitUntil(stage, 'the standby streamed', () => servers.isStreaming());
  const script = join(options.folder, 'put.sql');
  await writeFile(script, putScript());
  return {
    name: 'PostgreSQL',
    turn: async (plan) => {
      if (!(await servers.isStreaming())) throw new Error('the standby does not stream');
      const load = await startLoad(stage, servers, { ...options, script }, plan);
      const schedule = scheduleOf(plan, options.everyMs);
      const lagsMs = await lagsOf(servers, port, schedule);
      const loadRate = load === null ? 0 : await endLoad(stage, load);
      return lagTurn(schedule, lagsMs, loadRate);
    },
    close: () => servers.close(),
  };
}

async function lagsOf(
  servers: PostgresServers,
  standbyPort: number,
  { everyMs, firstMs, markers, run }: Schedule,
): Promise<number[]> {
  const args = `${run}, ${markers}, to_timestamp(${firstMs / 1000}), ${everyMs}`;
  const [told] = await Promise.all([
    servers.sql(`call watch(${args}, '{}')`, standbyPort),
    servers.sql(`call mark(${args})`),
  ]);
  return told
    .trim()
    .replace(/^\{|\}$/g, '')
    .split(',')
    .map(Number);
}

/** Resolves when it writes. */
async function startLoad(
  stage: Stage,
  servers: PostgresServers,
  { load, programs, script }: MarkedPostgresOptions & { readonly script: string },
  { seed }: TurnPlan,
): Promise<Started | null> {
  if (load === null) return null;
  const clients = 'writers' in load ? load.writers : pacedClients;
  const pgbench = stage.start(join(programs, 'pgbench'), [
    ...[...servers.toPrimary, '-n', '-M', 'prepared', '-f', script],
    ...['-c', String(clients), '-j', String(clientThreads), '-T', String(secondsWithoutEnd)],
    ...('perSecond' in load ? ['-R', String(load.perSecond)] : []),
    ...['-P', '1', `--random-seed=${seed}`, 'postgres'],
  ]);
  await waitUntil(stage, 'pgbench wrote', () => {
    if (pgbench.child.exitCode !== null) throw new Error(`pgbench ended: ${pgbench.output()}`);
    return Promise.resolve(progressRates(pgbench.output()).length > 0);
  });
  return pgbench;
}

/** What it wrote a second. */
async function endLoad(stage: Stage, pgbench: Started): Promise<number> {
  if (pgbench.child.exitCode !== null) throw new Error(`pgbench ended: ${pgbench.output()}`);
  const rates = progressRates(pgbench.output());
  await stage.end(pgbench);
  return rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
}

/** Transactions/s of each second that pgbench has told of. */
export function progressRates(output: string): number[] {
  return [...output.matchAll(/^progress: [\d.]+ s, ([\d.]+) tps/gm)].map(([, rate]) =>
    Number(rate),
  );
}
