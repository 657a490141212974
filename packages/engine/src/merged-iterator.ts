// Entries of LevelDB under those of a frozen overlay, in order: for reads of a state that the store will
// not reach for a while, since its disk is full or it has failed. Else nobody merges: waiting is cheaper.
import type { StoreLevel } from '@pamina/env';
import type { FrozenOverlay, KeyRange, OverlayEntry } from './overlay.js';
import type { Format } from './raw-level.js';
import { valueAs } from './read-value.js';

type Entry = [key: unknown, value: unknown];

/** What PaminaIterator needs of an iterator; keys carry their prefix. */
export interface StoreIterator {
  nextv(size: number): Promise<Entry[]>;
  seek(target: Buffer, options: { keyEncoding: 'buffer' }): void;
  close(): Promise<void>;
  /** False: who asks for one entry is not to be given more, since reading has effects. */
  readonly readsAhead?: boolean;
}

export interface MergeOptions {
  readonly range: KeyRange;
  readonly keys: boolean;
  readonly values: boolean;
  readonly keyEncoding: 'utf8' | 'buffer';
  readonly valueEncoding: Format;
}

type InnerIterator = ReturnType<StoreLevel['iterator']> | StoreIterator;

export class MergedIterator implements StoreIterator {
  readonly #inner: InnerIterator;
  readonly #options: MergeOptions;
  readonly #over: readonly OverlayEntry[];
  #overAt = 0;
  #under: [Buffer, unknown][] = [];
  #underAt = 0;
  #hasUnder = true;

  /** `inner` gives keys as Buffers, in the same range and direction. */
  constructor(
    inner: InnerIterator,
    overlay: Pick<FrozenOverlay, 'entries'>,
    options: MergeOptions,
  ) {
    this.#inner = inner;
    this.#options = options;
    this.#over = overlay.entries(options.range);
  }

  async nextv(size: number): Promise<Entry[]> {
    const entries: Entry[] = [];
    while (entries.length < size) {
      if (this.#underAt === this.#under.length && this.#hasUnder) {
        this.#under = (await this.#inner.nextv(size)) as [Buffer, unknown][];
        this.#underAt = 0;
        this.#hasUnder = this.#under.length > 0;
      }
      const under = this.#under[this.#underAt];
      const over = this.#over[this.#overAt];
      if (under === undefined && over === undefined) break;
      const order = this.#order(under, over);
      if (order <= 0) this.#underAt++;
      if (order >= 0) this.#overAt++;
      if (order < 0) entries.push([this.#key(under![0]), under![1]]);
      else if (over!.value !== null) entries.push(this.#fromOver(over!.key, over!.value));
    }
    return entries;
  }

  seek(target: Buffer, options: { keyEncoding: 'buffer' }): void {
    this.#inner.seek(target, options);
    this.#under = [];
    this.#underAt = 0;
    this.#hasUnder = true;
    const text = target.toString('latin1');
    const isReverse = this.#options.range.reverse;
    const at = this.#over.findIndex(({ key }) => (isReverse ? key <= text : key >= text));
    this.#overAt = at < 0 ? this.#over.length : at;
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  /** Below 0: the store's entry is next; 0: both are of one key, and the overlay's counts. */
  #order(under: [Buffer, unknown] | undefined, over: OverlayEntry | undefined): number {
    if (under === undefined) return 1;
    if (over === undefined) return -1;
    const order = Buffer.compare(under[0], Buffer.from(over.key, 'latin1'));
    return this.#options.range.reverse ? -order : order;
  }

  #fromOver(key: string, value: Uint8Array): Entry {
    const { values, valueEncoding } = this.#options;
    const shown = values ? valueAs(valueEncoding, value) : undefined;
    return [this.#key(Buffer.from(key, 'latin1')), shown];
  }

  #key(key: Buffer): unknown {
    if (!this.#options.keys) return undefined;
    return this.#options.keyEncoding === 'utf8' ? key.toString('utf8') : key;
  }
}
