// What the writers of the tests write, and what must hold of it at every moment. Commit n of a writer
// sets its two counters to n and adds entry n, all in one commit; an unacknowledged commit is tried
// again with the same n. So at every position of every copy: both counters are equal, entries 1 to n
// are there and no other, and n is at least what was acknowledged and at most one more.
import type { JournalLine } from './journal.js';

export interface Put {
  readonly type: 'put';
  readonly key: string;
  readonly value: string;
}

const filling = 'the magic flute '.repeat(64);

export function commitOf(writer: string, number: number, valueBytes: number): Put[] {
  return [
    { type: 'put', key: `${writer}/left`, value: String(number) },
    { type: 'put', key: `${writer}/right`, value: String(number) },
    { type: 'put', key: entryKey(writer, number), value: entryValue(writer, number, valueBytes) },
  ];
}

function entryKey(writer: string, number: number): string {
  return `${writer}/${String(number).padStart(9, '0')}`;
}

function entryValue(writer: string, number: number, valueBytes: number): string {
  return `${writer} ${number} ${filling.slice(0, valueBytes)}`;
}

export interface StateCheck {
  /** Commits found, of all writers. */
  readonly commits: number;
  /** What is wrong, in words; empty when all is well. */
  readonly faults: string[];
}

interface Found {
  left: number;
  right: number;
  entries: number;
  highest: number;
}

/** Consistency of one state by itself: no half commit, no gap. `last` gets the number of each writer. */
export function checkState(
  entries: Iterable<readonly [string, string]>,
  last: Map<string, number> = new Map(),
): StateCheck {
  const faults: string[] = [];
  const writers = new Map<string, Found>();
  for (const [key, value] of entries) {
    const [writer, what] = key.split('/');
    if (writer === undefined || what === undefined) continue;
    const found = writers.get(writer) ?? { left: 0, right: 0, entries: 0, highest: 0 };
    writers.set(writer, found);
    if (what === 'left') found.left = Number(value);
    else if (what === 'right') found.right = Number(value);
    else {
      found.entries += 1;
      found.highest = Math.max(found.highest, Number(what));
      if (!value.startsWith(`${writer} ${Number(what)} `)) faults.push(`${key} holds ${value}`);
    }
  }
  let commits = 0;
  for (const [writer, { left, right, entries: count, highest }] of writers) {
    if (left !== right) faults.push(`${writer}: half a commit, left ${left}, right ${right}`);
    if (count !== left || highest !== left) {
      faults.push(`${writer}: counter ${left}, but ${count} entries up to ${highest}`);
    }
    last.set(writer, left);
    commits += left;
  }
  return { commits, faults };
}

/**
 * `before` is the journal as it was before the state was read, `after` as it was when it had been read;
 * they are one when nobody wrote meanwhile.
 */
export function checkAgainstJournal(
  entries: Iterable<readonly [string, string]>,
  before: readonly JournalLine[],
  after: readonly JournalLine[] = before,
): StateCheck {
  const last = new Map<string, number>();
  const { commits, faults } = checkState(entries, last);
  const acknowledged = acknowledgedIn(before, faults);
  const atMost = acknowledgedIn(after, faults);
  for (const [writer, number] of acknowledged) {
    const there = last.get(writer) ?? 0;
    if (there < number) faults.push(`${writer}: ${number} were acknowledged, ${there} are there`);
  }
  for (const [writer, there] of last) {
    const number = atMost.get(writer) ?? 0;
    if (there > number + 1) faults.push(`${writer}: ${there} are there, ${number} acknowledged`);
  }
  return { commits, faults };
}

function acknowledgedIn(journal: readonly JournalLine[], faults: string[]): Map<string, number> {
  const acknowledged = new Map<string, number>();
  for (const { writer, number } of journal) {
    const before = acknowledged.get(writer) ?? 0;
    if (number !== before + 1) faults.push(`the journal of ${writer} jumps to ${number}`);
    acknowledged.set(writer, number);
  }
  return acknowledged;
}
