// The checker. The log must hold every acknowledged commit, each whole, in the order in which its
// writer made them, none that was rejected, and no gap; the store must hold exactly what the log says.
import {
  RecordKind,
  forEachOperation,
  isPaminaError,
  userPrefix,
  viewOf,
  type RecordHeader,
} from '@pamina/format';
import type { Ledger, Outcome, WriterLedger } from './ledger.js';
import { commitOf, stateAfter, sweepEvery, writerOf, type Change, type Plan } from './workload.js';

/** What the checker needs of a database. */
export interface Checked {
  readonly durableSeq: number;
  readonly firstSeq: number;
  records(
    fromSeq: number,
  ): AsyncIterable<{ readonly header: RecordHeader; readonly body: Uint8Array }>;
  entries(): AsyncIterable<readonly [string, Uint8Array]>;
}

export interface Settled {
  readonly ledger: Ledger;
  /** In words; empty when all is well. */
  readonly faults: string[];
  /** Commits whose outcome nobody was told and that are there. */
  readonly found: number;
  /** The same, and they are not there. */
  readonly notFound: number;
}

const faultsMax = 20;

export async function settle(plan: Plan, before: Ledger, database: Checked): Promise<Settled> {
  const settling = new Settling(plan, before);
  try {
    await settling.readLog(database);
    await settling.readStore(database);
  } catch (error) {
    if (!isPaminaError(error)) throw error;
    settling.fault(`reading failed with ${error.code}: ${error.message}`);
  }
  return settling.result();
}

class Settling {
  readonly #plan: Plan;
  readonly #ledger: Ledger;
  readonly #outcomes: Map<number, Outcome>[];
  readonly #faults: string[] = [];
  #found = 0;
  #notFound = 0;

  constructor(plan: Plan, before: Ledger) {
    this.#plan = plan;
    this.#ledger = structuredClone(before);
    this.#outcomes = before.writers.map((writer) => new Map(writer.outcomes));
  }

  fault(what: string): void {
    if (this.#faults.length < faultsMax) this.#faults.push(what);
  }

  result(): Settled {
    const { writers } = this.#ledger;
    for (const [index, writer] of writers.entries()) {
      const outcomes = this.#outcomes[index] ?? [];
      writer.outcomes = [...outcomes].filter(([number]) => number > writer.settled);
      forgetOld(writer);
    }
    const [found, notFound] = [this.#found, this.#notFound];
    return { ledger: this.#ledger, faults: this.#faults, found, notFound };
  }

  async readLog(database: Checked): Promise<void> {
    const ledger = this.#ledger;
    if (database.firstSeq > ledger.seq + 1) {
      this.fault(`the log begins with ${database.firstSeq}, it was read up to ${ledger.seq}`);
    }
    const from = Math.max(ledger.seq + 1, database.firstSeq);
    if (database.durableSeq < ledger.seq) {
      this.fault(`the log ends with ${database.durableSeq} and went up to ${ledger.seq} before`);
    }
    let expected = from;
    for await (const { header, body } of database.records(from)) {
      if (header.seq !== expected) this.fault(`record ${header.seq} stands after ${expected - 1}`);
      expected = header.seq + 1;
      if (header.kind === RecordKind.commit) this.#readCommit(header.seq, body);
    }
    if (expected - 1 !== database.durableSeq) {
      this.fault(`the log was read to ${expected - 1} and is durable to ${database.durableSeq}`);
    }
    for (const [index, writer] of ledger.writers.entries()) {
      for (let number = writer.settled + 1; number <= writer.begun; number += 1) {
        this.#noteAbsent(index, number, 'at its end');
      }
      writer.settled = writer.begun;
    }
    ledger.seq = expected - 1;
  }

  async readStore(database: Checked): Promise<void> {
    const expected = new Map<string, Buffer>();
    for (const [index, writer] of this.#ledger.writers.entries()) {
      const absent = new Set(writer.absent);
      const isThere = (number: number): boolean => !absent.has(number);
      const state = stateAfter(this.#plan, index, writer.settled, isThere);
      for (const [key, value] of state) expected.set(key, value);
    }
    for await (const [key, value] of database.entries()) {
      const wanted = expected.get(key);
      expected.delete(key);
      if (wanted === undefined) this.fault(`${key} is in the store: ${stampOf(value)}`);
      else if (!wanted.equals(value)) {
        this.fault(`${key} is ${stampOf(value)} in the store and ${stampOf(wanted)} in the log`);
      }
    }
    for (const [key, value] of expected) {
      this.fault(`${key} is not in the store: ${stampOf(value)}`);
    }
  }

  #readCommit(seq: number, body: Uint8Array): void {
    const changes = decode(body);
    // Settings and the like, which are not the writers'.
    if (changes === null) return;
    const index = writerOf(this.#plan, changes[0]?.key ?? '');
    const writer = index === null ? undefined : this.#ledger.writers[index];
    if (index === null || writer === undefined) {
      this.fault(`record ${seq} is of nobody`);
      return;
    }
    const number = this.#numberOf(index, writer, changes);
    if (number === null) {
      this.fault(`record ${seq} is no whole commit of writer ${index} after ${writer.settled}`);
      return;
    }
    for (let skipped = writer.settled + 1; skipped < number; skipped += 1) {
      this.#noteAbsent(index, skipped, `before record ${seq}`);
    }
    writer.settled = number;
    this.#notePresent(index, number, seq);
  }

  /**
   * The first commit from the writer's next one on that is just these changes. Two deletes of one key
   * are alike: one that was rejected is what stands there only if no other can be.
   */
  #numberOf(index: number, writer: WriterLedger, changes: readonly Change[]): number | null {
    let rejected: number | null = null;
    for (let number = writer.settled + 1; number <= writer.begun; number += 1) {
      if (!isSame(commitOf(this.#plan, index, number), changes)) continue;
      if (this.#outcomes[index]?.get(number)?.is !== 'rejected') return number;
      rejected ??= number;
    }
    return rejected;
  }

  #notePresent(index: number, number: number, seq: number): void {
    const outcome = this.#outcomes[index]?.get(number);
    const what = `commit ${number} of writer ${index}`;
    if (outcome?.is === 'rejected') {
      this.fault(`${what} was rejected with ${outcome.code} and is record ${seq}`);
    } else if (outcome?.is === 'acknowledged') {
      const isElsewhere = outcome.seq !== 0 && outcome.seq !== seq;
      if (isElsewhere) this.fault(`${what} was acknowledged as ${outcome.seq} and is ${seq}`);
    } else this.#found += 1;
  }

  #noteAbsent(index: number, number: number, where: string): void {
    const outcome = this.#outcomes[index]?.get(number);
    if (outcome?.is === 'acknowledged') {
      const as = outcome.seq === 0 ? '' : ` as record ${outcome.seq}`;
      const what = `commit ${number} of writer ${index} was acknowledged${as}`;
      this.fault(`lost: ${what} and is missing in the log ${where}`);
    } else if (outcome?.is !== 'rejected') this.#notFound += 1;
    this.#ledger.writers[index]?.absent.push(number);
  }
}

/** No state depends on what is missing before the last sweep that is there. */
function forgetOld(writer: WriterLedger): void {
  const absent = new Set(writer.absent);
  let sweep = writer.settled - (writer.settled % sweepEvery);
  while (sweep > 0 && absent.has(sweep)) sweep -= sweepEvery;
  writer.absent = writer.absent.filter((number) => number > sweep);
}

/** Null for a commit that is not of the users' keys. */
function decode(body: Uint8Array): Change[] | null {
  const bytes = Buffer.from(body);
  const changes: Change[] = [];
  let isOfUsers = true;
  const keyAt = (start: number, end: number): string => {
    if (bytes[start] !== userPrefix) isOfUsers = false;
    return bytes.toString('utf8', start + 1, end);
  };
  forEachOperation(bytes, viewOf(bytes), 0, bytes.length, {
    put: (keyStart, keyEnd, valueStart, valueEnd) => {
      const value = bytes.subarray(valueStart, valueEnd);
      changes.push({ type: 'put', key: keyAt(keyStart, keyEnd), value });
    },
    delete: (keyStart, keyEnd) => {
      changes.push({ type: 'del', key: keyAt(keyStart, keyEnd) });
    },
  });
  return isOfUsers ? changes : null;
}

function isSame(left: readonly Change[], right: readonly Change[]): boolean {
  if (left.length !== right.length) return false;
  return left.every((one, index) => {
    const other = right[index];
    if (other === undefined || one.key !== other.key) return false;
    if (one.type === 'del' || other.type === 'del') return one.type === other.type;
    return one.value.equals(other.value);
  });
}

/** Writer, number and key of a value, without its filling. */
function stampOf(value: Uint8Array): string {
  return JSON.stringify(Buffer.from(value).toString('latin1', 0, 40).split(' ').slice(0, 3));
}
