// The documents of the system data, read from the store, and what whoever keeps some of them needs of their database.
import { keyName, PaminaError, type Position, unpackBytes } from '@pamina/format';
import type { Env } from '@pamina/env';
import type { LogPoint } from './log-point.js';
import { storeKey, type KeySpace, type Operation } from './operation.js';
import type { StateReader } from './state-reader.js';
import type { SynchronousCommits } from './synchronous-commits.js';

/** What system data needs of its database. */
export interface SystemDataOwner {
  /** All changes of its system data are made in this process, by this object's commits. */
  readonly isWriter: boolean;
  readonly reader: StateReader;
  readonly env: Env;
  readonly synchronous: Pick<SynchronousCommits, 'settingsChanged' | 'permittedChanged'>;
  durable(): Pick<LogPoint, 'seq' | 'chain'>;
  commit(
    operations: readonly Operation[],
    options: { readonly space: KeySpace },
  ): Promise<Position>;
  setLockData(lockData: boolean): void;
}

/** Of the state that a read sees. By the chain too: a seq whose commit was taken back comes again. */
export function momentOf(owner: Pick<SystemDataOwner, 'durable' | 'reader'>): string {
  const { chain, seq } = owner.durable();
  return `${seq} ${chain} ${owner.reader.visibleSeq}`;
}

/** All documents whose name begins with the prefix, in the order of their names. */
export async function documentsIn(
  reader: StateReader,
  prefix: string,
): Promise<[name: string, value: unknown][]> {
  const gte = storeKey('system', prefix);
  const lt = storeKey('system', `${prefix}\u{10ffff}`);
  const documents: [string, unknown][] = [];
  for await (const [key, value] of reader.entries(gte, lt)) {
    const name = keyName(key);
    documents.push([name, decodeDocument(name, value)]);
  }
  return documents;
}

/** STORE_DAMAGED */
export function decodeDocument(name: string, bytes: Uint8Array): unknown {
  try {
    return unpackBytes(bytes, 'BODY_INVALID');
  } catch (cause) {
    const message = `the system document ${name} is not readable`;
    throw new PaminaError('STORE_DAMAGED', message, { cause });
  }
}
