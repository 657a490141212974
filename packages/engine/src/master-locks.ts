// What the transactions of a master hold at the record that a replica has applied, read off the lock data in the
// log. It is known where the segment carries lock data, from its first record on.
import {
  RecordKind,
  decodeLockBody,
  recordHeaderBytes,
  recordOffsets,
  type LockBody,
  type LocksBody,
  type LockedNames,
} from '@pamina/format';
import type { LockPath } from '@pamina/lock';
import { forEachRecord, type RecordBatch } from '@pamina/log';
import { pathOf, wholeDatabase } from './transaction/lock-path.js';

/** What a run of records changes: new locks count from before it is applied, old ones until it is seen. */
export interface LockChanges {
  /** By transaction. `isAnew`: it holds nothing else, whatever one with its number held before. */
  readonly noted: Map<number, { readonly paths: readonly LockPath[]; readonly isAnew: boolean }>;
  readonly ended: Set<number>;
}

export class MasterLocks {
  readonly #held = new Map<number, readonly LockPath[]>();
  /** A list that a segment begins with: its transactions, while it goes on. */
  #listed: Set<number> | null = null;
  /** Whether the segment carries lock data. */
  #isCarried = false;
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
    this.#listed = null;
    this.#isCarried = false;
    this.#isKnown = false;
  }

  /** False if it held nothing. */
  release(transaction: number): boolean {
    return this.#held.delete(transaction);
  }

  /** A segment with lock data, whose records follow from the first one on: they say what is held. */
  begin(): void {
    this.forget();
    this.#isCarried = true;
  }

  /** `segment`: whether the segment that the batch begins carries lock data; null if it begins none. */
  read(batch: RecordBatch, segment: boolean | null, changes: LockChanges): void {
    if (segment !== null) {
      const isListed = batch.view.getUint8(batch.start + recordOffsets.kind) === RecordKind.locks;
      if (!segment || !isListed) this.#endAll(changes);
      // A list that was cut off, by a crash or a full disk, does not go on here.
      this.#listed = null;
      this.#isCarried = segment;
      // What was known stays so while a list goes on, and what was not is known at its end.
      if (!segment || !isListed) this.#isKnown = segment;
    }
    if (!this.#isCarried) return;
    forEachRecord(batch, ({ kind, length }, at) => {
      if (kind === RecordKind.commit) return;
      this.record(kind, batch.bytes.subarray(at + recordHeaderBytes, at + length), changes);
    });
  }

  record(kind: number, body: Uint8Array, changes: LockChanges): void {
    if (kind === RecordKind.locks) return this.#list(decodeLockBody(kind, body), changes);
    this.#isKnown = true;
    if (kind === RecordKind.session) this.#endAll(changes);
    else if (kind === RecordKind.lock) this.#lock(decodeLockBody(kind, body), changes);
    else if (kind === RecordKind.abort) this.#end(decodeLockBody(kind, body).transaction, changes);
  }

  #list({ held, more }: LocksBody, changes: LockChanges): void {
    this.#listed ??= new Set();
    for (const one of held) {
      // All of it is said again.
      if (!this.#listed.has(one.transaction)) this.#held.delete(one.transaction);
      this.#listed.add(one.transaction);
      this.#lock(one, changes);
    }
    if (more === true) return;
    this.#endUnlisted(changes);
    this.#isKnown = true;
  }

  #lock(body: LockBody, changes: LockChanges): void {
    const { transaction, commits } = body;
    if (commits === true) return this.#end(transaction, changes);
    const paths = pathsOf(body);
    const held = this.#held.get(transaction);
    this.#held.set(transaction, held === undefined ? paths : held.concat(paths));
    // Numbers begin anew with each session: what ended in this run and bears it was another one.
    const isAnew = changes.ended.delete(transaction);
    const noted = isAnew ? undefined : changes.noted.get(transaction);
    changes.noted.set(transaction, {
      paths: noted === undefined ? paths : noted.paths.concat(paths),
      isAnew: noted?.isAnew ?? isAnew,
    });
  }

  #end(transaction: number, { ended }: LockChanges): void {
    if (this.#held.delete(transaction)) ended.add(transaction);
  }

  #endAll(changes: LockChanges): void {
    this.#listed = null;
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
  return { noted: new Map(), ended: new Set() };
}

function pathsOf({ collections, database, documents }: LockedNames): LockPath[] {
  const text = (name: Uint8Array): string => Buffer.from(name).toString('latin1');
  return [
    ...(database === true ? [wholeDatabase] : []),
    ...(collections ?? []).map((name) => pathOf({ level: 'collection', name: text(name) })),
    ...(documents ?? []).map((name) => pathOf({ level: 'document', name: text(name) })),
  ];
}
