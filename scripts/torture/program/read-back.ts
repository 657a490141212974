// Reads while others write, or while nobody can: every entry must be one that its writer made, and not
// older than the last one that was acknowledged before the reading began.
import { readFileSync } from 'node:fs';
import { paminaError, type Opened } from './opened.js';
import { commitOf, writerOf, type Plan } from './workload.js';

export interface ReadBack {
  readonly entries: number;
  readonly faults: readonly string[];
  /** The error of an iterator, which is of one moment: without space the store may not reach it. */
  readonly refused: string | null;
}

/** Number → what became of it; `journal` is that of one process. */
type Commits = Map<number, 'begun' | 'acknowledged' | 'rejected' | 'unknown'>;
/** Key → number of the commit that it is of; null if nobody wrote what it holds. */
type Seen = Map<string, number | null>;

/** Much longer than an iteration takes: no reader waits for space. */
const patienceMs = 15_000;

/** By single gets of all that was acknowledged, and by a whole iteration. */
export async function readBack(level: Opened, plan: Plan, journal: string): Promise<ReadBack> {
  const touches = lastTouches(plan, readJournal(journal));
  const got: Seen = new Map();
  for (const key of touches.keys()) {
    const value = await level.get(key);
    if (value !== undefined) got.set(key, numberIn(plan, key, value));
  }
  const later = lastTouches(plan, readJournal(journal));
  const iterated = await iterate(level, plan);
  const after = readJournal(journal);
  const faults = faultsIn('got', plan, got, touches, after);
  if (typeof iterated === 'string') return { entries: got.size, faults, refused: iterated };
  if (iterated === null) faults.push('an iterator waits for space');
  else faults.push(...faultsIn('iterated', plan, iterated, later, after));
  return { entries: got.size + (iterated?.size ?? 0), faults, refused: null };
}

/** The code of the error that it met; null if it does not come for a while. */
async function iterate(level: Opened, plan: Plan): Promise<Seen | string | null> {
  const iterator = level.iterator();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), patienceMs);
  });
  const all = iterator.all();
  try {
    const entries = await Promise.race([all, late]);
    if (entries === null) {
      // It would be waited for by its own closing.
      void Promise.allSettled([all]);
      return null;
    }
    return new Map(entries.map(([key, value]) => [key, numberIn(plan, key, value)]));
  } catch (error) {
    return paminaError(error).code;
  } finally {
    clearTimeout(timer);
  }
}

function faultsIn(
  how: string,
  plan: Plan,
  seen: Seen,
  touches: ReadonlyMap<string, Touch>,
  after: Map<number, Commits>,
): string[] {
  const faults: string[] = [];
  for (const [key, number] of seen) {
    if (number === null) faults.push(`${how}: ${key} holds what nobody wrote`);
  }
  for (const [key, touch] of touches) {
    const number = seen.get(key);
    if (number === null) continue;
    const mayBeGone = !touch.isPut || isDeletedAfter(plan, after, key, touch.number);
    if (number === undefined ? mayBeGone : number >= touch.number) continue;
    const is = `${key} is of commit ${number ?? 'none'}`;
    faults.push(`${how}: ${is}, ${touch.number} was acknowledged`);
  }
  return faults;
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
