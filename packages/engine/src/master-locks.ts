// What the transactions of a master hold at the record that a replica has applied, read off the lock data in the
// log. It is known where the segment carries lock data, from its first record on.
import {
  RecordKind,
  decodeLockBody,
  recordHeaderBytes,
  recordOffsets,
  type LockBody,
  type LockedNames,
} from '@pamina/format';
import type { LockPath } from '@pamina/lock';
import { forEachRecord, type RecordBatch } from '@pamina/log';
import { pathOf, wholeDatabase } from './transaction/lock-path.js';

/** What a run of records changes: new locks count from before it is applied, old ones until it is seen. */
export interface LockChanges {
  readonly noted: { readonly transaction: number; readonly paths: readonly LockPath[] }[];
  readonly ended: Set<number>;
}

export class MasterLocks {
  readonly #held = new Map<number, LockPath[]>();
  /** A list that a segment begins with: its transactions, while it goes on. */
  #listed: Set<number> | null = null;
  #isKnown = false;

  /** Whether the log says here what is held. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  get held(): ReadonlyMap<number, readonly LockPath[]> {
    return this.#held;
  }

  /** The log does not say any more what is held, or not yet. */
  forget(): void {
    this.#held.clear();
    this.#isKnown = false;
  }

  /** False if it held nothing. */
  release(transaction: number): boolean {
    return this.#held.delete(transaction);
  }

  /** A segment with lock data: until its first records say otherwise nothing is held. */
  begin(): void {
    this.forget();
    this.#isKnown = true;
  }

  /** `segment`: whether the segment that the batch begins carries lock data; null if it begins none. */
  read(batch: RecordBatch, segment: boolean | null, changes: LockChanges): void {
    if (segment !== null) {
      const isListed = batch.view.getUint8(batch.start + recordOffsets.kind) === RecordKind.locks;
      if (!segment || !isListed) this.#endAll(changes);
      this.#isKnown = segment;
    }
    if (!this.#isKnown) return;
    forEachRecord(batch, ({ kind, length }, at) => {
      if (kind === RecordKind.commit) return;
      this.record(kind, batch.bytes.subarray(at + recordHeaderBytes, at + length), changes);
    });
  }

  record(kind: number, body: Uint8Array, changes: LockChanges): void {
    if (kind === RecordKind.session) this.#endAll(changes);
    else if (kind === RecordKind.lock) this.#lock(decodeLockBody(kind, body), changes);
    else if (kind === RecordKind.abort) this.#end(decodeLockBody(kind, body).transaction, changes);
    else if (kind === RecordKind.locks) {
      const { held, more } = decodeLockBody(kind, body);
      this.#listed ??= new Set();
      for (const one of held) {
        this.#listed.add(one.transaction);
        this.#lock(one, changes);
      }
      if (more !== true) this.#endUnlisted(changes);
    }
  }

  #lock(body: LockBody, changes: LockChanges): void {
    const { transaction, commits } = body;
    if (commits === true) return this.#end(transaction, changes);
    const paths = pathsOf(body);
    const held = this.#held.get(transaction);
    if (held === undefined) this.#held.set(transaction, [...paths]);
    else held.push(...paths);
    changes.noted.push({ transaction, paths });
    changes.ended.delete(transaction);
  }

  #end(transaction: number, { ended }: LockChanges): void {
    if (this.#held.delete(transaction)) ended.add(transaction);
  }

  #endAll(changes: LockChanges): void {
    for (const transaction of [...this.#held.keys()]) this.#end(transaction, changes);
  }

  #endUnlisted(changes: LockChanges): void {
    for (const transaction of [...this.#held.keys()]) {
      if (this.#listed?.has(transaction) !== true) this.#end(transaction, changes);
    }
    this.#listed = null;
  }
}

export function noChanges(): LockChanges {
  return { noted: [], ended: new Set() };
}

function pathsOf({ collections, database, documents }: LockedNames): LockPath[] {
  const text = (name: Uint8Array): string => Buffer.from(name).toString('latin1');
  return [
    ...(database === true ? [wholeDatabase] : []),
    ...(collections ?? []).map((name) => pathOf({ level: 'collection', name: text(name) })),
    ...(documents ?? []).map((name) => pathOf({ level: 'document', name: text(name) })),
  ];
}
