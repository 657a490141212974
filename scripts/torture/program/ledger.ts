// What the writers know of their commits, kept outside of the database and of what it is killed with.
// A number is used once: whatever became of a commit, the next one has the next number.

/** Acknowledged (at a record, 0 if the call does not tell), rejected with a code, or neither: unknown. */
export type Outcome =
  | { readonly is: 'acknowledged'; readonly seq: number }
  | { readonly is: 'rejected'; readonly code: string }
  | { readonly is: 'unknown' };

export interface WriterLedger {
  /** The last number that was begun. */
  begun: number;
  /** The last number up to which the log was read: everything to there is settled. */
  settled: number;
  /** Settled numbers that are not in the log; old ones, on which no state depends, are forgotten. */
  absent: number[];
  /** What is known of the numbers from settled + 1 to begun. */
  outcomes: [number: number, outcome: Outcome][];
}

export interface Ledger {
  /** The log was read up to this record. */
  seq: number;
  readonly writers: WriterLedger[];
}

export function newLedger(writers: number): Ledger {
  const empty = (): WriterLedger => ({ begun: 0, settled: 0, absent: [], outcomes: [] });
  return { seq: 0, writers: Array.from({ length: writers }, empty) };
}

export type JournalEntry =
  | { readonly type: 'begun'; readonly writer: number; readonly number: number }
  | {
      readonly type: 'ended';
      readonly writer: number;
      readonly number: number;
      readonly outcome: Outcome;
    };

const unknown: Outcome = { is: 'unknown' };

/** One line of a journal; each is written before the commit begins, and before the next one may begin. */
export function journalLine(entry: JournalEntry): string {
  const start = `${entry.writer} ${entry.number}`;
  if (entry.type === 'begun') return `${start} begun\n`;
  const { outcome } = entry;
  if (outcome.is === 'acknowledged') return `${start} acknowledged ${outcome.seq}\n`;
  if (outcome.is === 'rejected') return `${start} rejected ${outcome.code}\n`;
  return `${start} unknown\n`;
}

export interface JournalCount {
  acknowledged: number;
  rejected: Map<string, number>;
  /** Told as COMMIT_UNKNOWN; those that a kill cut off are not counted. */
  unknown: number;
}

/** Takes the journal of one process into the ledger. A last line that a kill cut off says nothing. */
export function takeJournal(ledger: Ledger, text: string): JournalCount {
  const count: JournalCount = { acknowledged: 0, rejected: new Map(), unknown: 0 };
  const outcomes = ledger.writers.map((writer) => new Map(writer.outcomes));
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line === '') continue;
    const [writerText, numberText, word, rest = ''] = line.split(' ');
    const number = Number(numberText);
    const writer = ledger.writers[Number(writerText)];
    const known = outcomes[Number(writerText)];
    if (writer === undefined || known === undefined) throw new Error(`a journal says ${line}`);
    if (word === 'begun') {
      writer.begun = number;
      known.set(number, unknown);
    } else if (word === 'acknowledged') {
      count.acknowledged += 1;
      known.set(number, { is: 'acknowledged', seq: Number(rest) });
    } else if (word === 'rejected') {
      count.rejected.set(rest, (count.rejected.get(rest) ?? 0) + 1);
      known.set(number, { is: 'rejected', code: rest });
    } else count.unknown += 1;
  }
  for (const [index, writer] of ledger.writers.entries()) {
    writer.outcomes = [...(outcomes[index] ?? [])];
  }
  return count;
}
