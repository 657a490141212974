// The store: LevelDB as a cache of the log. Written without its own sync; the applied position
// travels in the same batch as the data, so that the store always says which state it holds.
import { join } from 'node:path';
import {
  PaminaError,
  RecordKind,
  decodeBody,
  forEachOperation,
  metaKey,
  recordHeaderBytes,
  readUint64,
  toPaminaError,
  systemPrefix,
  viewOf,
  writeUint64,
} from '@pamina/format';
import type { Env, StoreLevel } from '@pamina/env';
import { forEachRecord, type ChainPoint, type RecordBatch } from '@pamina/log';

const appliedKey = asBuffer(metaKey('applied'));
const sessionKey = asBuffer(metaKey('session'));
const entriesPerRead = 1000;
const reopenBytesMin = 8 * 1024 * 1024;

/** What the store needs of the world. */
export type StoreWorld = Pick<Env, 'disk' | 'stores'>;

/** A frozen view of the state: all keys that travel, prefix byte included, in key order. */
export interface StoreSnapshot {
  /** `perRead`: entries of one batch, read in one step; many are quick, few leave time to others. */
  entries(perRead?: number): AsyncGenerator<[Uint8Array, Uint8Array][]>;
  close(): Promise<void>;
}

interface Iterates<T> {
  nextv(size: number): Promise<T[]>;
}

/** Either written or discarded, once. */
export interface PreparedBatch {
  write(): Promise<void>;
  discard(): Promise<void>;
}

export class StateStore {
  readonly folder: string;
  readonly #world: StoreWorld;
  /** Null while it is being opened again, and when it could not be. */
  #level: StoreLevel | null;
  #reopening: Promise<void> | null = null;
  /** Why it could not be opened again. */
  #lost: PaminaError | null = null;
  #lastSession = 0;
  /** Logs of LevelDB whose sync has failed, with why: what a later sync says of them proves nothing (P7). */
  readonly #doubtful = new Map<string, PaminaError>();

  private constructor(level: StoreLevel, world: StoreWorld, folder: string) {
    this.#level = level;
    this.#world = world;
    this.folder = folder;
  }

  /** LevelDB; another one after each reopen(). STORE_REOPENED for the moment that this takes, STORE_ERROR if it failed. */
  get level(): StoreLevel {
    if (this.#level === null) throw this.#lost ?? storeReopened();
    return this.#level;
  }

  /** For whoever can wait: resolves when LevelDB is open again or could not be. Null if it is not being opened. */
  get reopening(): Promise<void> | null {
    return this.#reopening;
  }

  /** DATABASE_IN_USE if another process has it, STORE_ERROR if LevelDB refuses it. */
  static async open(
    world: StoreWorld,
    folder: string,
    options: { readonly create: boolean },
  ): Promise<StateStore> {
    const level = await openLevel(world, folder, options.create);
    const store = new StateStore(level, world, folder);
    const session = await level.get(sessionKey);
    if (session !== undefined) store.#lastSession = viewOf(session).getUint32(0, true);
    return store;
  }

  /** See Stores.pressure. */
  get pressure(): number {
    return this.#level === null ? 0 : this.#world.stores.pressure(this.#level);
  }

  /** The state that the store holds; null in a store that was never laid out. */
  async applied(): Promise<ChainPoint | null> {
    const bytes = await this.level.get(appliedKey);
    return bytes === undefined ? null : decodePoint(bytes);
  }

  /** Number of the last session whose record is applied; 0 when there was none. */
  get lastSession(): number {
    return this.#lastSession;
  }

  /** Lays out the point that a new or restored store stands for, and syncs it (FACTS, hazard 3). */
  async initialize(point: ChainPoint, session: number): Promise<void> {
    const batch = this.level.batch();
    batch.put(appliedKey, encodePoint(point));
    batch.put(sessionKey, encodeSession(session));
    await batch.write({ sync: true } as object);
    this.#lastSession = session;
    await this.#world.disk.syncFolder(this.folder);
  }

  /**
   * One LevelDB batch: every operation of the records of `batches`, which follow each other, and the
   * position. Encoded at once, so that the next one can be encoded while LevelDB writes the one before
   * it; written in the order of write().
   */
  prepare(...batches: readonly [RecordBatch, ...RecordBatch[]]): PreparedBatch {
    const write = this.level.batch();
    let session: number | null = null;
    for (const batch of batches) session = this.#addRecords(write, batch) ?? session;
    write.put(appliedKey, encodePoint(batches.at(-1)!.point));
    return {
      write: async () => {
        await write.write();
        if (session !== null) this.#lastSession = session;
      },
      discard: () => write.close(),
    };
  }

  /** Returns the number of the session that begins in the batch; null if none does. */
  #addRecords(write: ReturnType<StoreLevel['batch']>, batch: RecordBatch): number | null {
    const bytes = asBuffer(batch.bytes);
    let session: number | null = null;
    const visitor = {
      put: (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => {
        write.put(bytes.subarray(keyStart, keyEnd), bytes.subarray(valueStart, valueEnd));
      },
      delete: (keyStart: number, keyEnd: number) => {
        write.del(bytes.subarray(keyStart, keyEnd));
      },
    };
    forEachRecord(batch, (header, at) => {
      const start = at + recordHeaderBytes;
      const end = at + header.length;
      if (header.kind === RecordKind.commit) {
        forEachOperation(batch.bytes, batch.view, start, end, visitor);
      } else if (header.kind === RecordKind.session) {
        const body = decodeBody(RecordKind.session, batch.bytes.subarray(start, end));
        session = body.session;
        write.put(sessionKey, encodeSession(session));
      }
    });
    return session;
  }

  apply(batch: RecordBatch): Promise<void> {
    return this.prepare(batch).write();
  }

  /** Taken at once: no operation applied later is in it. STORE_REOPENED where it ends before it is read. */
  snapshot(): StoreSnapshot {
    const { level } = this;
    const readNext = <T>(iterator: Iterates<T>, size: number): Promise<T[]> =>
      this.readNext(level, iterator, size);
    const snapshot = level.snapshot();
    const assertOpen = (): void => {
      if (this.#level !== level) throw storeReopened();
    };
    return {
      async *entries(perRead = entriesPerRead) {
        assertOpen();
        const range = { gte: Buffer.of(systemPrefix), snapshot, highWaterMarkBytes: 1024 * 1024 };
        const iterator = level.iterator(range);
        try {
          for (;;) {
            assertOpen();
            const entries = await readNext(iterator, perRead);
            if (entries.length === 0) return;
            yield entries;
          }
        } finally {
          await iterator.close();
        }
      },
      close: () => snapshot.close(),
    };
  }

  /** The next entries of an iterator of `level`; STORE_REOPENED or DATABASE_CLOSED where that is closed by now. */
  async readNext<T>(level: StoreLevel, iterator: Iterates<T>, size: number): Promise<T[]> {
    try {
      return await iterator.nextv(size);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'LEVEL_ITERATOR_NOT_OPEN') throw error;
      if (this.#level !== level) throw storeReopened();
      throw new PaminaError('DATABASE_CLOSED', 'the database was closed while it was read');
    }
  }

  /**
   * Puts what LevelDB has written to its logs on disk. Tables and MANIFEST it syncs itself; a log
   * that vanishes meanwhile was flushed to a table. Once the sync of a log has failed this fails for as
   * long as that log is there.
   */
  async syncLogs(): Promise<void> {
    for (const entry of await this.#world.disk.list(this.folder)) {
      if (!entry.name.endsWith('.log')) continue;
      try {
        const file = await this.#world.disk.open(join(this.folder, entry.name), 'read');
        try {
          const doubt = this.#doubtful.get(entry.name);
          if (doubt !== undefined) throw doubt;
          await file.datasync();
        } catch (error) {
          const failure = toPaminaError(error);
          this.#doubtful.set(entry.name, failure);
          throw failure;
        } finally {
          await file.close();
        }
      } catch (error) {
        if (!(error instanceof PaminaError) || error.code !== 'FILE_NOT_FOUND') throw error;
      }
    }
    // LevelDB does not sync the name of a log that it has begun.
    await this.#world.disk.syncFolder(this.folder);
  }

  /**
   * After an error of LevelDB, which it would repeat for ever. Iterators and snapshots end. Where it fails it
   * may be tried again.
   */
  async reopen(): Promise<void> {
    const opening = this.#reopen(this.#lost === null ? this.level : null);
    this.#reopening = opening.catch((error: unknown) => {
      this.#lost = toPaminaError(error);
    });
    try {
      await opening;
    } finally {
      this.#reopening = null;
    }
  }

  async #reopen(level: StoreLevel | null): Promise<void> {
    this.#level = null;
    await level?.close();
    this.#level = await openLevel(this.#world, this.folder, false);
    this.#lost = null;
    // Its logs have become tables.
    this.#doubtful.clear();
  }

  /** Space that reopen() may need: what stands in the logs becomes a table. */
  async reopenBytes(): Promise<number> {
    const entries = await this.#world.disk.list(this.folder);
    const logs = entries.filter(({ name }) => name.endsWith('.log'));
    return logs.reduce((sum, { bytes }) => sum + bytes, reopenBytesMin);
  }

  async close(): Promise<void> {
    await this.#level?.close();
  }
}

async function openLevel(world: StoreWorld, folder: string, create: boolean): Promise<StoreLevel> {
  try {
    return await world.stores.open(folder, { create });
  } catch (error) {
    throw openError(folder, error);
  }
}

/** For whoever reads over several turns and meets a LevelDB that is no longer the one of its beginning. */
export function storeReopened(): PaminaError {
  const message = 'the store was opened again after an error of the disk';
  return new PaminaError('STORE_REOPENED', message);
}

/** Fills a new store with entries in key order; nothing of it counts before finish(). */
export class StoreLoader {
  readonly #store: StateStore;
  #writing: Promise<void> = Promise.resolve();

  private constructor(store: StateStore) {
    this.#store = store;
  }

  static async create(world: StoreWorld, folder: string): Promise<StoreLoader> {
    await world.disk.makeFolder(folder);
    return new StoreLoader(await StateStore.open(world, folder, { create: true }));
  }

  /**
   * Keys with their prefix byte; the bytes may be used again when it returns. Resolves when the entries
   * of the calls before are in the store: the next ones are read while LevelDB writes these.
   */
  async put(entries: readonly (readonly [Uint8Array, Uint8Array])[]): Promise<void> {
    const batch = this.#store.level.batch();
    for (const [key, value] of entries) batch.put(asBuffer(key), asBuffer(value));
    await this.#writing;
    this.#writing = batch.write();
    this.#writing.catch(() => {
      // The next put or the end waits for it and throws.
    });
  }

  /** Syncs everything and closes; the folder may be published afterwards. */
  async finish(point: ChainPoint, session: number): Promise<void> {
    await this.#writing;
    // Before the synced write below: it would sync only the log that is current by then.
    await this.#store.syncLogs();
    await this.#store.initialize(point, session);
    await this.#store.close();
  }

  async abandon(): Promise<void> {
    await this.#store.close();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function encodePoint(point: ChainPoint): Buffer {
  const bytes = Buffer.alloc(20);
  const view = viewOf(bytes);
  writeUint64(view, 0, point.seq);
  writeUint64(view, 8, point.time);
  view.setUint32(16, point.chain, true);
  return bytes;
}

function decodePoint(bytes: Uint8Array): ChainPoint {
  if (bytes.length !== 20) {
    throw new PaminaError('STORE_DAMAGED', 'the applied position in the store is not readable');
  }
  const view = viewOf(bytes);
  return {
    seq: readUint64(view, 0),
    time: readUint64(view, 8),
    chain: view.getUint32(16, true),
  };
}

function encodeSession(session: number): Buffer {
  const bytes = Buffer.alloc(4);
  viewOf(bytes).setUint32(0, session, true);
  return bytes;
}

function openError(folder: string, error: unknown): PaminaError {
  const cause = (error as { cause?: { code?: unknown; message?: unknown } }).cause;
  if (cause?.code === 'LEVEL_LOCKED') {
    return new PaminaError('DATABASE_IN_USE', `${folder} is open in another process`, {
      cause: error,
      context: { path: folder },
    });
  }
  const reason = String(cause?.message ?? error);
  return new PaminaError('STORE_ERROR', `LevelDB cannot open ${folder}: ${reason}`, {
    cause: error,
    context: { path: folder },
  });
}
