// A master and a replica, each served by a process of its own, and the clients of one round on them.
import type { Isolation, Position } from '@pamina/format';
import { parsePosition } from '@pamina/format';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  createMaster,
  createReplica,
  untilLevel,
  type Place as Served,
} from '../../test/support/following.js';
import type { Scene } from '../../test/support/scene.js';
import { ServedFolder } from '../../test/support/served-folder.js';
import {
  runClient,
  transact,
  type TransactOptions,
} from '../../packages/sim/src/isolation/client.js';
import type { Place } from '../../packages/sim/src/isolation/place.js';
import { Recorder } from '../../packages/sim/src/isolation/recorder.js';
import { prepare, readAll, type WorkloadName } from '../../packages/sim/src/isolation/workload.js';
import type { Session } from '../../packages/sim/src/isolation/session.js';
import type { Prng } from '../../packages/sim/src/world/prng.js';
import { masterPlace, replicaPlace } from './remote-places.js';

export interface Stage {
  readonly scene: Scene;
  readonly master: Served;
  readonly replica: Served;
}

/** `bank` on one server, `bank-2` that follows it on another one. */
export async function openStage(scene: Scene): Promise<Stage> {
  const main = await ServedFolder.started(scene, 'main');
  const standby = await ServedFolder.started(scene, 'standby');
  const master = await createMaster(main, 'bank');
  const replica = await createReplica(standby, 'bank-2', master, { simultaneousQuery: true });
  return { scene, master, replica };
}

export interface RoundOptions {
  readonly stage: Stage;
  /** Of all its keys. */
  readonly prefix: string;
  readonly levels: readonly Isolation[];
  readonly workloads: readonly WorkloadName[];
  readonly clients: number;
  readonly seconds: number;
  readonly thinkMs: number;
  readonly random: Prng;
  /** Where the master is now. */
  readonly where: { master: Place; replica: Place | null };
  /** What happens meanwhile. */
  readonly disturb: () => Promise<void>;
}

const restMs = 30;
const readingsMax = 3;
/** More than a round can write. */
const recordsMax = 1_000_000_000;
const shareOfReplica = 0.2;

export function placesOf({ master, replica }: Stage): { master: Place; replica: Place | null } {
  const { administration } = master.served;
  return {
    master: masterPlace({ administration, database: master.name }),
    replica: replicaPlace(replica.served.administration, replica.name),
  };
}

/** What clients saw in a round, with a last reading of all there is. */
export async function playRound(options: RoundOptions): Promise<Recorder> {
  const { disturb, levels, prefix, seconds, thinkMs, where, workloads } = options;
  const recorder = new Recorder(() => performance.now());
  const counts = new Map<string, number>();
  const shared = { prefix, recorder, counts, leavesMarks: true, rest: () => sleep(restMs) };
  const alone = { ...shared, isAbandoned: false, after: null, pause: () => Promise.resolve() };
  const once = (process: string, task: TransactOptions['task']) =>
    transact({ ...alone, process, task, place: where.master, isolation: 'serializable' });
  if ((await once('first', (session) => prepare(session, prefix))) === null) {
    throw new Error(`a round could not begin: ${JSON.stringify([...recorder.ends])}`);
  }
  const until = performance.now() + seconds * 1000;
  const clients = Array.from({ length: options.clients }, (_, at) => {
    const random = options.random.fork(`client ${at}`);
    return runClient({
      ...shared,
      name: `client ${at}`,
      levels,
      workloads,
      random,
      place: () => (random.chance(shareOfReplica) && replicaFor(levels, where)) || where.master,
      pause: () => sleep(random.between(0, thinkMs)),
      isStopped: () => performance.now() > until,
    });
  });
  await Promise.all([...clients, disturb()]);
  await lastReading(options, once, recorder);
  return recorder;
}

/** Null where it has none of the levels, or there is none. */
function replicaFor(
  levels: readonly Isolation[],
  { replica }: RoundOptions['where'],
): Place | null {
  return replica?.levels.some((level) => levels.includes(level)) ? replica : null;
}

/** Under a lock on all that there is: what a client left behind is free when its lease is over, or this fails. */
async function lastReading(
  { prefix, stage, where }: RoundOptions,
  once: (process: string, task: TransactOptions['task']) => Promise<Position | null>,
  recorder: Recorder,
): Promise<void> {
  const all = (session: Session): Promise<void> => readAll(session, prefix);
  let position: Position | null = null;
  for (let attempt = 0; attempt < readingsMax && position === null; attempt += 1) {
    position = await once('last', all);
  }
  if (position === null) {
    throw new Error(`the last reading of a round failed: ${JSON.stringify([...recorder.ends])}`);
  }
  if (where.replica === null) return;
  const level = await untilLevel(stage.replica, stage.master);
  await transact({
    process: 'last',
    place: where.replica,
    isolation: 'snapshot',
    after: parsePosition(level),
    prefix,
    recorder,
    counts: new Map(),
    pause: () => Promise.resolve(),
    rest: () => Promise.resolve(),
    leavesMarks: false,
    isAbandoned: false,
    task: all,
  });
}

/** Transactions whose mark stands in the log, and where. */
export async function marksOf(
  { served, name }: Served,
  prefix: string,
): Promise<Map<number, Position>> {
  const found = new Map<number, Position>();
  const grep = `${prefix}mark/`;
  const options = { from: 1, limit: recordsMax, grep };
  for await (const { operations, position } of served.administration.log(name, options)) {
    for (const { key } of operations) {
      found.set(Number(key.slice(key.lastIndexOf('/') + 1)), parsePosition(position));
    }
  }
  return found;
}
