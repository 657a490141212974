// System data: Pamina's own documents in the store. They change only by commits, so they are logged,
// shipped, backed up and recovered like everything else.
import {
  PaminaError,
  archiveHeartbeatMinutesDefault,
  archiveHoldDaysDefault,
  archiveKeepHoursDefault,
  backupForms,
  backupGenerationsDefault,
  packBytes,
  logBytesWithoutBackupDefault,
  replicaHoldBytesDefault,
  replicaHoldDaysDefault,
  replicationDelayMsDefault,
  synchronousTimeoutMsDefault,
  validateName,
  type BackupForm,
  type Position,
} from '@pamina/format';
import { synchronousPolicies, type SynchronousSettings } from './durability.js';
import type { StateReader } from './state-reader.js';
import { decodeDocument, documentsIn, momentOf, type SystemDataOwner } from './system-documents.js';
import { Users } from './users.js';

/** Settings that travel with the data: a replica has its master's. */
export interface Settings extends SynchronousSettings {
  /** How long a replica waits between requests; 0 = streaming. */
  readonly replicationDelayMs: number;
  /** Newest full backups that are kept. */
  readonly backupGenerations: number;
  /** Of a backup that is not told which. */
  readonly backupForm: BackupForm;
  /** Each full backup of a master is followed by the state hash at its mark, for replicas and restores. */
  readonly backupAudit: boolean;
  /** Tiers: of so many days, weeks, months the newest full backup is kept; 0 = none. */
  readonly backupDaily: number;
  readonly backupWeekly: number;
  readonly backupMonthly: number;
  /** Older ones go, but for the fewest generations that are allowed; 0 = no limit. */
  readonly backupAgeDaysMax: number;
  /** No backup is removed by a rule. */
  readonly backupNoDelete: boolean;
  /** How long what expires in an archive stays for those who read it elsewhere; 0 = not at all. */
  readonly archiveKeepHours: number;
  /** Of an archive that has taken nothing for so long, older log is not kept. */
  readonly archiveHoldDays: number;
  /** More closed log than this is not kept as long as there is no backup but the initial one; 0 = no cap. */
  readonly logBytesWithoutBackup: number;
  /** More closed log than this is not kept for one replica that is behind; 0 = no cap. */
  readonly replicaHoldBytes: number;
  /** Nor log that is older than so many days, if the replica has come no further as long; 0 = no cap. */
  readonly replicaHoldDays: number;
  /** So often an idle database says in its archives that nothing came; 0 = once, when it has become idle. */
  readonly archiveHeartbeatMinutes: number;
}

const settingsDefault: Settings = {
  replicationDelayMs: replicationDelayMsDefault,
  synchronousReplicas: 0,
  synchronousNames: '',
  synchronousPolicy: 'wait',
  synchronousTimeoutMs: synchronousTimeoutMsDefault,
  backupGenerations: backupGenerationsDefault,
  backupForm: 'logical',
  backupAudit: true,
  backupDaily: 0,
  backupWeekly: 0,
  backupMonthly: 0,
  backupAgeDaysMax: 0,
  backupNoDelete: false,
  archiveKeepHours: archiveKeepHoursDefault,
  archiveHoldDays: archiveHoldDaysDefault,
  logBytesWithoutBackup: logBytesWithoutBackupDefault,
  replicaHoldBytes: replicaHoldBytesDefault,
  replicaHoldDays: replicaHoldDaysDefault,
  archiveHeartbeatMinutes: archiveHeartbeatMinutesDefault,
};

/** A name under which the master accepts a replica. */
export interface PermittedReplica {
  readonly name: string;
  readonly simultaneousQuery: boolean;
  /** ms since 1970. */
  readonly since: number;
}

const settingsName = 'settings';
const permittedPrefix = 'permitted/';

/** What was read, and when: good until something is committed, applied or taken back. */
interface Remembered<T> {
  readonly moment: string;
  readonly value: T;
}

export class SystemData {
  readonly users: Users;
  readonly #owner: SystemDataOwner;
  // Every feed asks for both once a second, for each of its replicas.
  #settings: Remembered<Settings> | null = null;
  #permitted: Remembered<readonly PermittedReplica[]> | null = null;
  /** What follows from a change of who is permitted. */
  #telling: Promise<void> = Promise.resolve();

  constructor(owner: SystemDataOwner) {
    this.#owner = owner;
    this.users = new Users(owner);
  }

  /** STORE_DAMAGED if the document cannot be read. */
  async get(name: string): Promise<unknown> {
    const bytes = (await this.#owner.reader.get('system', name)) as Uint8Array | undefined;
    return bytes === undefined ? undefined : decodeDocument(name, bytes);
  }

  put(name: string, value: unknown): Promise<Position> {
    return this.#owner.commit([{ type: 'put', key: name, value: packBytes(value) }], {
      space: 'system',
    });
  }

  delete(name: string): Promise<Position> {
    return this.#owner.commit([{ type: 'del', key: name }], { space: 'system' });
  }

  /** All documents whose name begins with the prefix, in the order of their names. */
  list(prefix: string): Promise<[name: string, value: unknown][]> {
    return documentsIn(this.#owner.reader, prefix);
  }

  settings(): Settings {
    const moment = momentOf(this.#owner);
    if (this.#settings?.moment !== moment) {
      this.#settings = { moment, value: settingsIn(this.#owner.reader) };
    }
    return { ...this.#settings.value };
  }

  /** Values are checked by the caller. */
  async setSettings(change: Partial<Settings>): Promise<Settings> {
    const settings = { ...this.settings(), ...change };
    await this.put(settingsName, settings);
    this.#owner.synchronous.settingsChanged(settings);
    return settings;
  }

  /** By name. */
  async permitted(): Promise<PermittedReplica[]> {
    const moment = momentOf(this.#owner);
    if (this.#permitted?.moment !== moment) {
      this.#permitted = { moment, value: await permittedIn(this.#owner.reader) };
    }
    return [...this.#permitted.value];
  }

  async permit(
    name: string,
    options: { readonly simultaneousQuery: boolean },
  ): Promise<PermittedReplica> {
    const since = this.#owner.env.clock.now();
    const replica: PermittedReplica = { name: validateName(name), ...options, since };
    await this.put(permittedPrefix + replica.name, replica);
    await this.#permittedChanged();
    return replica;
  }

  /** False if the name was not permitted. */
  async deny(name: string): Promise<boolean> {
    if ((await this.get(permittedPrefix + name)) === undefined) return false;
    await this.delete(permittedPrefix + name);
    await this.#permittedChanged();
    return true;
  }

  /** One after the other: the last one to be told knows of all. */
  #permittedChanged(): Promise<void> {
    const told = this.#telling.then(async () => {
      const permitted = await this.permitted();
      this.#owner.synchronous.permittedChanged(permitted.map(({ name }) => name));
      this.#owner.setLockData(permitted.some((replica) => replica.simultaneousQuery));
    });
    this.#telling = told.catch(() => {
      // Whoever made the change hears of it.
    });
    return told;
  }
}

export function settingsIn(reader: StateReader): Settings {
  const bytes = reader.getSync('system', settingsName) as Uint8Array | undefined;
  return readSettings(bytes === undefined ? null : decodeDocument(settingsName, bytes));
}

/** By name. */
export async function permittedIn(reader: StateReader): Promise<PermittedReplica[]> {
  const documents = await documentsIn(reader, permittedPrefix);
  return documents.map(([, value]) => readPermitted(value));
}

/** What is missing, or not of the kind that it must be, is as it is by default. */
function readSettings(value: unknown): Settings {
  const given = (value ?? {}) as Partial<Record<keyof Settings, unknown>>;
  const fitting = Object.entries(settingsDefault).map(([name, byDefault]) => {
    const setting = given[name as keyof Settings];
    const isWhole = typeof setting !== 'number' || Number.isSafeInteger(setting);
    return [name, typeof setting === typeof byDefault && isWhole ? setting : byDefault];
  });
  const backupForm = backupForms.find((form) => form === given.backupForm);
  const policy = synchronousPolicies.find((one) => one === given.synchronousPolicy);
  return {
    ...(Object.fromEntries(fitting) as Settings),
    backupForm: backupForm ?? settingsDefault.backupForm,
    synchronousPolicy: policy ?? settingsDefault.synchronousPolicy,
  };
}

function readPermitted(value: unknown): PermittedReplica {
  const { name, simultaneousQuery, since } = value as Partial<PermittedReplica>;
  if (typeof name !== 'string' || typeof since !== 'number') {
    throw new PaminaError('STORE_DAMAGED', 'a permitted replica in the store is not readable');
  }
  return { name, simultaneousQuery: simultaneousQuery === true, since };
}
