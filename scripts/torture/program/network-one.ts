// One client of the torture `network`: its connection, its writes one after the other, and reads beside them.

import { RemotePamina } from '@pamina/client';
import type { Directory } from '@pamina/directory';
import type { Env } from '@pamina/env';
import { type ErrorCode, isPaminaError, toPaminaError } from '@pamina/format';
import type { Dice } from './dice.js';
import { sleep } from './network-silent.js';
import { largeBytes, largeKey } from './network-words.js';
import {
  isSameState,
  prefixOf,
  stateAfter,
  stateText,
  writeOf,
  type ClientState,
  type Known,
} from './network-work.js';

export interface ClientOptions {
  readonly number: number;
  readonly database: string;
  readonly directory: Directory;
  readonly env: Env;
  readonly token: string;
  readonly dice: Dice;
  readonly pauseMsMax: number;
  readonly isSpoiled: boolean;
  /** From a journal. */
  readonly known: Known;
  readonly ending: AbortSignal;
  /** Into the journal, before what follows. */
  note(word: 'begin' | 'end', write: number): void;
  done(what: string, ms: number): void;
  refused(code: string): void;
  fault(what: string): void;
}

/** What a client meets whose server, or whose replica, stops or comes back. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'BACKLOG_FULL',
  'COMMIT_UNKNOWN',
  'CONNECTION_LOST',
  'CONNECT_FAILED',
  'DATABASE_CLOSED',
  'DATABASE_NOT_FOUND',
  'DATABASE_OFFLINE',
  'DATABASE_STOPPING',
  'LOCK_TIMEOUT',
  'POSITION_TIMEOUT',
  'QUERY_CANCELLED',
  'REPLICA_STALE',
  'STORE_REOPENED',
  'TIMEOUT',
  'TRANSACTION_TIMEOUT',
]);
const readFroms = ['master', 'replica', 'nearest'] as const;
const reads = ['get', 'getMany', 'iterator', 'snapshot'] as const;
/** Of so many reads one is large. */
const oneLargeIn = 50;
/** Connections come up one after the other. */
const spreadMsMax = 5000;

export class NetworkClient {
  readonly #options: ClientOptions;
  readonly #db: RemotePamina;
  readonly #prefix: string;
  #acknowledged: number;
  #begun: number;

  constructor(options: ClientOptions) {
    const { database, directory, env, known, number, token } = options;
    const readFrom = readFroms[number % readFroms.length];
    this.#options = options;
    this.#prefix = prefixOf(number);
    this.#acknowledged = known.acknowledged;
    this.#begun = known.begun;
    this.#db = new RemotePamina(`pamina://${database}`, { env, directory, token, readFrom });
  }

  async run(): Promise<void> {
    const { dice, ending, env, pauseMsMax } = this.#options;
    await sleep(env, dice.below(Math.min(spreadMsMax, 10 * pauseMsMax)), ending);
    await this.#until(() => this.#db.open());
    await this.#settle();
    while (!ending.aborted) {
      const reading = this.#read();
      if (!(await this.#write())) await this.#settle();
      await reading;
      await this.#read();
      await sleep(env, dice.below(pauseMsMax), ending);
    }
    await this.#settle();
    await this.#db.close();
  }

  /** False where it cannot know whether it is there. */
  async #write(): Promise<boolean> {
    const number = this.#acknowledged + 1;
    const write = writeOf(number);
    this.#options.note('begin', number);
    this.#begun = number;
    const isDone = await this.#tried(write.kind, async () => {
      const key = (name: string): string => this.#prefix + name;
      if (write.kind === 'put') await this.#db.put(key(write.key), write.value);
      else if (write.kind === 'del') await this.#db.del(key(write.key));
      else if (write.kind === 'clear') {
        await this.#db.clear({ gte: key(write.from), lt: key(write.to) });
      } else if (write.kind === 'batch') {
        const { keys, value } = write;
        await this.#db.batch(keys.map((name) => ({ type: 'put', key: key(name), value })));
      } else {
        const { keys, value } = write;
        await this.#db.transaction(async (transaction) => {
          for (const name of keys) {
            await transaction.get(key(name));
            await transaction.put(key(name), value);
          }
        });
      }
      return true;
    });
    if (isDone !== true) return false;
    this.#acknowledge(number);
    return true;
  }

  #acknowledge(number: number): void {
    // What it forgets is there all the same, and has to be noticed.
    const isForgotten = this.#options.isSpoiled && number === 4;
    this.#acknowledged = isForgotten ? number - 1 : number;
    this.#begun = this.#acknowledged;
    this.#options.note('end', this.#acknowledged);
  }

  /** What is there says how far it came: as far as it knows, or one write further. */
  async #settle(): Promise<void> {
    const found = await this.#until(async () => {
      // Of the master, whatever other reads ask for.
      const transaction = await this.#db.begin();
      try {
        return await this.#rowsOf(transaction);
      } finally {
        await transaction.rollback();
      }
    });
    if (found === null) return;
    const possible = [this.#acknowledged, this.#begun];
    const at = possible.find((number) => isSameState(stateAfter(number), found));
    if (at === undefined) this.#wrong('the master has', found, possible);
    this.#acknowledged = at ?? this.#begun;
    this.#begun = this.#acknowledged;
    this.#options.note('end', this.#acknowledged);
  }

  async #read(): Promise<void> {
    if (this.#options.dice.below(oneLargeIn) === 0) return this.#readLarge();
    const kind = this.#options.dice.pick(reads);
    const from = this.#acknowledged;
    const found = await this.#tried(kind, () => this.#found(kind));
    if (found === null) return;
    const possible = this.#begun === from ? [from] : [from, this.#begun];
    const wanted = possible.map((number) => restricted(stateAfter(number), kind));
    if (!wanted.some((state) => isSameState(state, found))) {
      this.#wrong(`${kind} shows`, found, possible);
    }
  }

  /** What others ask for and never read. */
  async #readLarge(): Promise<void> {
    const value = await this.#tried('large', () => this.#db.get(largeKey));
    if (value === null || value?.length === largeBytes) return;
    this.#options.fault(`${largeKey} has ${value?.length} characters`);
  }

  async #found(kind: (typeof reads)[number]): Promise<ClientState> {
    const names = ['a', 'b'];
    const keys = names.map((name) => this.#prefix + name);
    if (kind === 'iterator') return this.#rowsOf(this.#db);
    if (kind === 'get') return stateOf(['a'], [await this.#db.get(`${this.#prefix}a`)]);
    if (kind === 'getMany') return stateOf(names, await this.#db.getMany(keys));
    const snapshot = this.#db.snapshot();
    try {
      const values: (string | undefined)[] = [];
      for (const key of keys) values.push(await this.#db.get(key, { snapshot }));
      return stateOf(names, values);
    } finally {
      await snapshot.close();
    }
  }

  async #rowsOf(reader: Reader): Promise<ClientState> {
    const range = { gte: this.#prefix, lt: `${this.#prefix}~` };
    const rows = new Map<string, string>();
    for (const [key, value] of await reader.iterator(range).all()) {
      rows.set(key.slice(this.#prefix.length), value);
    }
    return rows;
  }

  /** Null where it was refused as it may be. */
  async #tried<T>(what: string, task: () => Promise<T>): Promise<T | null> {
    const startedAt = performance.now();
    try {
      const result = await task();
      this.#options.done(what, performance.now() - startedAt);
      return result;
    } catch (error) {
      // A database that could not be opened says why underneath.
      const cause = isPaminaError(error) || !(error instanceof Error) ? null : error.cause;
      const { code, message } = toPaminaError(isPaminaError(cause) ? cause : error);
      this.#options.refused(code);
      if (!passing.has(code)) this.#options.fault(`${what}: ${code}: ${message}`);
      return null;
    }
  }

  /** Null once it is to end. */
  async #until<T>(task: () => Promise<T>): Promise<T | null> {
    const { ending, env } = this.#options;
    for (;;) {
      const result = await this.#tried('settle', task);
      if (result !== null) return result;
      if (ending.aborted) return null;
      await sleep(env, 100, ending);
    }
  }

  #wrong(what: string, found: ClientState, possible: readonly number[]): void {
    const wanted = possible.map((number) => `${stateText(stateAfter(number))} (write ${number})`);
    this.#options.fault(`${what} ${stateText(found)}, wanted ${wanted.join(' or ')}`);
  }
}

/** A database, or a transaction. */
interface Reader {
  iterator(range: { readonly gte: string; readonly lt: string }): {
    all(): Promise<[string, string][]>;
  };
}

/** What a read of that kind looks at. */
function restricted(state: ClientState, kind: (typeof reads)[number]): ClientState {
  const names = { get: ['a'], getMany: ['a', 'b'], snapshot: ['a', 'b'], iterator: null }[kind];
  return names === null ? state : new Map([...state].filter(([name]) => names.includes(name)));
}

function stateOf(names: readonly string[], values: readonly (string | undefined)[]): ClientState {
  const pairs = names.map((name, at) => [name, values[at]] as const);
  return new Map(pairs.filter((one): one is [string, string] => one[1] !== undefined));
}
