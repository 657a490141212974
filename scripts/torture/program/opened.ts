// A database as the torture's processes use it: opened, checked against the ledger, and committed to by
// the two ways that an application has.
import { Pamina } from '@pamina/engine';
import type { Env } from '@pamina/env';
import { isPaminaError, type PaminaError } from '@pamina/format';
import type { Checked } from './settle.js';
import type { Change } from './workload.js';

export type Opened = Pamina<string, Buffer>;

export interface OpenOptions {
  readonly env: Env;
  readonly segmentBytes: number;
}

/** Throws a PaminaError; anything else that it throws is a fault of its own. */
export async function openPamina(folder: string, options: OpenOptions): Promise<Opened> {
  const level: Opened = new Pamina<string, Buffer>(folder, {
    ...options,
    createIfMissing: false,
    valueEncoding: 'buffer',
  });
  try {
    await level.open();
  } catch (error) {
    throw paminaError(error);
  }
  return level;
}

/** abstract-level wraps what an open throws. Whatever is no PaminaError is thrown. */
export function paminaError(error: unknown): PaminaError {
  if (isPaminaError(error)) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  if (isPaminaError(cause)) return cause;
  throw error;
}

/** One change goes through the interface of `level`, which does not tell the record. Returns it, or 0. */
export async function commit(
  level: Opened,
  changes: readonly Change[],
  number: number,
): Promise<number> {
  const [only, second] = changes;
  if (only === undefined) throw new Error('a commit changes nothing');
  if (second !== undefined || number % 2 === 0) {
    return (await level.database.commit(changes)).seq;
  }
  await (only.type === 'put' ? level.put(only.key, only.value) : level.del(only.key));
  return 0;
}

async function* entriesOf(level: Opened): AsyncGenerator<[string, Uint8Array]> {
  for await (const entry of level.iterator()) yield entry;
}

export function checkedBy(level: Opened): Checked {
  const { database } = level;
  return {
    durableSeq: database.durable().seq,
    firstSeq: database.log.firstSeq,
    records: (fromSeq) => database.log.records(fromSeq),
    entries: () => entriesOf(level),
  };
}
