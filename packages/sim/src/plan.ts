// What one run will do, as plain data drawn from its seed: which faults are possible, who writes, and the
// actions in their order. Each action has a seed of its own, so that a run stays the same around one
// that was left out.

import { Prng } from './world/prng.js';

export const actionNames = [
  'wait',
  'kill',
  'power-cut',
  'restart',
  'disk-fault',
  'disk-trouble',
  'disk-full',
  'disk-lies',
  'flip-bit',
  'network-trouble',
  'partition',
  'half-open',
  'clock',
  'backup',
  'restore',
  'verify',
  'incremental',
  'recover',
  'expire',
  'archive-fault',
  'archive-expire',
  'retention',
  'settings',
  'observe',
] as const;
/**
 * `replica-away` comes in runs with a cap alone, `master-away` where an archive is followed, both behind what is
 * drawn.
 */
export type ActionName = (typeof actionNames)[number] | 'replica-away' | 'master-away';

export interface Action {
  /** Virtual milliseconds after the action before it. */
  readonly afterMs: number;
  readonly name: ActionName;
  readonly seed: string;
}

export interface Plan {
  readonly seed: string;
  readonly segmentBytes: number;
  readonly replicas: number;
  /** 0 = streaming. */
  readonly replicationDelayMs: number;
  readonly writers: number;
  readonly keys: number;
  readonly commitsMax: number;
  /** Between two commits of one writer. */
  readonly thinkMs: number;
  /** Some commits are larger than one chunk of the feed. */
  readonly hasHugeCommits: boolean;
  /** Now and then bytes go to the disk by themselves. */
  readonly writeBackRate: number;
  /** Now and then an operation of a disk takes long: the store falls behind its log, or the log behind. */
  readonly stallRate: number;
  readonly stallMs: number;
  readonly actions: readonly Action[];
  /** At the end the master is gone for good, and a replica takes its place. */
  readonly endsWithPromotion: boolean;
  /** What is held for one replica at most; 0 = no cap. */
  readonly replicaHoldBytes: number;
  /** In the end the newest backup is restored; backup and log are recovered to the last position. */
  readonly endsWithRestore: boolean;
  readonly endsWithRecovery: boolean;
  /** How long the open segment waits between two pieces; null in a run without an archive. */
  readonly archiveIntervalMs: number | null;
  readonly archiveKeepHours: number;
  /** How often in the end something is recovered to a target of its own. */
  readonly targetsInTheEnd: number;
  /** Of a hundred commits, how many wait until a replica has them on its disk. */
  readonly replicatedPercent: number;
  /**
   * In the end the master is lost under load, its replicas crash with it, and the most advanced one takes its
   * place without having been brought level.
   */
  readonly endsWithFailover: boolean;
  /** In the end a replica takes over the name of the master, and that one comes back; null in most runs. */
  readonly succession: Succession | null;
  /** Replicas have the archive beside their master; null in most runs, and in each without an archive. */
  readonly source: Source | null;
  /** In the end failovers of the master meet, with real servers on the machines; null in most runs. */
  readonly rivalry: Rivalry | null;
  /** The last replica follows the one before it, the others the master. */
  readonly isCascade: boolean;
  /** How long a replica waits before it applies what it has. */
  readonly applyDelayMs: number;
}

/**
 * switchover: the master is told to stop, and what it has is waited for. lost: it goes down, and comes back when
 * another has its place. cut-off: it runs on, with clients, where its replicas cannot hear it.
 */
export type SuccessionKind = 'switchover' | 'lost' | 'cut-off';

/** twice: two are asked for at once. interrupted: one, and machines go down under it; it is asked for again. */
export interface Rivalry {
  readonly kind: 'twice' | 'interrupted';
  /** The master is down before; else it is told to stop. */
  readonly isLost: boolean;
  /** All that it has is with its replicas by then: each of them may take over. */
  readonly isLevel: boolean;
  /** Which replica is asked for: none by its name, by each another one, by both the same. */
  readonly aim: 'any' | 'own' | 'same';
  /** One server is asked for both. */
  readonly isOneServer: boolean;
  /** How many machines go down meanwhile; they come up again. */
  readonly crashes: number;
  /** There are so many at least. */
  readonly replicas: number;
}

/**
 * How a replica is led by the archive alone in the end. away: its master is down. log-gone: its master has given up
 * the log that it needs. bootstrap: it is made from the archive while its master is down.
 */
export type AloneKind = 'away' | 'log-gone' | 'bootstrap';

export interface Source {
  /** Between two looks at it. */
  readonly pollMs: number;
  /** How long the master is out of reach before it is followed. */
  readonly afterMs: number;
  readonly alone: AloneKind;
}

export interface Succession {
  readonly kind: SuccessionKind;
  /** Whoever is to take over goes down meanwhile, and goes on where it was. */
  readonly isInterrupted: boolean;
  /** The old master looks its name up; else it hears of it from a replica that comes by. */
  readonly looksUp: boolean;
}

/** How often each action comes, where its kind is switched on. */
const weights: Readonly<Record<(typeof actionNames)[number], number>> = {
  wait: 6,
  kill: 6,
  'power-cut': 8,
  restart: 3,
  'disk-fault': 8,
  'disk-trouble': 3,
  'disk-full': 3,
  'disk-lies': 4,
  'flip-bit': 6,
  'network-trouble': 3,
  partition: 3,
  'half-open': 2,
  clock: 2,
  backup: 4,
  restore: 2,
  verify: 2,
  incremental: 3,
  recover: 3,
  expire: 2,
  'archive-fault': 4,
  'archive-expire': 2,
  retention: 2,
  settings: 2,
  observe: 5,
};

/** In how many of a hundred runs a kind of action is possible at all: few faults at once find more. */
const possible: Readonly<Partial<Record<ActionName, number>>> = {
  kill: 60,
  'power-cut': 75,
  restart: 50,
  'disk-fault': 60,
  'disk-trouble': 25,
  'archive-fault': 50,
  'disk-full': 25,
  'disk-lies': 6,
  'flip-bit': 14,
  'network-trouble': 40,
  partition: 40,
  'half-open': 25,
  clock: 30,
};

const archivePossible = 33;
const holdsPossible = 0.15;
const successionPossible = 0.15;
const cascadePossible = 0.08;
/** Of the runs with an archive. */
const sourcePossible = 0.5;
/** Of the runs with a replica whose master is not taken over otherwise. */
const rivalryPossible = 0.12;
const applyDelayPossible = 0.06;
const ofArchive: readonly ActionName[] = ['archive-fault', 'archive-expire'];

export function planOf(seed: string): Plan {
  const plan = planAlone(seed);
  const rivalry = rivalryOf(plan);
  // Two who want one name are two.
  if (rivalry !== null)
    return { ...plan, rivalry, replicas: Math.max(plan.replicas, rivalry.replicas) };
  const source = sourceOf(plan);
  if (source === null) return plan;
  return { ...plan, source, actions: [...plan.actions, ...masterAway(seed)] };
}

/** Without what is drawn apart behind it, so that the other runs stay as they are. */
function planAlone(seed: string): Plan {
  const random = new Prng(`plan ${seed}`);
  const hasArchive = random.chance(archivePossible / 100);
  const switchedOn = actionNames.filter(
    (name) =>
      random.chance((possible[name] ?? 100) / 100) && (hasArchive || !ofArchive.includes(name)),
  );
  const replicated = new Prng(`replicated ${seed}`);
  const hasReplicated = replicated.chance(0.2);
  const count = 6 + random.below(15);
  const actions = Array.from({ length: count }, (_, index) => ({
    afterMs: Math.round(random.pick([20, 80, 200, 600]) * random.between(0.2, 1.5)),
    name: pickWeighted(random, switchedOn),
    seed: `${seed}/${index}`,
  }));
  const cascade = new Prng(`cascade ${seed}`);
  const isCascade = cascade.chance(cascadePossible);
  const succession = successionOf(seed, isCascade);
  // Log that is held for nobody any more is given up with all who follow a replica that was.
  const holds = isCascade ? noHolds : holdsOf(seed);
  const applyDelayMs = applyDelayOf(seed);
  const leastReplicas = isCascade ? cascade.pick([2, 3]) : succession === null ? 0 : 1;
  return {
    seed,
    segmentBytes: random.pick([2_000, 4_000, 10_000, 40_000]),
    replicas: Math.max(leastReplicas, random.pick([0, 1, 1, 1, 2])),
    replicationDelayMs: random.pick([0, 0, 0, 300, 2_000]),
    writers: 1 + random.below(4),
    keys: random.pick([3, 12, 40]),
    commitsMax: random.pick([30, 60, 120]),
    thinkMs: random.pick([0, 2, 10, 40]),
    hasHugeCommits: random.chance(0.01),
    writeBackRate: random.pick([0, 0.02, 0.3]),
    stallRate: random.pick([0, 0, 0.01, 0.05]),
    stallMs: random.pick([5, 30, 200]),
    actions: [...actions, ...holds.actions].filter(
      // What is due is told by clocks: one that jumps by an hour makes it a matter of hours.
      ({ name }) => applyDelayMs === 0 || name !== 'clock',
    ),
    replicaHoldBytes: holds.replicaHoldBytes,
    endsWithPromotion: random.chance(0.25),
    endsWithRestore: random.chance(0.4),
    endsWithRecovery: random.chance(0.4),
    archiveIntervalMs: hasArchive ? random.pick([20, 200, 2_000]) : null,
    archiveKeepHours: random.pick([0, 0, 1]),
    targetsInTheEnd: random.pick([0, 0, 1, 1, 2]),
    replicatedPercent: hasReplicated ? replicated.pick([30, 100]) : 0,
    endsWithFailover: hasReplicated && replicated.chance(0.7),
    succession,
    source: null,
    rivalry: null,
    isCascade,
    applyDelayMs,
  };
}

/** Each drawn apart, so that the other runs stay as they are. */
function successionOf(seed: string, isCascade: boolean): Succession | null {
  const random = new Prng(`succession ${seed}`);
  if (!random.chance(isCascade ? 0.5 : successionPossible)) return null;
  return {
    kind: random.pick(['switchover', 'lost', 'cut-off']),
    isInterrupted: random.chance(0.4),
    looksUp: random.chance(0.6),
  };
}

function sourceOf({
  archiveIntervalMs,
  isCascade,
  replicas,
  seed,
  succession,
}: Plan): Source | null {
  const random = new Prng(`source ${seed}`);
  const isPossible = archiveIntervalMs !== null && replicas > 0 && !isCascade;
  if (!isPossible || succession !== null || !random.chance(sourcePossible)) return null;
  return {
    pollMs: random.pick([100, 500, 2_000]),
    afterMs: random.pick([0, 200, 2_000]),
    alone: random.pick(['away', 'log-gone', 'bootstrap']),
  };
}

function rivalryOf(plan: Plan): Rivalry | null {
  const { archiveIntervalMs, endsWithFailover, isCascade, replicas, seed, succession } = plan;
  const random = new Prng(`rivalry ${seed}`);
  const isOther = archiveIntervalMs !== null || isCascade || endsWithFailover;
  if (isOther || succession !== null || replicas === 0) return null;
  if (!random.chance(rivalryPossible)) return null;
  const kind = random.pick(['twice', 'twice', 'interrupted'] as const);
  return {
    kind,
    isLost: random.chance(0.5),
    aim: random.pick(['any', 'own', 'same']),
    isOneServer: random.chance(0.3),
    crashes: kind === 'interrupted' ? 1 + random.below(2) : random.pick([0, 0, 1]),
    replicas: random.pick([1, 2, 2]),
    isLevel: random.chance(0.5),
  };
}

function masterAway(seed: string): Action[] {
  const random = new Prng(`master away ${seed}`);
  return Array.from({ length: random.below(3) }, (_, index): Action => {
    const afterMs = random.pick([100, 1_000]);
    return { afterMs, name: 'master-away', seed: `${seed}/master-away/${index}` };
  });
}

function applyDelayOf(seed: string): number {
  const random = new Prng(`apply delay ${seed}`);
  return random.chance(applyDelayPossible) ? random.pick([200, 3_000]) : 0;
}

type Holds = Pick<Plan, 'actions' | 'replicaHoldBytes'>;
const noHolds: Holds = { actions: [], replicaHoldBytes: 0 };

function holdsOf(seed: string): Holds {
  const random = new Prng(`holds ${seed}`);
  if (!random.chance(holdsPossible)) return noHolds;
  const actions = Array.from({ length: 1 + random.below(2) }, (_, index): Action => {
    const afterMs = random.pick([100, 2_000]);
    return { afterMs, name: 'replica-away', seed: `${seed}/away/${index}` };
  });
  return { actions, replicaHoldBytes: random.pick([0, 500, 5_000, 20_000]) };
}

function pickWeighted(random: Prng, names: readonly (typeof actionNames)[number][]): ActionName {
  let left = random.below(names.reduce((sum, name) => sum + weights[name], 0));
  for (const name of names) {
    left -= weights[name];
    if (left < 0) return name;
  }
  return 'wait';
}
