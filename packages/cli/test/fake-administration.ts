// An administration that remembers its calls and gives prepared answers, and a run of the command
// against it.
import type {
  Administration,
  ArchiveSummary,
  BackupSummary,
  DatabaseStatus,
  Entry,
  ExpireAnswer,
  FailoverReport,
  JobEvent,
  LogLine,
  NewToken,
  RebuildReport,
  RejoinReport,
  ReplicaHold,
  ReplicaSummary,
  VerifyReport,
  RestoreReport,
  UserCalls,
  UserSummary,
} from '@pamina/wire';
import { PaminaError } from '@pamina/format';
import { Writable } from 'node:stream';
import type { Io, Parts } from '../src/io.js';
import { run } from '../src/run.js';

export const aBackup: BackupSummary = {
  id: '0000000000000005-1',
  kind: 'full',
  form: 'logical',
  tag: 'demo',
  database: 'cities',
  pattern: 'ab'.repeat(16),
  position: '1/5',
  createdAt: Date.UTC(2026, 6, 29, 13, 38, 5),
  entries: 138_398,
  bytes: 5 * 1024 * 1024,
  rawBytes: 40 * 1024 * 1024,
  stateHash: 'cd'.repeat(32),
};

const decision = { kind: 'full', tag: null } as const;
const anExpiry: ExpireAnswer = {
  decisions: [
    {
      ...decision,
      id: '0000000000000009-1',
      bytes: 5 * 1024 * 1024,
      keeps: true,
      isDue: false,
      reasons: ['generation 1 of 3'],
    },
    {
      ...decision,
      id: '0000000000000005-1',
      bytes: 2 * 1024 * 1024,
      keeps: false,
      isDue: true,
      reasons: ['beyond the 3 newest'],
    },
  ],
  removed: ['0000000000000005-1'],
  freedBytes: 2 * 1024 * 1024,
  keepFromSeq: 10,
  logBytes: 4096,
  dryRun: false,
};

export const aStatus: DatabaseStatus = {
  name: 'cities',
  type: 'normal',
  online: true,
  state: 'open',
  reason: null,
  since: Date.UTC(2026, 6, 29, 13, 38, 5),
  message: null,
  instance: 'ef'.repeat(16),
  pattern: 'ab'.repeat(16),
  timeline: { timeline: 1, id: '0f3a0f3a0f3a0f3a', forkedFrom: null, atSeq: 0, why: 'created' },
  timelines: [],
  position: '1/5',
  received: '1/5',
  durable: '1/5',
  applied: '1/5',
  sizeBytes: 64 * 1024 * 1024,
  readOnly: false,
  simultaneousQuery: false,
  settings: { replicationDelayMs: 5000, backupGenerations: 3 },
  master: null,
  audit: null,
  backups: { count: 2, newest: aBackup },
  log: { segments: 1, bytes: 4096, firstSeq: 1 },
  createdAt: Date.UTC(2026, 6, 1),
};

const lag = { records: 12, bytes: 3482, seconds: 0.5 };
const noLag = { records: 0, bytes: 0, seconds: 0 };

export const aReplica: DatabaseStatus = {
  ...aStatus,
  name: 'cities-replica',
  type: 'replica',
  state: 'catching-up',
  reason: 'behind the master',
  received: '1/500',
  durable: '1/490',
  applied: '1/488',
  position: '1/488',
  master: {
    name: 'cities',
    address: 'http://127.0.0.1:7474',
    durable: '1/500',
    lag: { received: noLag, durable: { ...lag, records: 10 }, applied: lag },
    lastReplicatedModificationTime: Date.UTC(2026, 6, 29, 13, 38, 4),
  },
};

export const aHold: ReplicaHold = {
  replica: 'cities-replica',
  state: 'holding',
  position: '1/9',
  bytes: 5 * 2 ** 30,
  since: 0,
  cap: null,
};

export const aPermitted: ReplicaSummary = {
  name: 'cities-replica',
  instance: null,
  permitted: true,
  simultaneousQuery: false,
  connected: false,
  state: 'permitted',
  since: Date.UTC(2026, 6, 29, 13, 38, 5),
  reason: 'it has not connected yet',
  received: null,
  durable: null,
  applied: null,
  lag: {
    received: { records: null, bytes: null, seconds: null },
    durable: { records: null, bytes: null, seconds: null },
    applied: { records: null, bytes: null, seconds: null },
  },
  seenAt: null,
};

export const anArchive: ArchiveSummary = {
  name: 'main',
  address: '/mnt/archive',
  encrypted: false,
  state: 'idle',
  problem: null,
  hint: null,
  archived: '1/488',
  archivedTime: Date.UTC(2026, 6, 29, 13, 38, 4),
  behindBytes: 0,
  backups: 2,
};

export const anEvent: JobEvent = {
  time: Date.UTC(2026, 6, 29, 13, 38, 5),
  level: 'info',
  event: 'session-started',
  message: 'No replication databases allow simultaneous query',
};

export const aLogLine: LogLine = {
  position: '1/7',
  seq: 7,
  kind: 'commit',
  time: Date.UTC(2026, 6, 29, 13, 38, 5, 12),
  bytes: 120,
  session: 3,
  segment: '1-0f/00000003/0000000000000005.seg',
  offset: 128,
  operationCount: 6,
  operations: ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => ({
    type: 'put',
    space: 'user',
    key,
    valueBytes: 10,
  })),
  body: null,
};

export const aVerification: VerifyReport = {
  verdict: 'verified',
  checks: [
    {
      check: 'files',
      subject: aBackup.id,
      verdict: 'verified',
      message: 'every file is what the manifest says',
      code: null,
      problems: [],
      problemCount: 0,
      differences: [],
      bytes: 2048,
      rememberedAt: null,
    },
  ],
};

export const aRebuild: RebuildReport = {
  backup: aBackup.id,
  position: '1/48213',
  records: 48_208,
  entries: 138_398,
  stateHash: 'cd'.repeat(32),
  compared: 2,
  kept: ['/data/cities/store.kept-2026'],
  removed: [],
};

export const aRestore: RestoreReport = {
  name: 'copy',
  dryRun: false,
  how: 'new',
  backup: '0000000000000005-1',
  from: '/data/cities',
  backupPosition: '1/5',
  backupBytes: 5 * 1024 * 1024,
  log: [
    {
      file: '1-0f/00000003/0000000000000006.seg',
      source: '/data/cities/log',
      fromSeq: 6,
      toSeq: 7,
      bytes: 2048,
    },
  ],
  logBytes: 2048,
  records: 2,
  position: '1/7',
  time: Date.UTC(2026, 6, 29, 13, 38, 5, 12),
  keepsTimeline: false,
  kept: null,
  stateHash: 'cd'.repeat(32),
  proven: false,
};

export const aFailover: FailoverReport = {
  master: 'cities',
  successor: 'cities-replica',
  address: 'http://127.0.0.1:7475',
  position: '2/500',
  fenced: true,
  masterProblem: null,
  lost: { records: 0, isCertain: true },
  withoutWriterMs: 412,
  candidates: [
    {
      name: 'cities-replica',
      address: 'http://127.0.0.1:7475',
      durable: '1/500',
      seq: 500,
      state: 'streaming',
      problem: null,
    },
  ],
  followers: [],
  oldMaster: null,
  dryRun: false,
};

const aRejoin: RejoinReport = {
  name: 'cities-old',
  formerName: 'cities',
  master: 'cities',
  forkSeq: 500,
  unshipped: 3,
  rescue: '/data/.rescue/cities.ndjson',
  way: 'recreated',
  kept: '/data/.replaced/cities-old',
  dryRun: false,
};

export interface Fake extends Administration {
  readonly calls: unknown[][];
}

export async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}

/** Arguments that are functions or signals are left out of `calls`, undefined options too. */
export function fakeAdministration(answers: Partial<Administration> = {}): Fake {
  const calls: unknown[][] = [];
  const defaults: Partial<Administration> = {
    list: () => Promise.resolve([aStatus]),
    status: (name) => Promise.resolve(name === aReplica.name ? aReplica : { ...aStatus, name }),
    create: (name) => Promise.resolve({ ...aStatus, name }),
    restore: () => Promise.resolve(aRestore),
    start: (name) => Promise.resolve({ ...aStatus, name }),
    stop: (name) => Promise.resolve({ ...aStatus, name, online: false, state: 'offline' }),
    backup: () => Promise.resolve(aBackup),
    backups: () => Promise.resolve([aBackup]),
    addArchive: (_name, name, { address }) => Promise.resolve({ ...anArchive, name, address }),
    removeArchive: () => Promise.resolve(),
    archives: () => Promise.resolve([anArchive]),
    runArchive: () => Promise.resolve([anArchive]),
    expire: (_name, { dryRun = false } = {}) => Promise.resolve({ ...anExpiry, dryRun }),
    allow: () => Promise.resolve(),
    deny: () => Promise.resolve(),
    replicas: () => Promise.resolve([aPermitted]),
    replicate: (name) => Promise.resolve({ ...aReplica, name }),
    apply: (name) => Promise.resolve({ ...aReplica, name, state: 'paused' }),
    reset: (name) => Promise.resolve({ ...aStatus, name }),
    rename: (_name, to) => Promise.resolve({ ...aStatus, name: to }),
    failover: (master, { dryRun = false } = {}) =>
      Promise.resolve({ ...aFailover, master, dryRun }),
    rejoin: (formerName, { dryRun = false } = {}) =>
      Promise.resolve({ ...aRejoin, formerName, dryRun }),
    locks: () => Promise.resolve([]),
    releaseLocks: () => Promise.resolve(),
    unfence: (name) => Promise.resolve({ ...aStatus, name }),
    delete: () => Promise.resolve({ removed: ['cities/store'], kept: [] }),
    set: (_name, property, value) => Promise.resolve({ [property]: value }),
    put: () => Promise.resolve({ position: '1/6' }),
    get: () => Promise.resolve('value'),
    del: () => Promise.resolve({ position: '1/7' }),
    importEntries: async (_name, entries) => {
      let count = 0;
      for await (const _entry of entries) count += 1;
      return { entries: count, position: '1/9' };
    },
    exportEntries: () => each<Entry>([{ key: 'a', value: '1' }]),
    query: () => each<Entry>([{ key: 'a', value: '1' }]),
    jobLog: () => each([anEvent]),
    log: () => each([aLogLine]),
    hash: () =>
      Promise.resolve({
        position: '1/5',
        stateHash: 'cd'.repeat(32),
        recovered: false,
        comparedWith: [],
        verified: null,
      }),
    verify: () => Promise.resolve(aVerification),
    rebuild: () => Promise.resolve(aRebuild),
    close: () => Promise.resolve(),
    ...answers,
  };
  const { users: _users, ...verbs } = defaults;
  const remembering = Object.entries(verbs).map(([name, answer]) => [
    name,
    (...given: unknown[]) => {
      calls.push([name, ...given.filter(isPlain)]);
      return (answer as (...given: unknown[]) => unknown)(...given);
    },
  ]);
  const users = { ...fakeUsers(calls), ...answers.users };
  return { ...(Object.fromEntries(remembering) as Administration), users, calls };
}

export const aUser: UserSummary = {
  name: 'alice',
  roles: ['write'],
  since: Date.UTC(2026, 6, 29, 13, 38, 5),
  tokens: [
    {
      id: '0f3a9c11d2e4b587',
      label: 'laptop',
      createdAt: Date.UTC(2026, 6, 29, 13, 38, 5),
      expiresAt: null,
    },
  ],
};
export const aToken = `pamina_0f3a9c11d2e4b587_${'s'.repeat(43)}`;

/** Remembered as `users.add`, and so on. */
function fakeUsers(calls: unknown[][]): UserCalls {
  const made: NewToken = { user: aUser, id: '0f3a9c11d2e4b587', token: aToken };
  const note = (...call: unknown[]): void => {
    calls.push(call.filter((one) => one !== undefined));
  };
  return {
    list: (name) => Promise.resolve([aUser]).finally(() => note('users.list', name)),
    add: (...given) => Promise.resolve(made).finally(() => note('users.add', ...given)),
    setRoles: (name, user, roles) => {
      note('users.setRoles', name, user, roles);
      return Promise.resolve({ ...aUser, roles });
    },
    remove: (...given) => Promise.resolve(note('users.remove', ...given)),
    addToken: (...given) => Promise.resolve(made).finally(() => note('users.addToken', ...given)),
    removeToken: (...given) => {
      note('users.removeToken', ...given);
      return Promise.resolve({ ...aUser, tokens: [] });
    },
  };
}

function isPlain(value: unknown): boolean {
  if (typeof value !== 'object' || value === null)
    return typeof value !== 'function' && value !== undefined;
  return !(value instanceof AbortSignal) && !(Symbol.asyncIterator in value);
}

export class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** Stdout, parsed line by line. */
  readonly objects: Record<string, unknown>[];
}

/** Every name is administered by `administration`. */
export async function runWith(
  administration: Administration,
  argv: readonly string[],
  more: Partial<Io> & { parts?: Parts } = {},
): Promise<Ran> {
  const findTarget = () => Promise.resolve(administration);
  return runCommand(argv, { ...more, parts: { findTarget, ...more.parts } });
}

export async function runCommand(
  argv: readonly string[],
  more: Partial<Io> & { parts?: Parts } = {},
): Promise<Ran> {
  const out = new Sink();
  const err = new Sink();
  const { parts, ...io } = more;
  const status = await run(
    argv,
    { stdout: out, stderr: err, env: {}, cwd: '/nowhere', ...io },
    parts,
  );
  return { status, out: out.text, err: withoutProgress(err.text), objects: jsonLines(out.text) };
}

/** How many lines of progress there are, and if any, is up to how busy the machine is. */
function withoutProgress(text: string): string {
  const isProgress = (line: string): boolean =>
    line.startsWith('{"progress":') || /^.+(: |, )[\d.:]+ (ms|s|min|h)$/.test(line);
  return text
    .split('\n')
    .filter((line) => !isProgress(line))
    .join('\n');
}

function jsonLines(text: string): Record<string, unknown>[] {
  if (!text.startsWith('{')) return [];
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

export const notFound = (name: string): PaminaError =>
  new PaminaError('DATABASE_NOT_FOUND', `There is no database ${name}`);
