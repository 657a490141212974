// Reads the log of a database from its server, whole segments at a time. Whoever recovers from it
// verifies every record; here only the size is bounded.

import { type Static, Type } from 'typebox';
import { type HttpCaller, path } from './http-caller.js';
import { apiPrefix } from './http-limits.js';

export const logSegmentsAnswer = Type.Object({
  settledSeq: Type.Number(),
  completeUntil: Type.Optional(
    Type.Union([Type.Object({ seq: Type.Number(), time: Type.Number() }), Type.Null()]),
  ),
  segments: Type.Array(
    Type.Object({
      name: Type.String(),
      timeline: Type.Number(),
      timelineId: Type.String(),
      firstSeq: Type.Number(),
      bytes: Type.Number(),
    }),
  ),
});
/** Which segments a database has, for restores elsewhere. */
export interface LogSegments {
  /** Last record that is on the server's disk; what stands behind it may still change. */
  readonly settledSeq: number;
  readonly segments: readonly LogSegment[];
  /** Record `seq` was the last one committed up to `time`, ms since 1970; null where nobody can say it. */
  readonly completeUntil?: { readonly seq: number; readonly time: number } | null | undefined;
}

export interface LogSegment {
  readonly name: string;
  readonly timeline: number;
  readonly timelineId: string;
  readonly firstSeq: number;
  readonly bytes: number;
}

/** The segment by its name below the log folder; its bytes from one offset up to another. */
export const logBytesQuery = Type.Object(
  {
    segment: Type.String({ minLength: 1, maxLength: 128 }),
    from: Type.String({ pattern: '^[0-9]{1,15}$' }),
    to: Type.String({ pattern: '^[0-9]{1,15}$' }),
  },
  { additionalProperties: false },
);
export type LogBytesQuery = Static<typeof logBytesQuery>;

export class HttpLogSource {
  readonly #caller: HttpCaller;
  readonly #database: string;
  readonly #signal: AbortSignal | undefined;
  #settledSeq = 0;
  #completeUntil: LogSegments['completeUntil'] = null;

  constructor(caller: HttpCaller, database: string, signal?: AbortSignal) {
    this.#caller = caller;
    this.#database = database;
    this.#signal = signal;
  }

  describe(): string {
    return `${this.#caller.address}${apiPrefix}${path`/databases/${this.#database}`}/log`;
  }

  async segments(): Promise<readonly LogSegment[]> {
    const target = path`/databases/${this.#database}/log-segments`;
    const answer = await this.#caller.call(
      { method: 'GET', path: target, signal: this.#signal },
      logSegmentsAnswer,
    );
    this.#settledSeq = answer.settledSeq;
    this.#completeUntil = answer.completeUntil;
    return answer.segments;
  }

  /** As of the last listing. */
  settledSeq(): number {
    return this.#settledSeq;
  }

  /** As of the last listing: of the end that it showed. */
  completeUntil(): Promise<{ readonly seq: number; readonly time: number } | null> {
    return Promise.resolve(this.#completeUntil ?? null);
  }

  read(entry: LogSegment, offset: number): AsyncIterable<Uint8Array> {
    const { bytes, name } = entry;
    const target = path`/databases/${this.#database}/log-bytes`;
    const query = { segment: name, from: offset, to: bytes };
    return this.#caller.download(
      { method: 'GET', path: target, query, signal: this.#signal },
      Math.max(0, bytes - offset),
    );
  }
}
