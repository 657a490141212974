// Reading and writing the data of a database through the host. Keys and values are text (UTF-8).

import { formatPosition, PaminaError, userPrefix } from '@pamina/format';
import type { Database, Operation } from '@pamina/engine';
import {
  answerWaitMsMax,
  type BatchOperation,
  type Committed,
  type Entry,
  type ExportOptions,
  type GetOptions,
  type ImportReport,
  type Progress,
  type WriteOptions,
} from '@pamina/wire';
import { behindPrefix, bytesOf, operationOf, textOf } from './entry-text.js';
import type { HostCore } from './host-core.js';

const importEntriesMax = 1_000;
const importBytesMax = 1024 * 1024;
/** Commits of an import that are under way: one is encoded while another is synced. */
const importCommitsMax = 4;

export async function put(
  core: HostCore,
  name: string,
  { key, value }: Entry,
  options?: WriteOptions,
): Promise<Committed> {
  return batch(core, name, [{ type: 'put', key, value }], options);
}

export async function del(
  core: HostCore,
  name: string,
  key: string,
  options?: WriteOptions,
): Promise<Committed> {
  return batch(core, name, [{ type: 'del', key }], options);
}

/** Who asked is told in time: REPLICAS_UNCONFIRMED where replicas have not confirmed it by then. */
export async function batch(
  core: HostCore,
  name: string,
  operations: readonly BatchOperation[],
  { durability }: WriteOptions = {},
): Promise<Committed> {
  const encoded = operations.map(operationOf);
  return core.useData(name, 'write', async ({ database }) => {
    const position = await answeredInTime(database, durability, (signal) =>
      database.commit(encoded, { durability, signal }),
    );
    return { position: formatPosition(position) };
  });
}

/** What waits for replicas is given a signal that ends the wait while who asked still listens. */
export async function answeredInTime<T>(
  { env, synchronous }: Database,
  durability: WriteOptions['durability'],
  commit: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  const isLocal =
    typeof durability === 'string' || (durability === undefined && synchronous.byDefault === null);
  if (isLocal) return commit(undefined);
  const waiting = new AbortController();
  const why = `no answer within ${answerWaitMsMax} ms`;
  const cancel = env.clock.after(answerWaitMsMax, () => waiting.abort(why));
  try {
    return await commit(waiting.signal);
  } finally {
    cancel();
  }
}

export async function get(
  core: HostCore,
  name: string,
  key: string,
  options: GetOptions = {},
): Promise<string> {
  return core.useData(name, 'read', async ({ database }) => {
    await readableAs(database, options);
    const value = await database.get(bytesOf(key));
    if (value !== undefined) return textOf(value, `the value of ${JSON.stringify(key)}`);
    throw keyNotFound(name, key);
  });
}

export function keyNotFound(name: string, key: string): PaminaError {
  return new PaminaError('KEY_NOT_FOUND', `${name} has no key ${JSON.stringify(key)}`);
}

/** Resolves when what a read sees is as it demands. NOT_QUERYABLE, and as `GetOptions` says. */
export async function readableAs(
  database: Database,
  { after, maxStalenessMs, timeoutMs = answerWaitMsMax / 2 }: GetOptions,
): Promise<void> {
  database.assertReadable();
  if (after !== undefined) await database.positions.waitFor(after, { timeoutMs });
  if (maxStalenessMs !== undefined) database.freshness.require(maxStalenessMs);
}

export async function* exportEntries(
  core: HostCore,
  name: string,
  { prefix = '' }: ExportOptions = {},
): AsyncIterable<Entry> {
  const held = await core.holdData(name, 'read');
  try {
    const { database } = held;
    for await (const [key, value] of prefix === ''
      ? database.entries()
      : startingWith(database, prefix)) {
      held.online?.signal.throwIfAborted();
      const text = textOf(key, 'a key');
      yield { key: text, value: textOf(value, `the value of ${JSON.stringify(text)}`) };
    }
  } finally {
    await held.release();
  }
}

async function* startingWith(
  database: Database,
  prefix: string,
): AsyncIterable<[Uint8Array, Uint8Array]> {
  database.assertReadable();
  const from = Buffer.concat([Buffer.of(userPrefix), bytesOf(prefix)]);
  const to = Buffer.from(behindPrefix(from));
  for await (const [key, value] of database.reader.entries(from, to))
    yield [key.subarray(1), value];
}

export async function importEntries(
  core: HostCore,
  name: string,
  entries: AsyncIterable<Entry>,
  progress?: Progress,
): Promise<ImportReport> {
  return core.useData(name, 'write', async ({ database, online }) => {
    const commits = new CommitWindow(async (operations) =>
      formatPosition(await database.commit(operations)),
    );
    let batchOf: Operation[] = [];
    let bytes = 0;
    let count = 0;
    for await (const { key, value } of entries) {
      online?.signal.throwIfAborted();
      const operation = operationOf({ type: 'put', key, value });
      batchOf.push(operation);
      bytes += key.length + value.length;
      count += 1;
      if (batchOf.length < importEntriesMax && bytes < importBytesMax) continue;
      await commits.add(batchOf);
      progress?.({ step: 'import', done: count, total: null, unit: 'entries' });
      batchOf = [];
      bytes = 0;
    }
    if (batchOf.length > 0) await commits.add(batchOf);
    const position = (await commits.finish()) ?? formatPosition(database.applied());
    return { entries: count, position };
  });
}

/** Keeps a bounded number of commits under way, in order; the first failure ends the import. */
class CommitWindow {
  readonly #commit: (operations: Operation[]) => Promise<string>;
  readonly #pending: Promise<string>[] = [];
  #last: string | null = null;

  constructor(commit: (operations: Operation[]) => Promise<string>) {
    this.#commit = commit;
  }

  async add(operations: Operation[]): Promise<void> {
    const pending = this.#commit(operations);
    // Awaited in its turn; until then a failure must not count as unhandled.
    pending.catch(() => undefined);
    this.#pending.push(pending);
    if (this.#pending.length >= importCommitsMax) await this.#next();
  }

  async finish(): Promise<string | null> {
    while (this.#pending.length > 0) await this.#next();
    return this.#last;
  }

  async #next(): Promise<void> {
    const oldest = this.#pending.shift();
    if (oldest !== undefined) this.#last = await oldest;
  }
}
