// The properties that can be set. Some travel with the data (settings in system data, changed by a
// commit on the master), some are this copy's own (control.json).

import {
  applyDelayMsMax,
  archiveHeartbeatMinutesMax,
  archiveHoldDaysMax,
  archiveHoldDaysMin,
  archiveKeepHoursMax,
  backupAgeDaysLimit,
  backupForms,
  backupGenerationsMax,
  backupGenerationsMin,
  backupTierGenerationsMax,
  PaminaError,
  logBytesWithoutBackupMax,
  maxReplayWaitMsDefault,
  maxReplayWaitMsMax,
  logBytesWithoutBackupMin,
  replicaHoldBytesMax,
  replicaHoldBytesMin,
  replicaHoldDaysMax,
  replicationDelayMsMax,
  synchronousReplicasMax,
  synchronousTimeoutMsMax,
  synchronousTimeoutMsMin,
} from '@pamina/format';
import {
  type Control,
  type Database,
  namesIn,
  requirementByDefault,
  type Settings,
  synchronousPolicies,
} from '@pamina/engine';
import { SourcedFollower } from '@pamina/replication';
import { requireReplica, ruleOf } from './host-apply.js';
import type { HostCore } from './host-core.js';
import { sourceProperties, sourceSetters } from './host-source-set.js';
import { replaceFollower } from './host-start.js';
import { flag, integer, invalid } from './property-value.js';

const generationsMinWithReplicas = 2;

type Setter = (database: Database, value: string, name: string) => Promise<void>;

const setters: Readonly<Record<string, Setter>> = {
  replicationDelayMs: async (database, value) => {
    const replicationDelayMs = integer(value, 0, replicationDelayMsMax);
    await database.system.setSettings({ replicationDelayMs });
  },
  backupGenerations: async (database, value) => {
    const generations = integer(value, backupGenerationsMin, backupGenerationsMax);
    const permitted = await database.permitted();
    if (permitted.length > 0 && generations < generationsMinWithReplicas) {
      throw invalid(`with permitted replicas at least ${generationsMinWithReplicas} are kept`);
    }
    await database.system.setSettings({ backupGenerations: generations });
  },
  backupForm: async (database, value) => {
    const backupForm = backupForms.find((form) => form === value);
    if (backupForm === undefined) {
      throw invalid(`${JSON.stringify(value.slice(0, 64))} is neither logical nor physical`);
    }
    await database.system.setSettings({ backupForm });
  },
  backupAudit: async (database, value) => {
    await database.system.setSettings({ backupAudit: flag(value) });
  },
  backupDaily: async (database, value) => {
    await database.system.setSettings({ backupDaily: integer(value, 0, backupTierGenerationsMax) });
  },
  backupWeekly: async (database, value) => {
    await database.system.setSettings({
      backupWeekly: integer(value, 0, backupTierGenerationsMax),
    });
  },
  backupMonthly: async (database, value) => {
    await database.system.setSettings({
      backupMonthly: integer(value, 0, backupTierGenerationsMax),
    });
  },
  backupAgeDaysMax: async (database, value) => {
    const backupAgeDaysMax = integer(value, 0, backupAgeDaysLimit);
    await database.system.setSettings({ backupAgeDaysMax });
  },
  backupNoDelete: async (database, value) => {
    await database.system.setSettings({ backupNoDelete: flag(value) });
  },
  archiveKeepHours: async (database, value) => {
    const archiveKeepHours = integer(value, 0, archiveKeepHoursMax);
    await database.system.setSettings({ archiveKeepHours });
  },
  archiveHoldDays: async (database, value) => {
    const archiveHoldDays = integer(value, archiveHoldDaysMin, archiveHoldDaysMax);
    await database.system.setSettings({ archiveHoldDays });
  },
  logBytesWithoutBackup: async (database, value) => {
    const [least, most] = [logBytesWithoutBackupMin, logBytesWithoutBackupMax];
    const logBytesWithoutBackup = bytesOrNone(value, least, most);
    await database.system.setSettings({ logBytesWithoutBackup });
  },
  replicaHoldBytes: async (database, value) => {
    const replicaHoldBytes = bytesOrNone(value, replicaHoldBytesMin, replicaHoldBytesMax);
    await database.system.setSettings({ replicaHoldBytes });
  },
  replicaHoldDays: async (database, value) => {
    const replicaHoldDays = integer(value, 0, replicaHoldDaysMax);
    await database.system.setSettings({ replicaHoldDays });
  },
  archiveHeartbeatMinutes: async (database, value) => {
    const archiveHeartbeatMinutes = integer(value, 0, archiveHeartbeatMinutesMax);
    await database.system.setSettings({ archiveHeartbeatMinutes });
  },
  synchronousReplicas: async (database, value) => {
    const synchronousReplicas = integer(value, 0, synchronousReplicasMax);
    const permitted = (await database.permitted()).length;
    if (synchronousReplicas > permitted) {
      throw invalid(`${synchronousReplicas} replicas cannot confirm: ${permitted} are permitted`);
    }
    await setSynchronous(database, { synchronousReplicas });
  },
  synchronousNames: async (database, value) => {
    const permitted = (await database.permitted()).map((replica) => replica.name);
    const strangers = namesIn(value).filter((name) => !permitted.includes(name));
    if (strangers.length > 0) {
      throw invalid(`${JSON.stringify(strangers[0]?.slice(0, 64))} is not permitted here`);
    }
    await setSynchronous(database, { synchronousNames: namesIn(value).join(',') });
  },
  synchronousPolicy: async (database, value) => {
    const synchronousPolicy = synchronousPolicies.find((policy) => policy === value);
    if (synchronousPolicy === undefined) {
      throw invalid(`${JSON.stringify(value.slice(0, 64))} is neither wait nor degrade`);
    }
    await setSynchronous(database, { synchronousPolicy });
  },
  synchronousTimeoutMs: async (database, value) => {
    const range = [synchronousTimeoutMsMin, synchronousTimeoutMsMax] as const;
    await setSynchronous(database, { synchronousTimeoutMs: integer(value, ...range) });
  },
  readOnly: async (database, value) => {
    await database.updateControl({ readOnly: flag(value) });
  },
  simultaneousQuery: async (database, value, name) => {
    if (database.control.type !== 'replica') {
      throw new PaminaError(
        'DATABASE_TYPE',
        `${name} is no replica: simultaneousQuery is for replicas`,
      );
    }
    await database.updateControl({ simultaneousQuery: flag(value) });
  },
  maxReplayWaitMs: async (database, value, name) => {
    if (database.control.type !== 'replica') {
      const message = `${name} is no replica: maxReplayWaitMs is for replicas`;
      throw new PaminaError('DATABASE_TYPE', message);
    }
    await database.updateControl({ maxReplayWaitMs: integer(value, 0, maxReplayWaitMsMax) });
  },
  onTerminal: setOnTerminal,
  applyDelayMs: async (database, value) => {
    await requireReplica(database).change({ delayMs: integer(value, 0, applyDelayMsMax) });
  },
  applyPaused: async (database, value) => {
    await requireReplica(database).change({ paused: flag(value) });
  },
  ...sourceSetters,
};

/** What a replica does in a terminal state that a new copy mends. */
async function setOnTerminal(database: Database, value: string, name: string): Promise<void> {
  if (database.control.type !== 'replica') {
    throw new PaminaError('DATABASE_TYPE', `${name} is no replica: onTerminal is for replicas`);
  }
  if (value !== 'stop' && value !== 'recreate') {
    throw invalid(`${JSON.stringify(value.slice(0, 64))} is neither stop nor recreate`);
  }
  // Set again it begins to count again.
  const onTerminal = value === 'stop' ? null : { recreatedAt: [] };
  await database.updateControl({ onTerminal });
}

/** Together they must name at least as many replicas as are to confirm. */
async function setSynchronous(database: Database, change: Partial<Settings>): Promise<void> {
  requirementByDefault({ ...database.settings(), ...change });
  await database.system.setSettings(change);
}

/** Those that only a database which is open for writing can change, though they are this copy's own. */
const receiving: ReadonlySet<string> = new Set(['applyDelayMs', 'applyPaused']);

/** Those whose change is a commit. */
const travelling: ReadonlySet<string> = new Set([
  'synchronousReplicas',
  'synchronousNames',
  'synchronousPolicy',
  'synchronousTimeoutMs',
  'replicationDelayMs',
  'backupGenerations',
  'backupForm',
  'backupAudit',
  'backupDaily',
  'backupWeekly',
  'backupMonthly',
  'backupAgeDaysMax',
  'backupNoDelete',
  'archiveKeepHours',
  'archiveHoldDays',
  'archiveHeartbeatMinutes',
  'logBytesWithoutBackup',
  'replicaHoldBytes',
  'replicaHoldDays',
]);

export async function set(
  core: HostCore,
  name: string,
  property: string,
  value: string,
): Promise<Record<string, unknown>> {
  const setter = Object.hasOwn(setters, property) ? setters[property] : undefined;
  if (setter === undefined) {
    const known = Object.keys(setters).join(', ');
    throw invalid(`there is no property ${JSON.stringify(property.slice(0, 64))}, only ${known}`);
  }
  const control = await core.control(name);
  if (travelling.has(property) && control.type === 'replica') {
    const master = control.master ?? 'its master';
    throw new PaminaError(
      'REPLICA_READ_ONLY',
      `${property} of the replica ${name} comes from ${master}`,
      {
        hint: `Set it on the master: \`pamina set ${master} ${property}=${value}\`.`,
      },
    );
  }
  const access = travelling.has(property) || receiving.has(property) ? 'write' : 'read';
  return core.use(name, access, async ({ database, online }) => {
    await setter(database, value, name);
    if (property === 'readOnly') online?.follower?.setReadOnly(database.control.readOnly);
    // A follower says it in its hello.
    if (property === 'simultaneousQuery') await online?.restartFollower();
    if (online?.follower instanceof SourcedFollower) online.follower.ruleChanged();
    if (property === 'sourceArchive' && online !== null) await replaceFollower(core, online);
    if (property === 'onTerminal' && online !== null) {
      online.recreateFailedOf = null;
      core.onFollowerChange(online);
    }
    for (const archiver of online?.archivers.values() ?? []) archiver.settingsChanged();
    database.jobLog.write('info', 'property-set', `${property} was set to ${value}`, { property });
    const { readOnly, simultaneousQuery, type } = database.control;
    const ofReplica = type === 'replica' ? replicaProperties(database.control) : {};
    return { ...database.settings(), readOnly, simultaneousQuery, ...ofReplica };
  });
}

function replicaProperties(control: Control): Record<string, unknown> {
  const { delayMs: applyDelayMs, paused: applyPaused } = ruleOf(control);
  const isRecreated = control.onTerminal !== undefined && control.onTerminal !== null;
  const onTerminal = isRecreated ? 'recreate' : 'stop';
  const { maxReplayWaitMs = maxReplayWaitMsDefault } = control;
  return { applyDelayMs, applyPaused, maxReplayWaitMs, onTerminal, ...sourceProperties(control) };
}

const unitBytes = { '': 1, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

/** A number of bytes, or of a unit: `64GiB`. 0 = none, without a unit. */
function bytesOrNone(text: string, min: number, max: number): number {
  if (text === '0') return 0;
  const [, count, unit] = /^([0-9]{1,16})(|MiB|GiB|TiB)$/.exec(text) ?? [];
  const bytes = Number(count) * (unitBytes[unit as keyof typeof unitBytes] ?? Number.NaN);
  if (bytes >= min && bytes <= max) return bytes;
  const form = `a number of bytes from ${min} to ${max}, also with MiB, GiB or TiB, or 0 for no cap`;
  throw invalid(`${JSON.stringify(text.slice(0, 64))} is not ${form}`);
}
