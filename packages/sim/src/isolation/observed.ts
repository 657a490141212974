// What each transaction read of others: which version, under which promise. What it had written itself is not
// among it. Whatever is wrong with a single read is found on the way.
import type { Anomaly, AnomalyName } from './anomaly.js';
import { contentOf, listOf } from './contents.js';
import type {
  Append,
  History,
  Operation,
  PointRead,
  RangeRead,
  Transaction,
  Value,
} from './history.js';
import { promisedTo, type Hold } from './levels.js';
import { named, valueText } from './words.js';
import type { Version, Versions } from './versions.js';

export interface Observed {
  readonly transaction: Transaction;
  readonly version: Version;
  readonly hold: Hold;
  /** Not there, in a range that was read. */
  readonly isAbsence: boolean;
  readonly invokedAt: number;
  readonly answeredAt: number;
  /** Place of the operation in its transaction. */
  readonly at: number;
}

interface OwnWrite {
  readonly value: string | readonly string[];
  /** Of a list, which it has not read: only these elements at its end are known. */
  readonly isSuffix: boolean;
}

/** Of one transaction, what it has done until now. */
interface Progress {
  readonly transaction: Transaction;
  readonly own: Map<string, OwnWrite>;
  readonly lastRead: Map<string, Value>;
  readonly seen: Map<string, Observed>;
}

export class Observations {
  readonly all: Observed[] = [];
  readonly anomalies: Anomaly[] = [];
  readonly #versions: Versions;
  readonly #keys: readonly string[];

  constructor({ transactions }: History, versions: Versions) {
    this.#versions = versions;
    this.#keys = [...versions.keys].sort();
    for (const transaction of transactions) this.#follow(transaction);
  }

  #follow(transaction: Transaction): void {
    const progress = { transaction, own: new Map(), lastRead: new Map(), seen: new Map() };
    for (const [at, operation] of transaction.operations.entries()) {
      this.#step(progress, operation, at);
    }
  }

  #step(progress: Progress, operation: Operation, at: number): void {
    const { own, transaction } = progress;
    switch (operation.type) {
      case 'write':
        own.set(operation.key, { value: operation.value, isSuffix: false });
        return;
      case 'append':
        own.set(operation.key, appended(progress, operation));
        return;
      case 'read': {
        const { point } = promisedTo(transaction.isolation, operation.lockMode);
        this.#read(progress, operation, at, operation.key, operation.value, point, false);
        return;
      }
      case 'range':
        this.#readRange(progress, operation, at);
    }
  }

  #readRange(progress: Progress, operation: RangeRead, at: number): void {
    const { found, absent } = promisedTo(progress.transaction.isolation, operation.lockMode);
    const entries = new Map(operation.entries);
    for (const key of this.#keys) {
      if (!key.startsWith(operation.prefix)) continue;
      const value = entries.get(key) ?? null;
      const hold = value === null ? absent : found;
      this.#read(progress, operation, at, key, value, hold, value === null);
    }
  }

  #read(
    progress: Progress,
    operation: PointRead | RangeRead,
    at: number,
    key: string,
    value: Value,
    hold: Hold,
    isAbsence: boolean,
  ): void {
    const { transaction, own, lastRead, seen } = progress;
    const mine = own.get(key);
    if (mine !== undefined) {
      if (shows(value, mine)) return;
      const text = `read ${key} = ${valueText(value)} after it had written ${valueText(mine.value)}`;
      this.#found('own write not seen', transaction, key, text);
      return;
    }
    lastRead.set(key, value);
    const version = this.#versions.find(key, value);
    if (version === undefined) {
      const text = `read ${key} = ${valueText(value)}, which nobody has written there`;
      this.#found('value from nowhere', transaction, key, text);
      return;
    }
    this.#checkWriter(transaction, version, operation);
    this.#checkContent(transaction, version, value);
    const { invokedAt, answeredAt } = operation;
    const observed = { transaction, version, hold, isAbsence, invokedAt, answeredAt, at };
    this.#checkRepeated(seen.get(key), observed);
    // What was promised first is promised still.
    const before = seen.get(key);
    if (before === undefined || !isLasting(before.hold)) seen.set(key, observed);
    this.all.push(observed);
  }

  #checkWriter(reader: Transaction, { by, id, isFinal, key }: Version, read: Operation): void {
    if (by === null || by === reader) return;
    const what = `read ${key} = ${id}`;
    if (by.outcome === 'fail') {
      const text = `${what} of ${named(by)}, which was rolled back`;
      this.#found('aborted read', reader, key, text, by);
    } else if (!isFinal) {
      const text = `${what} of ${named(by)}, which wrote it again before its commit`;
      this.#found('intermediate read', reader, key, text, by);
    } else if (by.commitInvokedAt === null || by.commitInvokedAt > read.answeredAt) {
      const text = `${what} of ${named(by)} before the commit of that was asked for`;
      this.#found('uncommitted read', reader, key, text, by);
    }
  }

  /** A list is what its last append made of what it was put on. */
  #checkContent(reader: Transaction, version: Version, value: Value): void {
    if (value === null || typeof value === 'string') return;
    const { key } = version;
    const strangers = value.map((element) => this.#versions.find(key, element)?.by);
    if (strangers.includes(undefined)) {
      const text = `read ${key} = ${valueText(value)}, with elements that nobody has appended`;
      this.#found('value from nowhere', reader, key, text);
      return;
    }
    const rolledBack = strangers.slice(0, -1).find((by) => by?.outcome === 'fail');
    if (rolledBack) {
      const text = `read ${key} = ${valueText(value)}, with what ${named(rolledBack)} had appended, which was rolled back`;
      this.#found('dirty update', reader, key, text, rolledBack);
      return;
    }
    const expected = contentOf(this.#versions, version);
    if (expected === null || areEqual(expected, value)) return;
    const text = `read ${key} = ${valueText(value)}, which by its appends is ${valueText(expected)}`;
    this.#found('incompatible order', reader, key, text);
  }

  #checkRepeated(before: Observed | undefined, now: Observed): void {
    if (before === undefined || before.version === now.version) return;
    const { hold, isAbsence, transaction, at } = before;
    const isNext = hold === 'cursor' && now.at === at + 1;
    if (!isLasting(hold) && !isNext) return;
    const { key } = now.version;
    const name = isAbsence || now.isAbsence ? 'phantom' : 'non-repeatable read';
    const text = `read ${key} = ${before.version.id || 'nothing'}, and later ${now.version.id || 'nothing'}`;
    this.#found(name, transaction, key, text, now.version.by);
  }

  #found(
    name: AnomalyName,
    transaction: Transaction,
    key: string,
    what: string,
    other: Transaction | null = null,
  ): void {
    const transactions = [transaction.id, ...(other === null ? [] : [other.id])];
    this.anomalies.push({ name, transactions, keys: [key], text: `${named(transaction)} ${what}` });
  }
}

function isLasting(hold: Hold): boolean {
  return hold === 'end' || hold === 'snapshot';
}

function appended({ own, lastRead }: Progress, { key, element }: Append): OwnWrite {
  const mine = own.get(key);
  if (mine !== undefined)
    return { value: [...listOf(mine.value), element], isSuffix: mine.isSuffix };
  const read = lastRead.get(key);
  return { value: [...listOf(read ?? null), element], isSuffix: read === undefined };
}

function shows(value: Value, { isSuffix, value: mine }: OwnWrite): boolean {
  if (!isSuffix) return areEqual(value, mine);
  return areEqual(value === null ? null : value.slice(-mine.length), mine);
}

function areEqual(a: Value, b: Value): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
