// What those who run a server ask of it: whether it is healthy, how a stop goes, pages of a range.

import { stopModes, type StopMode, stopTimeoutMsMax } from '@pamina/format';
import { type Static, Type } from 'typebox';
import {
  type Entry,
  type EntryRange,
  entryRange,
  type GetOptions,
  readDemands,
} from './data-options.js';

const strict = { additionalProperties: false } as const;
const text = Type.String();

export const healthQuery = Type.Object(
  {
    database: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    /** What is read there may be so old at most. */
    maxLagMs: Type.Optional(Type.String({ pattern: '^[0-9]{1,12}$' })),
    type: Type.Optional(Type.Unsafe<'master' | 'replica'>(Type.Enum(['master', 'replica']))),
  },
  strict,
);
export type HealthQuery = Static<typeof healthQuery>;

/** `reason` is a word of a short list, and tells nothing about any database but the one asked for. */
export const healthAnswer = Type.Object({
  status: Type.Unsafe<'ok' | 'unavailable'>(Type.Enum(['ok', 'unavailable'])),
  reason: Type.Optional(text),
});
export type HealthAnswer = Static<typeof healthAnswer>;

export const stopRequest = Type.Object(
  {
    mode: Type.Optional(Type.Unsafe<StopMode>(Type.Enum([...stopModes]))),
    timeoutMs: Type.Optional(Type.Integer({ minimum: 0, maximum: stopTimeoutMsMax })),
  },
  strict,
);
export type StopRequest = Static<typeof stopRequest>;

export interface StopOptions {
  /**
   * What becomes of open transactions and of calls under way. `normal`: no new transaction begins, the open ones are
   * waited for. `rollback`, the default: they are rolled back, calls under way end. `abort`: nothing is waited for.
   */
  readonly mode?: StopMode | undefined;
  /** How long `normal` waits; then what is open is rolled back. Default 5 minutes. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait: the database stays as it is. */
  readonly signal?: AbortSignal | undefined;
}

/** Entries in one page of a range. */
export const rangeLimitDefault = 100;
const rangeLimitMax = 10_000;
/** A page ends with the entry with which it has so many characters, whatever its limit. */
export const rangeCharactersMax = 4 * 1024 * 1024;
/** Of a cursor: a key in base64url and a little more. */
const cursorLengthMax = 1_500_000;

const { limit: _unlimited, ...bounds } = entryRange;
export const rangeRequest = Type.Object(
  {
    ...bounds,
    ...readDemands,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: rangeLimitMax })),
    cursor: Type.Optional(Type.String({ minLength: 1, maxLength: cursorLengthMax })),
  },
  strict,
);
export type RangeRequest = Static<typeof rangeRequest>;

/** `cursor` is null behind the last entry. */
export const rangeAnswer = Type.Object({
  entries: Type.Array(Type.Object({ key: text, value: text })),
  cursor: Type.Union([text, Type.Null()]),
});

/** Each page is a read of its own: what is written between two of them is seen, or not, as it lies. */
export interface RangeOptions extends EntryRange, GetOptions {
  /** Of the page before, with the same bounds. */
  readonly cursor?: string | undefined;
}

export interface RangePage {
  readonly entries: readonly Entry[];
  readonly cursor: string | null;
}
