// The versions of each key: who wrote them, and in which order they were committed. Positions give the order;
// where one is not known, lists that were read do.
import { isWrite, type History, type Transaction, type Value } from './history.js';

export interface Version {
  readonly key: string;
  /** The value, or the last element of the list. */
  readonly id: string;
  /** Null: what was there before all of them, nothing. */
  readonly by: Transaction | null;
  /** What its transaction left behind under the key. */
  readonly isFinal: boolean;
  /** In the order of the key, from 0, which is nothing; null: not known, or never committed. */
  index: number | null;
}

interface KeyVersions {
  readonly initial: Version;
  readonly byId: Map<string, Version>;
  /** Those that were committed, where the order is known. */
  order: Version[];
  /** The longest list that was read; null where the key holds no lists. */
  longest: readonly string[] | null;
}

export class Versions {
  readonly #keys = new Map<string, KeyVersions>();
  readonly #observed = new Set<Transaction>();

  /** TypeError for a history that gives one value twice. */
  constructor({ transactions }: History) {
    for (const transaction of transactions) this.#addWrites(transaction);
    for (const transaction of transactions) this.#addReads(transaction);
    for (const versions of this.#keys.values()) this.#order(versions);
  }

  get keys(): IterableIterator<string> {
    return this.#keys.keys();
  }

  /** Committed: it was said so, its record was found, or somebody else saw what it wrote. */
  isCommitted(transaction: Transaction): boolean {
    const { outcome, position } = transaction;
    if (outcome !== 'unknown') return outcome === 'ok';
    return position !== null || this.#observed.has(transaction);
  }

  /** Undefined: nobody wrote it there. */
  find(key: string, value: Value): Version | undefined {
    const id = idOf(value);
    const versions = this.#keys.get(key);
    if (id === null) return versions?.initial ?? initialOf(key);
    return versions?.byId.get(id);
  }

  /** What it left behind under the key; undefined: it wrote nothing there. */
  writtenBy({ operations }: Transaction, key: string): Version | undefined {
    const write = operations.findLast((one) => isWrite(one) && one.key === key);
    if (write === undefined || !isWrite(write)) return undefined;
    return this.#keys.get(key)?.byId.get(writtenId(write));
  }

  /** Those that were committed, oldest first, from nothing on. */
  order(key: string): readonly Version[] {
    return this.#keys.get(key)?.order ?? [];
  }

  next({ key, index }: Version): Version | undefined {
    return index === null ? undefined : this.order(key)[index + 1];
  }

  #at(key: string): KeyVersions {
    let versions = this.#keys.get(key);
    if (versions === undefined) {
      const initial = initialOf(key);
      versions = { initial, byId: new Map(), order: [initial], longest: null };
      this.#keys.set(key, versions);
    }
    return versions;
  }

  #addWrites(transaction: Transaction): void {
    const last = new Map<string, string>();
    const writes = transaction.operations.filter(isWrite);
    for (const write of writes) last.set(write.key, writtenId(write));
    for (const write of writes) {
      const { key } = write;
      const id = writtenId(write);
      const { byId } = this.#at(key);
      const isFinal = last.get(key) === id;
      if (byId.has(id)) throw new TypeError(`${id} was written twice under ${key}`);
      byId.set(id, { key, id, by: transaction, isFinal, index: null });
    }
  }

  #addReads(transaction: Transaction): void {
    for (const operation of transaction.operations) {
      if (operation.type === 'read') this.#addRead(transaction, operation.key, operation.value);
      if (operation.type !== 'range') continue;
      for (const [key, value] of operation.entries) this.#addRead(transaction, key, value);
    }
  }

  #addRead(transaction: Transaction, key: string, value: Value): void {
    const versions = this.#at(key);
    const isList = typeof value !== 'string' && value !== null;
    if (isList && value.length >= (versions.longest?.length ?? 0)) versions.longest = value;
    for (const id of isList ? value : [value]) {
      const writer = id === null ? null : (versions.byId.get(id)?.by ?? null);
      if (writer !== null && writer !== transaction) this.#observed.add(writer);
    }
  }

  #order(versions: KeyVersions): void {
    const { byId, initial, longest } = versions;
    const committed = [...byId.values()].filter(
      ({ by, isFinal }) => isFinal && by !== null && this.isCommitted(by),
    );
    const placed = committed.filter(({ by }) => by?.position);
    // In one history a record has one number, whatever its timeline.
    placed.sort((a, b) => a.by!.position!.seq - b.by!.position!.seq);
    // Where there is one alone its place is known.
    if (committed.length === 1) placed.splice(0, 1, ...committed);
    for (const version of committed) {
      if (version.by?.position || longest === null || committed.length === 1) continue;
      const at = longest.indexOf(version.id);
      if (at < 0) continue;
      // Behind the last of those that stand before it in the list.
      const before = new Set(longest.slice(0, at));
      placed.splice(placed.findLastIndex(({ id }) => before.has(id)) + 1, 0, version);
    }
    versions.order = [initial, ...placed];
    for (const [index, version] of versions.order.entries()) version.index = index;
  }
}

function initialOf(key: string): Version {
  return { key, id: '', by: null, isFinal: true, index: 0 };
}

function writtenId(write: { type: 'write'; value: string } | { type: 'append'; element: string }) {
  return write.type === 'write' ? write.value : write.element;
}

/** Null: nothing is there. */
function idOf(value: Value): string | null {
  return typeof value === 'string' || value === null ? value : (value.at(-1) ?? null);
}
