// The store's reads without the checks and conversions that abstract-level has done already for the
// database around it: done twice they cost a tenth of a read. Only for a store that is open and takes
// all formats by itself; any other is asked the ordinary way.
import type { StoreLevel } from '@pamina/env';
import type { Datum } from './operation.js';

export type Format = 'utf8' | 'buffer' | 'view';

export interface ReadOptions {
  readonly keyEncoding: Format;
  readonly valueEncoding: Format;
  readonly fillCache?: boolean | undefined;
}

export type LevelSnapshot = ReturnType<StoreLevel['snapshot']>;

/** abstract-level's own reads, and the methods of an implementation that they end in. */
interface Reads {
  get(key: Datum, options: object): Promise<unknown>;
  getSync(key: Datum, options: object): unknown;
  getMany(keys: readonly Datum[], options: object): Promise<unknown[]>;
  has(key: Datum, options: object): Promise<boolean>;
  _get(key: Datum, options: object): Promise<unknown>;
  _getSync(key: Datum, options: object): unknown;
  _getMany(keys: readonly Datum[], options: object): Promise<unknown[]>;
}

export function getFrom(
  level: StoreLevel,
  key: Datum,
  options: ReadOptions,
  snapshot?: LevelSnapshot,
): Promise<unknown> {
  const reads = level as unknown as Reads;
  const read = readOf(key, options, snapshot);
  return isRaw(level, snapshot) ? reads._get(key, read) : reads.get(key, read);
}

export function getSyncFrom(
  level: StoreLevel,
  key: Datum,
  options: ReadOptions,
  snapshot?: LevelSnapshot,
): unknown {
  const reads = level as unknown as Reads;
  const read = readOf(key, options, snapshot);
  return isRaw(level, snapshot) ? reads._getSync(key, read) : reads.getSync(key, read);
}

/** From one state. All keys in one format. */
export async function getManyFrom(
  level: StoreLevel,
  keys: readonly Datum[],
  options: ReadOptions,
  snapshot?: LevelSnapshot,
): Promise<unknown[]> {
  const [first] = keys;
  if (first === undefined) return [];
  const reads = level as unknown as Reads;
  const read = readOf(first, options, snapshot);
  return isRaw(level, snapshot) ? reads._getMany(keys, read) : reads.getMany(keys, read);
}

export function hasIn(level: StoreLevel, key: Datum, snapshot?: LevelSnapshot): Promise<boolean> {
  const options: ReadOptions = { keyEncoding: 'buffer', valueEncoding: 'buffer' };
  return (level as unknown as Reads).has(key, readOf(key, options, snapshot));
}

/** A snapshot is counted by the ordinary reads alone: it stays open until they end. */
function isRaw(level: StoreLevel, snapshot: LevelSnapshot | undefined): boolean {
  return snapshot === undefined && level.status === 'open' && takesAllFormats(level);
}

/** Asked once for each store: its manifest is looked up for every read otherwise. */
const allFormats = new WeakMap<StoreLevel, boolean>();

function takesAllFormats(level: StoreLevel): boolean {
  let takesAll = allFormats.get(level);
  if (takesAll === undefined) {
    const { utf8, view, buffer } = level.supports.encodings as Record<Format, boolean | undefined>;
    takesAll = utf8 === true && view === true && buffer === true;
    allFormats.set(level, takesAll);
  }
  return takesAll;
}

/** As they are where they fit: most reads need no object of their own. */
function readOf(key: Datum, options: ReadOptions, snapshot: LevelSnapshot | undefined): object {
  const isText = typeof key === 'string';
  if (snapshot === undefined && isText === (options.keyEncoding === 'utf8')) return options;
  const keyEncoding: Format = isText ? 'utf8' : 'buffer';
  const { valueEncoding, fillCache } = options;
  return snapshot === undefined
    ? { keyEncoding, valueEncoding, fillCache }
    : { keyEncoding, valueEncoding, fillCache, snapshot };
}
