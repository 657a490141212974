// Iterators of a remote database: entries come as they are asked for, one answer ahead of who reads on and on.

import { AbstractIterator, type AbstractLevel } from 'abstract-level';
import { packBytes } from '@pamina/format';
import {
  answerStatus,
  type CallDemands,
  type CallIterator,
  type CallOptions,
  callVerb,
  readEntries,
  type WireDatum,
  type WireEntry,
  type WireItem,
} from '@pamina/wire';
import type { CallRouter } from './call-router.js';
import type { CallsLink } from './calls-link.js';
import { Bound, type RemoteSource } from './remote-source.js';
import type { PrivateOptions } from './remote-options.js';

/** Of one answer: the first small, for those who want little. */
const firstEntries = 16;
const moreTimes = 8;
const entriesMax = 1000;
const answerBytesDefault = 64 * 1024;
const answerBytesMost = 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const none: WireEntry[] = [];

export interface PrivateRange extends PrivateOptions {
  readonly gt?: WireDatum;
  readonly gte?: WireDatum;
  readonly lt?: WireDatum;
  readonly lte?: WireDatum;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface PrivateIterator extends PrivateRange {
  readonly keys: boolean;
  readonly values: boolean;
  readonly highWaterMarkBytes?: number | undefined;
}

type Owner = AbstractLevel<string | Buffer | Uint8Array, unknown, unknown>;
type Entry = [key: unknown, value: unknown];

/** A range as the channel has it. */
export function callRange(range: PrivateRange, source: number): Omit<CallIterator, 'keys'> {
  const bound = (datum: WireDatum | undefined): Uint8Array | undefined =>
    typeof datum === 'string' ? encoder.encode(datum) : datum && new Uint8Array(datum);
  const { gt, gte, lt, lte, limit = -1, reverse = false } = range;
  // Where both kinds of bound are given the including one counts, as in every abstract-level database.
  return {
    source,
    ...(gte === undefined ? { gt: bound(gt) } : { gte: bound(gte) }),
    ...(lte === undefined ? { lt: bound(lt) } : { lte: bound(lte) }),
    reverse,
    limit: Number.isSafeInteger(limit) && limit >= 0 ? limit : -1,
    values: true,
    answerBytes: answerBytesDefault,
  };
}

export class RemoteIterator extends AbstractIterator<Owner, unknown, unknown> {
  readonly #bound: Bound;
  readonly #options: PrivateIterator;
  /** What it reads locks what it reads: no further than it is asked to. */
  readonly #isExact: boolean;
  #ahead: WireEntry[] = none;
  #aheadAt = 0;
  #size = firstEntries;
  #answers = 0;
  #coming: Promise<WireEntry[]> | null = null;
  #isAtEnd = false;
  #seekTo: WireDatum | null = null;

  constructor(
    owner: Owner,
    options: PrivateIterator,
    at: {
      readonly router: CallRouter;
      readonly timeoutMs: number;
      readonly source: RemoteSource | null;
      readonly isExact: boolean;
    },
  ) {
    const { isExact, router, source, timeoutMs } = at;
    super(owner, options as object);
    this.#options = options;
    this.#isExact = isExact;
    const open = (link: CallsLink, number: number, demands: CallDemands | null): Promise<void> => {
      const { keys, lockMode, values } = options;
      const range = callRange(options, source?.bound.number ?? 0);
      const answerBytes = answerBytesOf(options.highWaterMarkBytes);
      const body = packBytes({ ...range, keys, values, answerBytes });
      const asked: CallOptions | null = lockMode === undefined ? demands : { ...demands, lockMode };
      return link.call(
        callVerb.openIterator,
        (writer) => {
          writer.u32(number);
          writer.datum(body);
        },
        () => undefined,
        asked,
      );
    };
    const { maxStalenessMs } = options;
    this.#bound =
      source === null
        ? Bound.at('the iterator', { router, timeoutMs, maxStalenessMs }, open)
        : Bound.beside('the iterator', source.bound, open);
  }

  async _next(): Promise<Entry | undefined> {
    if (this.#aheadAt === this.#ahead.length) await this.#fill(this.#isExact ? 1 : this.#size);
    const entry = this.#ahead[this.#aheadAt++];
    return entry === undefined ? undefined : this.#formatted(entry);
  }

  async _nextv(size: number): Promise<Entry[]> {
    if (this.#aheadAt === this.#ahead.length) {
      await this.#fill(this.#isExact ? size : Math.min(Math.max(size, 1), entriesMax));
    }
    const entries = this.#ahead.slice(this.#aheadAt, this.#aheadAt + size);
    this.#aheadAt += entries.length;
    return entries.map((entry) => this.#formatted(entry));
  }

  _seek(target: WireDatum): void {
    this.#ahead = none;
    this.#aheadAt = 0;
    this.#size = firstEntries;
    this.#answers = 0;
    this.#isAtEnd = false;
    this.#seekTo = typeof target === 'string' ? target : target.slice();
  }

  async _close(): Promise<void> {
    this.#coming?.catch(() => {
      // It was asked for ahead of who does not want it any more.
    });
    await this.#bound.close();
  }

  /** The next answer, and where answer follows answer the one behind it is asked for. */
  async #fill(size: number): Promise<void> {
    const coming = this.#coming;
    this.#coming = null;
    if (coming !== null) {
      const entries = await coming;
      if (this.#seekTo === null) return this.#took(entries);
    }
    if (this.#isAtEnd) return this.#took(none);
    const seekTo = this.#seekTo;
    this.#seekTo = null;
    const entries = await this.#bound.use(async (link) => {
      const sought = seekTo === null ? null : this.#seekAt(link, seekTo);
      const answer = this.#ask(link, size);
      await sought;
      return answer;
    });
    this.#took(entries);
  }

  #took(entries: WireEntry[]): void {
    this.#ahead = entries;
    this.#aheadAt = 0;
    this.#isAtEnd = entries.length === 0;
    this.#answers++;
    this.#size = Math.min(entriesMax, this.#size * moreTimes);
    if (this.#isAtEnd || this.#isExact || this.#answers < 2) return;
    this.#coming = this.#bound.use((link) => this.#ask(link, this.#size));
    this.#coming.catch(() => {
      // Told when it is waited for.
    });
  }

  #ask(link: CallsLink, size: number): Promise<WireEntry[]> {
    return link.call(
      callVerb.next,
      (writer) => {
        writer.u32(this.#bound.number);
        writer.u32(size);
      },
      (item: WireItem) => (item.code === answerStatus.nothing ? none : readEntries(item.body)),
    );
  }

  #seekAt(link: CallsLink, target: WireDatum): Promise<void> {
    return link.call(
      callVerb.seek,
      (writer) => {
        writer.u32(this.#bound.number);
        writer.datum(target);
      },
      () => undefined,
    );
  }

  #formatted([key, value]: WireEntry): Entry {
    const { keyEncoding, valueEncoding } = this.#options;
    return [inFormat(keyEncoding, key), inFormat(valueEncoding, value)];
  }
}

function answerBytesOf(highWaterMarkBytes = answerBytesDefault): number {
  return Math.min(Math.max(Math.trunc(highWaterMarkBytes), 1), answerBytesMost);
}

/** Text, or bytes that nobody else has. */
export function inFormat(format: 'utf8' | 'view', bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined) return undefined;
  return format === 'utf8' ? decoder.decode(bytes) : bytes.slice();
}
