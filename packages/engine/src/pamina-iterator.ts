// Iterators and snapshots of the abstract-level face: LevelDB's own, with the key prefix put on and
// taken off. Both are taken when they are created and so never see a later commit.
import { AbstractIterator, AbstractSnapshot, type AbstractLevel } from 'abstract-level';
import type { StoreLevel } from '@pamina/env';
import { userPrefix } from '@pamina/format';
import { storeKey, type Datum } from './operation.js';
import { storeReopened } from './state-store.js';

export type Format = 'utf8' | 'buffer' | 'view';

/** Range and encodings as abstract-level hands them to the private API: keys encoded, formats named. */
export interface PrivateRange {
  readonly gte?: Datum;
  readonly gt?: Datum;
  readonly lte?: Datum;
  readonly lt?: Datum;
  readonly reverse?: boolean;
  readonly limit?: number;
  readonly snapshot?: PaminaSnapshot | undefined;
}

export interface PrivateIteratorOptions extends PrivateRange {
  readonly keys: boolean;
  readonly values: boolean;
  readonly keyEncoding: Format;
  readonly valueEncoding: Format;
  readonly fillCache?: boolean;
  readonly highWaterMarkBytes?: number;
  readonly signal?: AbortSignal;
}

type Owner = AbstractLevel<string | Buffer | Uint8Array, unknown, unknown>;
type Entry = [key: unknown, value: unknown];
type InnerIterator = ReturnType<StoreLevel['iterator']>;

export class PaminaSnapshot extends AbstractSnapshot {
  readonly #inner: ReturnType<StoreLevel['snapshot']>;
  readonly #level: StoreLevel;

  constructor(level: StoreLevel, options: { owner: unknown }) {
    const inner = level.snapshot();
    // @ts-expect-error The published types leave out the options that the implementation needs.
    super(options);
    this.#level = level;
    this.#inner = inner;
  }

  /** LevelDB's own snapshot. STORE_REOPENED if it was of another LevelDB. */
  innerOf(level: StoreLevel): ReturnType<StoreLevel['snapshot']> {
    if (level !== this.#level) throw storeReopened();
    return this.#inner;
  }

  _close(): Promise<void> {
    return this.#inner.close();
  }
}

/** The same range among the keys of the store. */
export function storeRange(level: StoreLevel, range: PrivateRange): Record<string, unknown> {
  const { gte, gt, lte, lt } = range;
  // Where both kinds of bound are given the including one counts, as in every abstract-level database.
  const from =
    gte === undefined && gt !== undefined
      ? { gt: storeKey('user', gt) }
      : { gte: storeKey('user', gte ?? '') };
  const to =
    lte !== undefined
      ? { lte: storeKey('user', lte) }
      : { lt: lt === undefined ? Buffer.of(userPrefix + 1) : storeKey('user', lt) };
  const { reverse = false, limit = -1, snapshot } = range;
  const view = snapshot === undefined ? {} : { snapshot: snapshot.innerOf(level) };
  return { ...from, ...to, reverse, limit, ...view };
}

/** A key of the store as the user's format asks for it. */
function userKeyAs(format: Format, key: Buffer): unknown {
  if (format === 'utf8') return key.toString('utf8', 1);
  const rest = key.subarray(1);
  return format === 'buffer' ? rest : new Uint8Array(rest.buffer, rest.byteOffset, rest.length);
}

export class PaminaIterator extends AbstractIterator<Owner, unknown, unknown> {
  readonly #inner: InnerIterator;
  readonly #keys: boolean;
  readonly #format: Format;

  constructor(owner: Owner, level: StoreLevel, options: PrivateIteratorOptions) {
    const { keys, values, fillCache, highWaterMarkBytes, signal } = options;
    // First: from super() on the owner holds this iterator, and would close one that has nothing inside.
    const inner: InnerIterator = level.iterator({
      ...storeRange(level, options),
      keys,
      values,
      keyEncoding: 'buffer',
      valueEncoding: options.valueEncoding,
      ...(fillCache === undefined ? {} : { fillCache }),
      ...(highWaterMarkBytes === undefined ? {} : { highWaterMarkBytes }),
      ...(signal === undefined ? {} : { signal }),
    } as object);
    super(owner, options);
    this.#keys = keys;
    this.#format = options.keyEncoding;
    this.#inner = inner;
  }

  async _next(): Promise<Entry | undefined> {
    const entry = await this.#read(() => this.#inner.next());
    if (entry !== undefined) this.#open(entry);
    return entry;
  }

  async _nextv(size: number): Promise<Entry[]> {
    const entries: Entry[] = await this.#read(() => this.#inner.nextv(size));
    if (this.#keys) for (const entry of entries) this.#open(entry);
    return entries;
  }

  _seek(target: Datum): void {
    this.#inner.seek(storeKey('user', target));
  }

  _close(): Promise<void> {
    return this.#inner.close();
  }

  /** The inner iterator ends before this one only when its LevelDB does. */
  async #read<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      const { code } = error as { code?: unknown };
      throw code === 'LEVEL_ITERATOR_NOT_OPEN' ? storeReopened() : error;
    }
  }

  #open(entry: Entry): void {
    if (this.#keys) entry[0] = userKeyAs(this.#format, entry[0] as Buffer);
  }
}
