// Reads while others write, or while nobody can: every entry must be one that its writer made, and not
// older than the last one that was acknowledged before the reading began.
import { readFileSync } from 'node:fs';
import { entriesOf, type Opened } from './opened.js';
import { commitOf, writerOf, type Plan } from './workload.js';

export interface ReadBack {
  readonly entries: number;
  readonly faults: readonly string[];
}

/** Number → what became of it; `journal` is that of one process. */
type Commits = Map<number, 'begun' | 'acknowledged' | 'rejected' | 'unknown'>;

const gets = 50;

/** By a whole iteration and by single gets. */
export async function readBack(level: Opened, plan: Plan, journal: string): Promise<ReadBack> {
  const touches = lastTouches(plan, readJournal(journal));
  const faults: string[] = [];
  const seen = new Map<string, number>();
  for await (const [key, value] of entriesOf(level)) {
    const number = numberIn(plan, key, value);
    if (number === null) faults.push(`${key} holds what nobody wrote`);
    else seen.set(key, number);
  }
  for (const key of [...seen.keys()].slice(0, gets)) {
    const value = await level.get(key);
    if (value !== undefined && numberIn(plan, key, value) === null) {
      faults.push(`${key} read alone holds what nobody wrote`);
    }
  }
  const after = readJournal(journal);
  for (const [key, touch] of touches) {
    const number = seen.get(key);
    const mayBeGone = !touch.isPut || isDeletedAfter(plan, after, key, touch.number);
    if (number === undefined ? mayBeGone : number >= touch.number) continue;
    faults.push(`${key} is of commit ${number ?? 'none'}, ${touch.number} was acknowledged`);
  }
  return { entries: seen.size, faults };
}

interface Touch {
  readonly number: number;
  readonly isPut: boolean;
}

/** Of each key the last acknowledged commit that changed it. */
function lastTouches(plan: Plan, journal: Map<number, Commits>): Map<string, Touch> {
  const touches = new Map<string, Touch>();
  for (const [writer, commits] of journal) {
    for (const [number, end] of commits) {
      if (end !== 'acknowledged') continue;
      for (const { key, type } of commitOf(plan, writer, number)) {
        if ((touches.get(key)?.number ?? 0) > number) continue;
        touches.set(key, { number, isPut: type === 'put' });
      }
    }
  }
  return touches;
}

function isDeletedAfter(
  plan: Plan,
  journal: Map<number, Commits>,
  key: string,
  after: number,
): boolean {
  const writer = writerOf(plan, key) ?? -1;
  return [...(journal.get(writer) ?? [])].some(
    ([number, end]) =>
      number > after &&
      end !== 'rejected' &&
      commitOf(plan, writer, number).some((change) => change.key === key && change.type === 'del'),
  );
}

function readJournal(path: string): Map<number, Commits> {
  const journal = new Map<number, Commits>();
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const [writerText, numberText, word] = line.split(' ');
    if (word === undefined) continue;
    const commits: Commits = journal.get(Number(writerText)) ?? new Map();
    journal.set(Number(writerText), commits);
    commits.set(Number(numberText), word as 'begun');
  }
  return journal;
}

/** The commit that made an entry; null if none did. */
function numberIn(plan: Plan, key: string, value: Uint8Array): number | null {
  const [writerText, numberText] = Buffer.from(value).toString('latin1', 0, 40).split(' ');
  const writer = writerOf(plan, key);
  const number = Number(numberText);
  if (writer === null || Number(writerText) !== writer || !Number.isSafeInteger(number))
    return null;
  const isMade = commitOf(plan, writer, number).some(
    (change) => change.type === 'put' && change.key === key && change.value.equals(value),
  );
  return isMade ? number : null;
}
