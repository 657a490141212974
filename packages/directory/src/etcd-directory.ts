// A directory in etcd, for servers that share no file. An entry stays until it is withdrawn or taken over, each time
// by a transaction that holds only if nobody changed it since it was looked at: of two that want a name one has it.

import { PaminaError, toPaminaError, validateName } from '@pamina/format';
import {
  type DirectoryContent,
  directoryEntriesMax,
  parseEntryText,
  printEntry,
  validateAddress,
} from './directory-content.js';
import { type Directory, type DirectoryEntry, type IsAlive, isSame, taken } from './directory.js';
import { parseEtcdAddress } from './etcd-address.js';
import {
  type EtcdAnswer,
  EtcdClient,
  type EtcdEnv,
  endOf,
  inBase64,
  isRecord,
} from './etcd-client.js';
import { EtcdPresence } from './etcd-presence.js';
import { SharedRead } from './shared-read.js';

/** As for a file. */
const attemptsMax = 5;
const watchAgainMsMin = 100;
const watchAgainMsMax = 5000;

export interface EtcdDirectoryOptions {
  /** Its network is that which speaks TLS as etcd wants it. */
  readonly env: EtcdEnv;
  /** `etcd://HOST:PORT` and so on. */
  readonly address: string;
}

interface Stored {
  /** 0 = there is none. */
  readonly revision: string;
  readonly entry: DirectoryEntry | null;
}

const nothing: Stored = { revision: '0', entry: null };

export class EtcdDirectory implements Directory {
  readonly #env: EtcdEnv;
  readonly #client: EtcdClient;
  readonly #presence: EtcdPresence;
  readonly #names: string;
  readonly #alive: string;
  readonly #prefix: string;
  readonly #listeners = new Set<() => void>();
  readonly #listing = new SharedRead(() => this.#list());
  readonly #resolving = new Map<string, SharedRead<DirectoryEntry | null>>();
  /** What was read last. Complete once all were listed. */
  #known = new Map<string, DirectoryEntry>();
  #isComplete = false;
  #problem: PaminaError | null = null;
  #watching: Promise<void> | null = null;
  #cancelWait: () => void = () => undefined;
  #isClosed = false;

  /** ADDRESS_INVALID */
  constructor({ address, env }: EtcdDirectoryOptions) {
    const place = parseEtcdAddress(address);
    this.#env = env;
    this.#client = new EtcdClient({ env, place });
    this.#presence = new EtcdPresence({
      client: this.#client,
      clock: env.clock,
      onProblem: (error) => this.#note(error),
    });
    this.#prefix = place.prefix;
    this.#names = `${place.prefix}names/`;
    this.#alive = `${place.prefix}alive/`;
  }

  get problem(): PaminaError | null {
    return this.#problem;
  }

  describe(): string {
    return this.#client.describe();
  }

  /** Falls back to what was read last, with `problem` set; DIRECTORY_UNREACHABLE, DIRECTORY_INVALID without that. */
  async resolve(name: string): Promise<DirectoryEntry | null> {
    const reading = this.#resolving.get(name) ?? new SharedRead(() => this.#resolve(name));
    this.#resolving.set(name, reading);
    try {
      return await reading.run();
    } finally {
      if (reading.isIdle) this.#resolving.delete(name);
    }
  }

  async #resolve(name: string): Promise<DirectoryEntry | null> {
    try {
      const { entry } = await this.#read(name);
      // Of names that are nowhere nothing is kept: callers choose them.
      if (entry === null) this.#known.delete(name);
      else this.#known.set(name, entry);
      this.#problem = null;
      return entry;
    } catch (error) {
      const problem = this.#note(error);
      const known = this.#known.get(name);
      if (known === undefined && !this.#isComplete) throw problem;
      return known ?? null;
    }
  }

  /** As `resolve`. An entry that cannot be read is left out, and is the `problem`. */
  list(): Promise<DirectoryContent> {
    return this.#listing.run();
  }

  async #list(): Promise<DirectoryContent> {
    try {
      const limit = String(directoryEntriesMax + 1);
      const range = { key: inBase64(this.#names), range_end: endOf(this.#names), limit };
      const stored = keyValuesOf(await this.#client.call('kv/range', range));
      if (stored.length > directoryEntriesMax) throw this.#invalid('it has too many names');
      const content = new Map<string, DirectoryEntry>();
      this.#problem = null;
      for (const { key, value } of stored) {
        try {
          const name = validateName(key.slice(this.#names.length));
          content.set(name, parseEntryText(value));
        } catch (cause) {
          this.#problem = this.#invalid(key, cause);
        }
      }
      this.#known = new Map(content);
      this.#isComplete = true;
      return content;
    } catch (error) {
      const problem = this.#note(error);
      if (!this.#isComplete) throw problem;
      return new Map(this.#known);
    }
  }

  /** Beside what the interface says: DIRECTORY_UNREACHABLE, DIRECTORY_INVALID. */
  async register(name: string, address: string, instance: string, isAlive: IsAlive): Promise<void> {
    const entry = { address: validateAddress(address), instance, since: this.#env.clock.now() };
    validateName(name);
    const holder = await this.#changing(() => this.#enter(name, entry, isAlive));
    if (holder !== null) throw taken(name, holder, this.describe());
    this.#known.set(name, entry);
    await this.#presence.add(this.#aliveKey(name, instance));
  }

  /** The one who keeps it; null when it is entered. */
  async #enter(
    name: string,
    entry: DirectoryEntry,
    isAlive: IsAlive,
  ): Promise<DirectoryEntry | null> {
    let found = await this.#read(name);
    let dead: DirectoryEntry | null = null;
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const { entry: holder } = found;
      if (holder?.instance === entry.instance && holder.address === entry.address) return null;
      if (holder !== null && !isSame(holder, dead)) {
        if (await isAlive(holder)) return holder;
        dead = holder;
      }
      if (holder === null) await this.#requireRoom();
      const put = { key: inBase64(this.#nameKey(name)), value: inBase64(printEntry(entry)) };
      const after = await this.#swap(name, found, [{ request_put: put }]);
      if (after === null) return null;
      found = after;
    }
    throw new PaminaError('NAME_TAKEN', `others are taking the name ${name} at this moment`);
  }

  async withdraw(name: string, instance: string): Promise<boolean> {
    const alive = this.#aliveKey(name, instance);
    this.#presence.forget(alive);
    return this.#changing(async () => {
      let found = await this.#read(name);
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        if (found.entry?.instance !== instance) {
          await this.#client.call('kv/deleterange', { key: inBase64(alive) });
          return false;
        }
        const after = await this.#swap(name, found, [
          { request_delete_range: { key: inBase64(this.#nameKey(name)) } },
          { request_delete_range: { key: inBase64(alive) } },
        ]);
        this.#known.delete(name);
        if (after === null) return true;
        found = after;
      }
      throw new PaminaError('DIRECTORY_LOCKED', `others are changing ${name} at this moment`);
    });
  }

  onChange(listener: () => void): () => void {
    if (this.#isClosed) throw new PaminaError('ABORTED', `${this.describe()} is closed`);
    this.#listeners.add(listener);
    this.#watching ??= this.#watch();
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listeners.clear();
    this.#cancelWait();
    try {
      await this.#presence.close();
    } catch (error) {
      // The lease runs out by itself.
      this.#note(error);
    }
    this.#client.close();
    await this.#watching;
  }

  /** One watch after the other, with waits that grow while there is no etcd. */
  async #watch(): Promise<void> {
    let waitMs = watchAgainMsMin;
    while (!this.#isClosed) {
      const begunMs = this.#env.clock.monotonic();
      try {
        await this.#client.watch(this.#prefix, () => this.#changed());
      } catch (error) {
        this.#note(error);
      }
      if (this.#isClosed) return;
      // One that breaks as soon as it has begun is no better than none.
      if (this.#env.clock.monotonic() - begunMs > watchAgainMsMax) waitMs = watchAgainMsMin;
      await new Promise<void>((resolve) => {
        const cancel = this.#env.clock.after(waitMs, resolve);
        this.#cancelWait = () => {
          cancel();
          resolve();
        };
      });
      waitMs = Math.min(2 * waitMs, watchAgainMsMax);
    }
  }

  /** Reads, so that `problem` tells the truth, then tells the listeners. */
  #changed(): void {
    const tell = (): void => {
      for (const listener of this.#listeners) listener();
    };
    this.list().then(tell, tell);
  }

  async #changing<T>(change: () => Promise<T>): Promise<T> {
    try {
      const result = await change();
      this.#problem = null;
      return result;
    } catch (error) {
      const problem = toPaminaError(error);
      if (problem.code.startsWith('DIRECTORY_')) this.#problem = problem;
      throw problem;
    }
  }

  async #read(name: string): Promise<Stored> {
    const answer = await this.#client.call('kv/range', { key: inBase64(this.#nameKey(name)) });
    return this.#storedIn(answer);
  }

  /** Null when it was done; else what stands there instead of what was found. */
  async #swap(name: string, found: Stored, success: object[]): Promise<Stored | null> {
    const key = inBase64(this.#nameKey(name));
    const answer = await this.#client.call('kv/txn', {
      compare: [{ key, target: 'MOD', mod_revision: found.revision, result: 'EQUAL' }],
      success,
      failure: [{ request_range: { key } }],
    });
    if (answer['succeeded'] === true) return null;
    const [first] = Array.isArray(answer['responses']) ? (answer['responses'] as unknown[]) : [];
    const range = isRecord(first) ? first['response_range'] : null;
    return isRecord(range) ? this.#storedIn(range) : nothing;
  }

  async #requireRoom(): Promise<void> {
    const range = { key: inBase64(this.#names), range_end: endOf(this.#names), count_only: true };
    const count = Number((await this.#client.call('kv/range', range))['count'] ?? 0);
    if (count >= directoryEntriesMax) throw this.#invalid(`it is full: ${count} names`);
  }

  #storedIn(answer: EtcdAnswer): Stored {
    const [first] = keyValuesOf(answer);
    if (first === undefined) return nothing;
    try {
      return { revision: first.revision, entry: parseEntryText(first.value) };
    } catch (cause) {
      // Never written over: somebody else has his reasons for it.
      throw this.#invalid(first.key, cause);
    }
  }

  #note(error: unknown): PaminaError {
    this.#problem = toPaminaError(error);
    return this.#problem;
  }

  #invalid(what: string, cause?: unknown): PaminaError {
    const why = cause === undefined ? '' : `: ${toPaminaError(cause).message}`;
    return new PaminaError('DIRECTORY_INVALID', `${this.describe()}: ${what}${why}`, { cause });
  }

  #nameKey(name: string): string {
    return `${this.#names}${name}`;
  }

  #aliveKey(name: string, instance: string): string {
    return `${this.#alive}${name}/${instance}`;
  }
}

interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly revision: string;
}

function keyValuesOf({ kvs }: EtcdAnswer): KeyValue[] {
  const all: unknown[] = Array.isArray(kvs) ? kvs : [];
  return all.filter(isRecord).map((one) => ({
    key: fromBase64(one['key']),
    value: fromBase64(one['value']),
    revision: typeof one['mod_revision'] === 'string' ? one['mod_revision'] : '0',
  }));
}

function fromBase64(text: unknown): string {
  return typeof text === 'string' ? Buffer.from(text, 'base64').toString('utf8') : '';
}
