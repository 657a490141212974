// The database under test beside its history: writes and reads that are under way, snapshots and
// iterators that live on, and a disk whose syncs can be held so that acknowledgements wait.
import type { AbstractIterator } from 'abstract-level';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { segmentBytesMin } from '@pamina/format';
import { Pamina } from '../../src/pamina.js';
import { placeForManyDatabases } from '../many-databases.js';
import { SlowStores } from '../slow-stores.js';
import { FaultyDisk, env } from '../workbench.js';
import { History, type Change, type Moment, type State } from './history.js';
import type { Entry, Range, Space } from './range.js';

export type Db = Pamina<Buffer>;
export type Iterator = AbstractIterator<Db, Buffer, string>;

export interface LiveSnapshot {
  readonly handle: ReturnType<Db['snapshot']>;
  /** What it may hold; reads leave fewer. */
  states: readonly State[];
}

export interface LiveIterator {
  readonly handle: Iterator;
  readonly range: Range;
  /** What it was made from, if not from the current state. */
  readonly snapshot: LiveSnapshot | undefined;
  /** What it may run over, each with the place where it stands. */
  runs: readonly { readonly entries: readonly Entry[]; readonly at: number }[];
  count: number;
}

export class Subject {
  readonly history = new History();
  snapshots: LiveSnapshot[] = [];
  iterators: LiveIterator[] = [];
  readonly #folder: string;
  readonly #disk = new FaultyDisk();
  readonly #stores = new SlowStores();
  #levels!: Record<Space, Db>;
  #serial = 0;
  #clear: Promise<void> = Promise.resolve();
  readonly #writes = new Map<number, Promise<void>>();
  readonly #reads = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;
  #release: (() => void) | null = null;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** The store takes each batch so many ms late, and so lags behind the log. */
  static async open(delaysMs: readonly number[]): Promise<Subject> {
    const subject = new Subject(await mkdtemp(join(placeForManyDatabases(), 'pamina-model-')));
    let batches = 0;
    subject.#stores.delayMs = () => delaysMs[batches++ % delaysMs.length] ?? 0;
    await subject.#open();
    return subject;
  }

  get db(): Db {
    return this.level('');
  }

  /** The database, or a sublevel with the same interface. */
  level(space: Space): Db {
    return this.#levels[space];
  }

  nextSerial(): number {
    return ++this.#serial;
  }

  /** `changes` are what the model expects; keys complete. */
  write(changes: readonly Change[], task: () => Promise<unknown>): Promise<void> {
    const id = this.history.issue(changes);
    const done = task().then(() => {
      this.history.acknowledge(id);
      this.#writes.delete(id);
    });
    this.#writes.set(id, done);
    this.#heed(done);
    return done;
  }

  clear(
    select: (state: State) => string[],
    from: readonly State[] | null,
    task: () => Promise<unknown>,
  ): Promise<void> {
    this.history.issueClear(select, from);
    this.#clear = task().then(() => this.history.acknowledgeClear());
    this.#heed(this.#clear);
    return this.#clear;
  }

  /**
   * Waits for writes, which the disk must let through. Reads end without it, and so do commits that are
   * acknowledged before their sync: unless there are too many of these, or an iterator is to show them.
   */
  async finish<T>(done: Promise<T>, isEarly = false): Promise<T> {
    const write = { isDone: false };
    const ended = done.then(() => (write.isDone = true));
    for (let left = isEarly ? 50 : 0; left > 0 && !write.isDone; left--) {
      await Promise.race([ended, setImmediate()]);
    }
    if (!write.isDone) this.release();
    await ended;
    return done;
  }

  /** A read that nothing waits for now; it is judged when it ends. */
  read<T>(task: () => Promise<T>, judge: (result: T, issuedAt: Moment) => void): Promise<void> {
    const issuedAt = this.history.moment();
    const judged = async (): Promise<void> => {
      judge(await task(), issuedAt);
      this.#reads.delete(done);
    };
    const done = judged();
    this.#reads.add(done);
    this.#heed(done);
    return done;
  }

  /** No sync of a disk ends until release(). */
  hold(): void {
    if (this.#release !== null) return;
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    this.#release = open;
    this.#disk.before = ({ operation }) =>
      operation.startsWith('sync') ? gate : Promise.resolve();
  }

  release(): void {
    this.#disk.before = () => Promise.resolve();
    this.#release?.();
    this.#release = null;
  }

  /** Waits for the first commit that is under way. */
  async oldest(): Promise<void> {
    this.release();
    for (const done of this.#writes.values()) {
      await done;
      return;
    }
  }

  /** Its iterators end with it, and reads that use it are waited for. */
  async closeSnapshot(index: number): Promise<void> {
    const [closed] = this.snapshots.splice(index, 1);
    if (closed === undefined) return;
    this.release();
    await this.#clear;
    await Promise.all(this.#reads);
    const [ended, others] = [
      this.iterators.filter(({ snapshot }) => snapshot === closed),
      this.iterators.filter(({ snapshot }) => snapshot !== closed),
    ];
    this.iterators = others;
    for (const { handle } of ended) await handle.close();
    await closed.handle.close();
  }

  /** Waits for all that is under way; throws what went wrong with it. */
  async quiet(): Promise<void> {
    this.release();
    await this.#clear;
    await Promise.all(this.#writes.values());
    await Promise.all(this.#reads);
    this.throwFailure();
  }

  throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Closed with commits under way, which must end well; reads and a clear() are waited for. */
  async reopen(): Promise<void> {
    this.release();
    await this.#clear;
    await Promise.all(this.#reads);
    await this.db.close();
    await Promise.all(this.#writes.values());
    this.snapshots = [];
    this.iterators = [];
    await this.#open();
  }

  async dispose(): Promise<void> {
    this.release();
    await this.db.close();
    await env.disk.removeTree(this.#folder);
  }

  async #open(): Promise<void> {
    const db: Db = new Pamina<Buffer>(join(this.#folder, 'db'), {
      keyEncoding: 'buffer',
      env: { ...this.#disk.env, stores: this.#stores.stores },
      segmentBytes: segmentBytesMin,
    });
    await db.open();
    const first = db.sublevel<Buffer>('s', { keyEncoding: 'buffer' });
    const second = first.sublevel<Buffer>('t', { keyEncoding: 'buffer' });
    // What is written to a sublevel that is still opening waits, and is not in order with other writes.
    await Promise.all([first.open(), second.open()]);
    this.#levels = { '': db, '!s!': first as unknown as Db, '!s!!t!': second as unknown as Db };
  }

  /** What fails while nobody waits for it is remembered. */
  #heed(task: Promise<void>): void {
    task.catch((error: unknown) => {
      this.#failure ??= { error };
    });
  }
}
