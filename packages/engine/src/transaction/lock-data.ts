// The lock data of a master: what its transactions hold exclusively goes into the log, behind whatever was
// committed before and never awaited, so that replicas can tell which documents are about to change. What is
// locked and committed at once is not told: the commit says as much.
import {
  RecordKind,
  commitBytesMax,
  encodeLockBody,
  isPaminaError,
  recordHeaderBytes,
  type LockBody,
  type LockKind,
  type LocksBody,
} from '@pamina/format';
import type { Clock } from '@pamina/env';
import type { LockName, LockOwner } from '@pamina/lock';
import type { OpeningRecord } from '@pamina/log';

/** Names of one record, bytes; what is more goes into the next one. */
const namesBytesMax = Math.min(1024 * 1024, commitBytesMax / 2);

/** What a full backlog or a full disk refused is tried again after so long. */
const retryMs = 1000;

export interface LockDataSession {
  /** Whether the log carries lock data. */
  readonly lockData: boolean;
  /** Resolves when it is on disk. */
  appendLockData(record: OpeningRecord): Promise<void>;
}

export interface LockDataAmount {
  readonly records: number;
  readonly bytes: number;
}

export class LockData {
  readonly #clock: Clock;
  /** Null: nothing can be written now. */
  readonly #session: () => LockDataSession | null;
  /** What was not told yet, by transaction. */
  readonly #untold = new Map<LockOwner, LockName[]>();
  /** Of these the log says something. */
  readonly #told = new Set<LockOwner>();
  /** Rolled back, and the log does not say so yet. */
  readonly #ended = new Set<LockOwner>();
  #committing: LockOwner | null = null;
  #isScheduled = false;
  /** Of a wait for room in the backlog, or on the disk. */
  #cancelRetry: (() => void) | null = null;
  #records = 0;
  #bytes = 0;

  constructor(clock: Clock, session: () => LockDataSession | null) {
    this.#clock = clock;
    this.#session = session;
  }

  /** Since this database was opened. */
  get amount(): LockDataAmount {
    return { records: this.#records, bytes: this.#bytes };
  }

  /** A transaction holds it exclusively, until its end. */
  locked(owner: LockOwner, name: LockName): void {
    if (this.#session()?.lockData !== true) return;
    const names = this.#untold.get(owner);
    if (names === undefined) this.#untold.set(owner, [name]);
    else names.push(name);
    this.#schedule();
  }

  /** What it wrote is encoded next. BACKLOG_FULL and whatever else a commit can end with. */
  commits(owner: LockOwner): void {
    this.#flushEnded();
    this.#committing = owner;
    this.#untold.delete(owner);
    if (!this.#told.has(owner)) return;
    this.#appendEnd(owner, RecordKind.lock, { transaction: owner.id, commits: true });
    // Only now: if it fails the transaction is rolled back.
    this.#told.delete(owner);
  }

  /** What it wrote is encoded. */
  committed(): void {
    this.#committing = null;
  }

  /** It is rolled back: before anybody else gets its locks the log says so, if it can. */
  rolledBack(owner: LockOwner): void {
    if (this.#committing === owner) this.#committing = null;
    this.#untold.delete(owner);
    if (!this.#told.delete(owner)) return;
    this.#ended.add(owner);
    this.#flush(() => this.#flushEnded());
  }

  /** The database is closed: with its session ends what is not told yet. */
  close(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = () => undefined;
  }

  /** What a segment begins with: all that these transactions hold. */
  opening(open: Iterable<LockOwner>): OpeningRecord[] {
    this.#untold.clear();
    this.#ended.clear();
    this.#told.clear();
    const held: LockBody[] = [];
    for (const owner of open) {
      // What it holds is free with the next commit.
      if (owner === this.#committing) continue;
      const names = [...owner.locks.keys()].filter((name) => owner.locks.get(name) === 'exclusive');
      if (names.length === 0) continue;
      this.#told.add(owner);
      held.push(...bodiesOf(owner, names));
    }
    const parts = partsOf(held);
    return parts.map((part, at) => {
      const more = at < parts.length - 1;
      const body: LocksBody = { held: part, ...(more ? { more } : {}) };
      const record = { kind: RecordKind.locks, body: encodeLockBody(RecordKind.locks, body) };
      this.#count(record);
      return record;
    });
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.soon(() => {
      this.#isScheduled = false;
      this.#flush(() => this.#flushUntold());
    });
  }

  #flush(write: () => void): void {
    try {
      write();
    } catch (error) {
      // Of a log that takes nothing any more the session ends, and with it all that was held.
      if (!isPaminaError(error)) throw error;
      if (error.code === 'BACKLOG_FULL') this.#flushLater();
    }
  }

  /** Those who write without locks, or nobody, may be all that comes: nobody else would tell it. */
  #flushLater(): void {
    this.#cancelRetry ??= this.#clock.after(retryMs, () => {
      this.#cancelRetry = null;
      this.#flush(() => this.#flushUntold());
    });
  }

  #flushEnded(): void {
    for (const owner of this.#ended) {
      this.#appendEnd(owner, RecordKind.abort, { transaction: owner.id });
      this.#ended.delete(owner);
    }
  }

  #flushUntold(): void {
    this.#flushEnded();
    for (const [owner, names] of this.#untold) {
      for (const body of bodiesOf(owner, names)) {
        this.#told.add(owner);
        // A full disk that takes it back has the next record list all that is held.
        void this.#append(RecordKind.lock, body);
      }
      this.#untold.delete(owner);
    }
  }

  /** Of what it held. If a full disk takes it back the transaction is over all the same. */
  #appendEnd(owner: LockOwner, kind: LockKind, body: LockBody): void {
    this.#append(kind, body)?.catch(() => {
      this.#ended.add(owner);
      this.#flushLater();
    });
  }

  /** Null where nothing can be written, or there is no need to. */
  #append(kind: LockKind, body: LockBody): Promise<void> | null {
    const session = this.#session();
    if (session === null || !session.lockData) return null;
    const record = { kind, body: encodeLockBody(kind, body as never) };
    const written = session.appendLockData(record);
    this.#count(record);
    return written;
  }

  #count({ body }: OpeningRecord): void {
    this.#records += 1;
    this.#bytes += recordHeaderBytes + body.length;
  }
}

/** What one transaction holds, in as many bodies as its names need. */
function bodiesOf({ id }: LockOwner, names: readonly LockName[]): LockBody[] {
  const bodies: LockBody[] = [];
  let documents: Uint8Array[] = [];
  let collections: Uint8Array[] = [];
  let database = false;
  let bytes = 0;
  const end = (): void => {
    bodies.push({
      transaction: id,
      ...(database ? { database } : {}),
      ...(collections.length > 0 ? { collections } : {}),
      ...(documents.length > 0 ? { documents } : {}),
    });
    [documents, collections, database, bytes] = [[], [], false, 0];
  };
  for (const { level, name } of names) {
    if (level === 'database') database = true;
    else (level === 'collection' ? collections : documents).push(Buffer.from(name, 'latin1'));
    // The name of a document may be empty.
    bytes += name.length + 1;
    if (bytes >= namesBytesMax) end();
  }
  if (bytes > 0) end();
  return bodies;
}

/** Bodies that go into one record, by their size. */
function partsOf(held: readonly LockBody[]): LockBody[][] {
  const parts: LockBody[][] = [];
  let bytes = Infinity;
  for (const body of held) {
    if (bytes >= namesBytesMax) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(body);
    for (const name of [...(body.collections ?? []), ...(body.documents ?? [])]) {
      bytes += name.length + 1;
    }
  }
  return parts;
}
