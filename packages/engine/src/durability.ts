// What a commit may ask for before it is acknowledged (P1), and what is made of it with the settings of
// its database: where a commit waits for replicas, for how many, for which, and how long.
import {
  PaminaError,
  synchronousReplicasMax,
  synchronousTimeoutMsMax,
  synchronousTimeoutMsMin,
  validateName,
} from '@pamina/format';

export const synchronousPolicies = ['wait', 'degrade'] as const;
/**
 * What happens when the replicas do not confirm in time. `wait`: the commit waits on, for as long as it
 * takes. `degrade`: it is acknowledged without them, said loudly, and so are all later ones until the
 * replicas have caught up.
 */
export type SynchronousPolicy = (typeof synchronousPolicies)[number];

/** So many replicas have the record on their disks. What is left out is as the database has it. */
export interface ReplicatedDurability {
  readonly replicas: number;
  /** Names of those that count; none = every permitted one. */
  readonly names?: readonly string[] | undefined;
  readonly policy?: SynchronousPolicy | undefined;
  /** Of the policy `degrade`. */
  readonly timeoutMs?: number | undefined;
}

/**
 * `disk`: the record is synced. `memory`: it is encoded and visible; a crash or a failure of the disk
 * can lose it, and with it all later ones. `{ replicas: n }`: it is synced here and on n replicas.
 */
export type Durability = 'disk' | 'memory' | ReplicatedDurability;

/** The settings of a database that say what its commits wait for. */
export interface SynchronousSettings {
  /** How many replicas a commit waits for that does not say so itself; 0 = none. */
  readonly synchronousReplicas: number;
  /** Names of the replicas that count, with commas between them; empty = every permitted one. */
  readonly synchronousNames: string;
  readonly synchronousPolicy: SynchronousPolicy;
  readonly synchronousTimeoutMs: number;
}

/** What a commit waits for, complete. */
export interface Requirement {
  readonly replicas: number;
  /** Sorted; none = every permitted one. */
  readonly names: readonly string[];
  readonly policy: SynchronousPolicy;
  readonly timeoutMs: number;
  /** Equal for equal requirements. */
  readonly key: string;
}

/** TypeError for what is no durability. */
export function checkDurability(durability: unknown): asserts durability is Durability {
  if (durability === 'disk' || durability === 'memory') return;
  const { replicas, names, policy, timeoutMs } = (durability ?? {}) as Record<string, unknown>;
  if (!isWhole(replicas, 1, synchronousReplicasMax)) {
    const message = `durability is 'disk', 'memory' or { replicas: 1 to ${synchronousReplicasMax} }`;
    throw new TypeError(message);
  }
  if (names !== undefined && !(Array.isArray(names) && names.every(isText))) {
    throw new TypeError('names of a durability is an array of texts');
  }
  if (policy !== undefined && !synchronousPolicies.some((one) => one === policy)) {
    throw new TypeError("policy of a durability is 'wait' or 'degrade'");
  }
  const isTime = isWhole(timeoutMs, synchronousTimeoutMsMin, synchronousTimeoutMsMax);
  if (timeoutMs !== undefined && !isTime) {
    const range = `${synchronousTimeoutMsMin} to ${synchronousTimeoutMsMax}`;
    throw new TypeError(`timeoutMs of a durability is a whole number from ${range}`);
  }
}

/** PROPERTY_INVALID where fewer replicas are named than asked for; NAME_INVALID. */
export function requirementOf(
  durability: ReplicatedDurability,
  settings: SynchronousSettings,
): Requirement {
  const names = [...new Set(durability.names ?? namesIn(settings.synchronousNames))].sort();
  for (const name of names) validateName(name);
  const { replicas } = durability;
  if (names.length > synchronousReplicasMax) {
    throw new PaminaError('PROPERTY_INVALID', `more than ${synchronousReplicasMax} are named`);
  }
  if (names.length > 0 && names.length < replicas) {
    const message = `${replicas} replicas are asked for, and only ${names.join(', ')} named`;
    throw new PaminaError('PROPERTY_INVALID', message);
  }
  const policy = durability.policy ?? settings.synchronousPolicy;
  const timeoutMs = durability.timeoutMs ?? settings.synchronousTimeoutMs;
  const key = [replicas, policy, timeoutMs, ...names].join(' ');
  return { replicas, names, policy, timeoutMs, key };
}

/** What the commits of a database wait for that do not say it themselves. */
export function requirementByDefault(settings: SynchronousSettings): Requirement | null {
  const { synchronousReplicas: replicas } = settings;
  return replicas === 0 ? null : requirementOf({ replicas }, settings);
}

export function namesIn(text: string): string[] {
  return text === '' ? [] : text.split(',').map((name) => name.trim());
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
