// Planted bugs of transactions, each a small change of the real code that breaks what a level promises, with what
// the checker calls it.
import type { AnomalyName } from '../../src/isolation/anomaly.js';
import type { Edit, Mutation } from '../../scripts/bundle.js';

export interface IsolationMutation extends Mutation {
  /** One of these at least is found. */
  readonly shows: readonly (AnomalyName | 'locks left')[];
}

function bug(
  name: string,
  shows: IsolationMutation['shows'],
  ...edits: readonly Edit[]
): IsolationMutation {
  return { name, from: 1, edits, shows };
}

function edit(file: string, find: string, replace: string): Edit {
  return { file: `packages/${file}.ts`, find, replace };
}

const transaction = 'engine/src/transaction/transaction';
const reads = 'engine/src/transaction/transaction-reads';
const cursor = 'engine/src/transaction/transaction-cursor';
const isolation = 'engine/src/transaction/isolation';
const transactions = 'engine/src/transaction/transactions';

export const mutations: readonly IsolationMutation[] = [
  bug(
    'a read at stableDocument takes no lock',
    ['changed while held', 'non-repeatable read', 'lost update', 'write skew', 'read skew'],
    edit(
      isolation,
      "stableDocument: { mode: 'shared', until: 'end', locksRange: false }",
      "stableDocument: { mode: null, until: 'end', locksRange: false }",
    ),
  ),
  bug(
    'a read at serializable lets go of its lock when it is answered',
    ['changed while held', 'non-repeatable read', 'lost update', 'write skew', 'read skew'],
    edit(
      isolation,
      "serializable: { mode: 'shared', until: 'end', locksRange: true }",
      "serializable: { mode: 'shared', until: 'call', locksRange: true }",
    ),
  ),
  bug(
    'a range at serializable is not locked',
    ['phantom', 'changed while held', 'range write skew'],
    edit(
      isolation,
      "serializable: { mode: 'shared', until: 'end', locksRange: true }",
      "serializable: { mode: 'shared', until: 'end', locksRange: false }",
    ),
  ),
  bug(
    'a cursor lets go of what it stands on',
    ['cursor lost update'],
    edit(reads, "if (plan.until === 'cursor') this.#moveTo(locked);", 'if (false) return;'),
    edit(reads, 'else leave();', 'leave();'),
  ),
  bug(
    'a read that asks for a protected document gets no lock',
    ['lost update', 'total not kept', 'changed while held'],
    edit(
      isolation,
      "return { mode: 'exclusive', until: 'end', locksRange };",
      "return { mode: null, until: 'end', locksRange };",
    ),
  ),
  bug(
    'a snapshot reads what was committed last',
    ['non-repeatable read', 'read skew', 'total not kept'],
    edit(transaction, 'return this.view ?? this.parts.reader;', 'return this.parts.reader;'),
  ),
  bug(
    'of two snapshots that write one document both commit',
    ['lost update', 'real-time cycle'],
    edit(
      transaction,
      'if (this.view === null || !this.parts.recent.isChangedSince(key, this.#snapshotSeq)) return;',
      'return;',
    ),
  ),
  bug(
    'what a snapshot has forgotten was changed counts as unchanged',
    ['lost update', 'real-time cycle'],
    edit(
      transactions,
      'if (this.#unseen.has(free)) this.#recent.note(keys, encoded.position.seq);',
      '',
    ),
  ),
  bug(
    'a transaction does not see its own writes',
    ['own write not seen'],
    edit(
      reads,
      'const own = texts.map((key) => transaction.writes.find(key));',
      'const own = texts.map(() => undefined);',
    ),
  ),
  bug(
    'a range does not show own writes',
    ['own write not seen'],
    edit(cursor, 'this.#own = transaction.writes.freeze(range);', 'this.#own = [];'),
  ),
  bug(
    'a write locks nothing',
    ['dirty write', 'lost update', 'changed while held'],
    edit(
      transaction,
      'if (this.view === null) {\n        for (const { key } of writes)',
      'if (this.view === undefined) {\n        for (const { key } of writes)',
    ),
  ),
  bug(
    'a lock is freed before reads see what was written under it',
    ['stale read', 'session goes back', 'lost update', 'incompatible order', 'changed while held'],
    edit(
      transactions,
      'this.#unseen.add(free);\n    encoded.visible()',
      'this.#unseen.add(free);\n    locks.end(owner, null);\n    encoded.visible()',
    ),
  ),
  bug(
    'a cursor that moves on lets go of what was written meanwhile',
    ['dirty write', 'lost update', 'changed while held'],
    edit(
      'engine/src/transaction/document-locks',
      'await this.keepPath(documentPath(key), mode, signal);\n    this.#byCursors.delete(key);',
      'await this.keepPath(documentPath(key), mode, signal);',
    ),
  ),
  bug(
    'a rollback leaves what was written',
    ['aborted read', 'dirty update'],
    edit(
      transaction,
      "    this.#state = 'rolled back';\n    this.#end();",
      "    this.#state = 'rolled back';\n    if (!this.writes.isEmpty) this.parts.encode(this.writes.operations as never, {});\n    this.#end();",
    ),
  ),
  bug(
    'readers and a writer hold one document together',
    ['changed while held', 'non-repeatable read', 'lost update'],
    edit(
      'lock/src/modes',
      '[S]: { [IS]: true, [IX]: false, [S]: true, [SIX]: false, [X]: false },',
      '[S]: { [IS]: true, [IX]: false, [S]: true, [SIX]: false, [X]: true },',
    ),
    edit(
      'lock/src/modes',
      '[X]: { [IS]: false, [IX]: false, [S]: false, [SIX]: false, [X]: false },',
      '[X]: { [IS]: false, [IX]: false, [S]: true, [SIX]: false, [X]: false },',
    ),
  ),
  bug(
    'what is read in a range is locked after it was read',
    ['phantom', 'changed while held', 'non-repeatable read', 'total not kept', 'range write skew'],
    edit(cursor, 'await this.#transaction.lock(rangePath(this.#range), mode, signal);', ''),
  ),
  bug(
    'on a replica what a query has read under a lock changes under it',
    ['non-repeatable read', 'phantom', 'read skew', 'total not kept', 'real-time cycle'],
    edit(
      'engine/src/replica-queries',
      'if (this.#readers === 0) return null;\n    const paths',
      'if (this.#readers >= 0) return null;\n    const paths',
    ),
  ),
  bug(
    'a replica does not wait for the token of a read',
    ['session goes back'],
    edit('engine/src/pamina', 'await this.database.positions.waitFor(position, options);', ''),
  ),
];
