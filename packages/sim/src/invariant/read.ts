// Every answer is the state of one moment: not before what was acknowledged when the question came,
// never before an earlier answer, and never of a commit that is not there in the end.

import type { Point } from '../history.js';
import type { Context, Violation } from './context.js';

/** Records [from, to) after which a key has a certain value. */
interface Span {
  readonly from: number;
  readonly to: number;
}

/** For each key, its values in the order of the records that set them. */
type KeyHistory = ReadonlyMap<
  string,
  readonly { readonly seq: number; readonly value: string | null }[]
>;

export function read(context: Context): Violation[] {
  const violations: Violation[] = [];
  const heads = headsOf(context);
  const lives = new Map<string, number>();
  const histories = new Map<string, KeyHistory>();
  const invoked = new Map<string, number>();
  const acknowledged = new Map<string, number>();
  for (const event of context.events) {
    if (event.type === 'read-invoked') {
      invoked.set(event.read, acknowledged.get(event.database) ?? 0);
    } else if (event.type === 'commit-acknowledged') {
      raise(acknowledged, event.database, event.seq ?? 0);
    } else if (event.type === 'created') {
      // Laid out anew: another database under the same name.
      acknowledged.delete(event.database);
      lives.set(event.database, (lives.get(event.database) ?? 0) + 1);
    } else if (event.type === 'read-answered') {
      const { database, index, found, isWhole } = event;
      const life = lifeOf(database, lives);
      const head = heads.get(life);
      // What its log held by then must have been seen.
      if (head === undefined || head.index < index || context.mayHaveLost(Infinity)) continue;
      let history = histories.get(life);
      if (history === undefined) histories.set(life, (history = historyOf(context, head.point)));
      const least = invoked.get(event.read) ?? 0;
      const at = firstMoment(history, found, isWhole, least);
      if (at !== null) raise(acknowledged, database, at);
      else {
        const message = `${database} gave ${shown(found)}, which is no state from record ${least} on`;
        violations.push({ invariant: 'read', message, index });
      }
    }
  }
  return violations;
}

/** Where the log of each database ended when it was last seen, for each of its lives. */
function headsOf(context: Context): Map<string, { point: Point; index: number }> {
  const heads = new Map<string, { point: Point; index: number }>();
  const lives = new Map<string, number>();
  for (const event of context.events) {
    if (event.type === 'created') {
      lives.set(event.database, (lives.get(event.database) ?? 0) + 1);
    }
    if (event.type !== 'log-read' || event.problem !== null) continue;
    const point = event.records.at(-1);
    if (point === undefined || !context.ledger.isKnown(point)) continue;
    heads.set(lifeOf(event.database, lives), { point, index: event.index });
  }
  return heads;
}

function lifeOf(database: string, lives: ReadonlyMap<string, number>): string {
  return `${database}#${lives.get(database) ?? 0}`;
}

function historyOf(context: Context, head: Point): KeyHistory {
  const history = new Map<string, { seq: number; value: string | null }[]>();
  for (const { seq, commit } of context.ledger.commitsUpTo(head)) {
    for (const { key, value } of context.ledger.writesOf.get(commit) ?? []) {
      const values = history.get(key) ?? [];
      if (values.at(-1)?.seq === seq) values.pop();
      values.push({ seq, value });
      history.set(key, values);
    }
  }
  return history;
}

/** The first record from `least` on whose state answers so; null if there is none. */
function firstMoment(
  history: KeyHistory,
  found: ReadonlyMap<string, string | null>,
  isWhole: boolean,
  least: number,
): number | null {
  let spans: readonly Span[] = [{ from: least, to: Infinity }];
  const keys = new Set(isWhole ? [...history.keys(), ...found.keys()] : found.keys());
  for (const key of keys) {
    spans = common(spans, spansOf(history.get(key) ?? [], found.get(key) ?? null));
    if (spans.length === 0) return null;
  }
  return spans[0]?.from ?? null;
}

function spansOf(
  values: readonly { readonly seq: number; readonly value: string | null }[],
  wanted: string | null,
): Span[] {
  const spans: Span[] = [];
  let from = 0;
  let value: string | null = null;
  for (const next of [...values, { seq: Infinity, value: null }]) {
    if (value === wanted && next.seq > from) spans.push({ from, to: next.seq });
    from = next.seq;
    ({ value } = next);
  }
  return spans;
}

function common(ones: readonly Span[], others: readonly Span[]): Span[] {
  const spans: Span[] = [];
  for (const one of ones) {
    for (const other of others) {
      const from = Math.max(one.from, other.from);
      const to = Math.min(one.to, other.to);
      if (from < to) spans.push({ from, to });
    }
  }
  return spans;
}

function shown(found: ReadonlyMap<string, string | null>): string {
  const entries = [...found].slice(0, 3).map(([key, value]) => `${key}=${value ?? 'absent'}`);
  return found.size > 3 ? `${entries.join(' ')} and ${found.size - 3} more` : entries.join(' ');
}

function raise(marks: Map<string, number>, name: string, seq: number): void {
  marks.set(name, Math.max(marks.get(name) ?? 0, seq));
}
