// What a call of a client elsewhere works on.

import type { CallOptions } from '@pamina/wire';
import type { Database } from '@pamina/engine';
import type { CallsAnswers } from './calls-answers.js';
import type { CallsReaders, Face } from './calls-readers.js';
import type { OnlineDatabase } from './online-database.js';

/** Who is on the other side, and what he may do: asked at every call. */
export interface CallsAccess {
  /** FORBIDDEN */
  requireWrite(): void;
}

export interface CallsContext {
  readonly online: OnlineDatabase;
  readonly database: Database;
  readonly face: Face;
  readonly readers: CallsReaders;
  readonly access: CallsAccess;
}

/** A verb, taken apart; `Arguments` is what its body says. */
export interface Verb<Arguments, Result> {
  /** MESSAGE_INVALID, BODY_INVALID. */
  decode(body: Uint8Array): Arguments;
  /** Begins at once. May throw, too. */
  run(context: CallsContext, given: Arguments, options: CallOptions): Promise<Result>;
  answer(answers: CallsAnswers, number: number, result: Result): void;
}

/** Keeps what a verb decodes and what it runs with together. */
export function verb<Arguments, Result>(one: Verb<Arguments, Result>): Verb<never, never> {
  return one as unknown as Verb<never, never>;
}
