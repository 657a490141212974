// Redis with one replica, and clients of Node.js: one puts markers on the master, one looks for them on
// the replica. redis-benchmark is what saturates it.
import { lagBetween, type LagSetting } from '../lag.js';
import { Program } from '../program.js';
import type { Contestant, Turn } from '../rounds.js';
import type { Stage } from '../stage.js';
import { redisBenchmark } from './redis.js';
import { RedisServers } from './redis-servers.js';

const writerConnections = 64;
/** It is ended when the markers have been put. */
const requestsWithoutEnd = 1_000_000_000;

export async function startMarkedRedis(stage: Stage, setting: LagSetting): Promise<Contestant> {
  const servers = await RedisServers.start(stage, setting.folder);
  const client = async (port: number, connections: number): Promise<Program> =>
    (await Program.start(stage, 'redis-client', { port, connections })).program;
  const writer = await client(servers.port, writerConnections);
  const reader = await client(servers.replicaPort, 1);
  const { everyMs, load } = setting;
  return {
    name: 'Redis',
    turn: async (plan): Promise<Turn> => {
      await servers.requireFollowed();
      if (load === null || !('writers' in load)) {
        return lagBetween([writer, reader], plan, setting);
      }
      const measure = (): Promise<Turn> =>
        lagBetween([writer, reader], plan, { everyMs, load: null });
      return saturated(stage, servers, load.writers, measure);
    },
    close: async () => {
      await reader.finish();
      await writer.finish();
      await servers.close();
    },
  };
}

async function saturated(
  stage: Stage,
  servers: RedisServers,
  clients: number,
  measure: () => Promise<Turn>,
): Promise<Turn> {
  const args = redisBenchmark(servers.port, clients, requestsWithoutEnd);
  const load = stage.start('redis-benchmark', args);
  const before = { sets: await servers.setsDone(), at: performance.now() };
  const turn = await measure();
  const seconds = (performance.now() - before.at) / 1000;
  const loadRate = ((await servers.setsDone()) - before.sets) / seconds;
  if (load.child.exitCode !== null) throw new Error(`redis-benchmark ended: ${load.output()}`);
  await stage.end(load);
  return { ...turn, loadRate };
}
