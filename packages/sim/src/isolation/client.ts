// A client that runs one transaction after the other until it is told to stop, each at a level of its own.
import { isPaminaError, type Isolation, type Position } from '@pamina/format';
import type { Prng } from '../world/prng.js';
import type { Entry, Place } from './place.js';
import type { Recorder, Recording } from './recorder.js';
import { Session } from './session.js';
import { readingOf, registersOf, taskOf, type WorkloadName } from './workload.js';

export interface ClientOptions {
  readonly name: string;
  /** Where to now: asked before each transaction. */
  readonly place: () => Place;
  readonly levels: readonly Isolation[];
  readonly workloads: readonly WorkloadName[];
  /** Of all its keys. */
  readonly prefix: string;
  readonly random: Prng;
  readonly recorder: Recorder;
  /** Shared by all clients: what is used how often. */
  readonly counts: Map<string, number>;
  readonly pause: () => Promise<void>;
  /** After an error. */
  readonly rest: () => Promise<void>;
  readonly isStopped: () => boolean;
  /** Each transaction that writes leaves a document behind that names it, by which its record is found. */
  readonly leavesMarks: boolean;
}

/** What a commit says that was surely not done. */
const refusals = new Set<string>([
  'DEADLOCK',
  'LOCK_TIMEOUT',
  'LOCKS_FULL',
  'TRANSACTION_LEASE_EXPIRED',
  'TRANSACTION_TIMEOUT',
  'TRANSACTIONS_FULL',
  'WRITE_CONFLICT',
]);

function isRefusal(error: unknown): boolean {
  return isPaminaError(error) && refusals.has(error.code);
}

function markOf(prefix: string, id: number): string {
  return `${prefix}mark/${id}`;
}

export async function runClient(options: ClientOptions): Promise<void> {
  let last: Position | null = null;
  while (!options.isStopped()) last = (await runOne(options, last)) ?? last;
}

/** Returns the position of its commit. */
async function runOne(options: ClientOptions, last: Position | null): Promise<Position | null> {
  const { name, prefix, random } = options;
  const place = options.place();
  const isolation = random.pick(options.levels.filter((level) => place.levels.includes(level)));
  const workload = random.pick(options.workloads);
  const isAlone = workload === 'registers' && place.offers === 'writes' && random.chance(0.15);
  if (isAlone) return writeAlone(options, place);
  // On the master everybody sees everything.
  const after = place.offers !== 'writes' && random.chance(0.5) ? last : null;
  const task = place.offers === 'writes' ? taskOf(workload, prefix) : readingOf(workload, prefix);
  return transact({
    ...options,
    place,
    isolation,
    after,
    process: name,
    isAbandoned: random.chance(0.1),
    task: (session) => task(session, random),
  });
}

/** A plain batch, which is a transaction of its own. */
async function writeAlone(options: ClientOptions, place: Place): Promise<Position | null> {
  const { leavesMarks, name, prefix, random, recorder } = options;
  const id = recorder.nextId();
  const who = { process: name, place: place.name, isolation: 'serializable', after: null } as const;
  const keys = registersOf(random, prefix);
  const entries = keys.map((key, at): Entry => [key, `t${id}.${at}`]);
  if (leavesMarks) entries.push([markOf(prefix, id), 'done']);
  await options.pause();
  const recording = recorder.begin(id, who, recorder.now());
  try {
    return await recording.alone(entries, () => place.write(entries), isRefusal);
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    recorder.count(error.code);
    await options.rest();
    return null;
  }
}

export interface TransactOptions {
  readonly place: Place;
  readonly isolation: Isolation;
  readonly after: Position | null;
  readonly process: string;
  readonly prefix: string;
  readonly recorder: Recorder;
  readonly counts: Map<string, number>;
  readonly pause: () => Promise<void>;
  readonly rest: () => Promise<void>;
  readonly leavesMarks: boolean;
  /** It is rolled back in the end. */
  readonly isAbandoned: boolean;
  readonly task: (session: Session) => Promise<void>;
}

/** One transaction to its end, whatever that is. Returns the position of its commit. */
export async function transact(options: TransactOptions): Promise<Position | null> {
  const { place, isolation, after, process, recorder } = options;
  const id = recorder.nextId();
  const beginInvokedAt = recorder.now();
  let recording: Recording | null = null;
  try {
    const open = await place.begin(isolation, after);
    const who = { process, place: place.name, isolation, after };
    const begun = recorder.begin(id, who, beginInvokedAt);
    recording = begun;
    const session = new Session(open, begun, options);
    try {
      await options.task(session);
      if (options.leavesMarks && place.offers === 'writes') {
        await session.write(markOf(options.prefix, id), 'done');
      }
    } catch (error) {
      await rolledBack(open.rollback(), recorder);
      throw error;
    }
    if (!options.isAbandoned) return await begun.commit(() => open.commit(), isRefusal);
    await open.rollback();
    begun.end();
    recorder.count('rolled back');
    return null;
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    recorder.count(error.code);
    recording?.end();
    await options.rest();
    return null;
  }
}

/** Of one that has ended already it may fail, or of a server that is gone: its lease ends it. */
async function rolledBack(rollback: Promise<void>, recorder: Recorder): Promise<void> {
  try {
    await rollback;
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    recorder.count(`rollback: ${error.code}`);
  }
}
