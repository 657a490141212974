// A database that others reach over the network: commits and point reads of clients in Node.js, each with a
// connection of its own, beside PostgreSQL through `pg` and Redis. All three have one live replica.
import { atLeast, compared, comparedTimes, turnsOf, withoutPeer } from '../comparison.js';
import { MasterAndReplica } from '../contestants.js';
import { PostgresServers, documentsTable } from '../peer/postgres-servers.js';
import { RedisServers } from '../peer/redis-servers.js';
import { waitUntil } from '../peer/waiting.js';
import { Program, type Answer } from '../program.js';
import type { Line } from '../report.js';
import {
  latencyLine,
  playWith,
  turnsByName,
  type Contestant,
  type Played,
  type Turn,
} from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const ours = 'Pamina';
const embedded = 'Pamina embedded';
const fewClients = 16;
const manyClients = 64;
const seedOfKeys = 1;
const readDocumentsMax = 100_000;

type Work = 'write' | 'read';

interface Server {
  /** What a client of it is told. */
  readonly where: object;
  close(): Promise<void>;
}

interface Setting {
  readonly row: string;
  readonly work: Work;
  readonly clients: number;
}

export const network: readonly Row[] = [
  {
    name: 'network-commits',
    title: 'durable commits/s over the network, live replica',
    run: runCommits,
  },
  { name: 'network-reads', title: 'point reads/s over the network', run: runReads },
];

async function runCommits(context: RowContext): Promise<RowResult> {
  const row = 'network-commits';
  const seconds = context.budget.commitSeconds / context.budget.rounds;
  const many = await play(context, { row, work: 'write', clients: manyClients }, seconds);
  const few = await playFew(context, row, seconds);
  const measure = `durable commits/s over the network, ${manyClients} clients, live replica`;
  const lines = against(context, many, { row, measure, unit: 'commits/s', goals: [3, 1] });
  const p99 = (name: string): number[] =>
    turnsOf(few, name).flatMap(({ latency }) => latency?.p99Ms ?? []);
  const slower = comparedTimes(
    {
      row,
      measure: `99th percentile of a commit over the network, ${fewClients} clients`,
      against: 'the same database embedded, as many writers',
      unit: 'ms',
      goal: { kind: 'under', value: 2, unit: '×' },
    },
    embedded,
    p99(ours),
    p99(embedded),
  );
  return {
    lines: [...lines, slower],
    latencies: [...many, ...few].flatMap(([each, turns]) => latencyLine(row, each.name, turns)),
    turns: { [manyClients]: turnsByName(many), [fewClients]: turnsByName(few) },
  };
}

async function runReads(context: RowContext): Promise<RowResult> {
  const row = 'network-reads';
  const seconds = context.budget.readSeconds / context.budget.rounds;
  const played = await play(context, { row, work: 'read', clients: manyClients }, seconds);
  const measure = `point reads/s over the network, ${manyClients} clients`;
  return {
    lines: against(context, played, { row, measure, unit: 'reads/s', goals: [2, null] }),
    latencies: [...played].flatMap(([each, turns]) => latencyLine(row, each.name, turns)),
    turns: turnsByName(played),
  };
}

function play(context: RowContext, setting: Setting, seconds: number): Promise<Played> {
  const { budget, peers, stage } = context;
  const folder = (of: string): string => stage.path(`${setting.row}-${of}`);
  const { postgres: programs } = peers;
  const build = (name: string, engine: string, serve: () => Promise<Server>) => () =>
    contestant(context, setting, { name, engine, serve });
  const builders = [
    build(ours, 'pamina', () => servePamina(context, folder('pamina'))),
    ...(programs === null
      ? []
      : [
          build('PostgreSQL', 'postgres', () =>
            servePostgres(context, programs, folder('postgres')),
          ),
        ]),
    ...(peers.hasRedis
      ? [build('Redis', 'redis', () => serveRedis(context, folder('redis')))]
      : []),
  ];
  const plan = { row: setting.row, unit: unitOf(setting.work), seconds };
  return playWith(context, { ...plan, warmUpSeconds: budget.warmUpSeconds }, builders);
}

/** The same commits by clients elsewhere, and by as many writers in the program that has the database. */
function playFew(context: RowContext, row: string, seconds: number): Promise<Played> {
  const { budget, stage } = context;
  const setting: Setting = { row, work: 'write', clients: fewClients };
  const builders = [
    (): Promise<Contestant> =>
      contestant(context, setting, {
        name: ours,
        engine: 'pamina',
        serve: () => servePamina(context, stage.path(`${row}-few`)),
      }),
    (): Promise<Contestant> =>
      MasterAndReplica.start(context, {
        name: embedded,
        writers: fewClients,
        folder: stage.path(`${row}-embedded`),
      }),
  ];
  const plan = { row: `${row} ${fewClients}`, unit: unitOf('write'), seconds };
  return playWith(context, { ...plan, warmUpSeconds: budget.warmUpSeconds }, builders);
}

function unitOf(work: Work): string {
  return work === 'write' ? 'commits/s' : 'reads/s';
}

async function contestant(
  { budget, stage }: RowContext,
  { clients, work }: Setting,
  {
    engine,
    name,
    serve,
  }: { readonly name: string; readonly engine: string; readonly serve: () => Promise<Server> },
): Promise<Contestant> {
  const server = await serve();
  const { program } = await Program.start(stage, 'network-client', {
    ...{ engine, clients, ...server.where },
  });
  if (work === 'read') {
    const records = Math.min(budget.records, readDocumentsMax);
    await program.ask('fill', { records, seed: seedOfKeys });
  }
  return {
    name,
    turn: (plan) => program.ask<Turn & Answer>(work, plan),
    close: async () => {
      await program.finish();
      await server.close();
    },
  };
}

async function servePamina(context: RowContext, folder: string): Promise<Server> {
  const pair = await MasterAndReplica.start(context, { name: ours, writers: 1, folder });
  return { where: { directory: `${folder}/directory.json` }, close: () => pair.close() };
}

async function servePostgres(
  { stage }: RowContext,
  programs: string,
  folder: string,
): Promise<Server> {
  const servers = await PostgresServers.start(stage, { programs, folder });
  await servers.sql(documentsTable);
  await servers.addStandby('standby');
  await waitUntil(stage, 'the standby streamed', () => servers.isStreaming());
  return { where: { port: servers.primaryPort }, close: () => servers.close() };
}

async function serveRedis({ stage }: RowContext, folder: string): Promise<Server> {
  const servers = await RedisServers.start(stage, folder);
  return { where: { port: servers.port }, close: () => servers.close() };
}

interface Told {
  readonly row: string;
  readonly measure: string;
  readonly unit: string;
  /** Against PostgreSQL and Redis; null = for information. */
  readonly goals: readonly [number, number | null];
}

function against({ peers }: RowContext, played: Played, told: Told): Line[] {
  const { goals, measure, row, unit } = told;
  const turns = turnsOf(played, ours);
  const rivals = [
    { peer: 'PostgreSQL', how: 'PostgreSQL through pg', isThere: peers.postgres !== null },
    { peer: 'Redis', how: 'Redis, appendfsync always', isThere: peers.hasRedis },
  ];
  return rivals.map(({ how, isThere, peer }, at) => {
    const goal = goals[at] ?? null;
    const comparison = { row, measure, unit, goal: goal === null ? null : atLeast(goal) };
    const line = { ...comparison, against: `${how}, clients in Node.js too` };
    return isThere ? compared(line, turns, turnsOf(played, peer)) : withoutPeer(line, peer, turns);
  });
}
