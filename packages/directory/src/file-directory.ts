// A directory in one flat file, shared by the processes of a machine (or of a shared file system
// that keeps to renames). Readers never wait; writers take turns by a lock file.

import type { Env } from '@pamina/env';
import { isPaminaError, PaminaError, toPaminaError, validateName } from '@pamina/format';
import { dirname } from 'node:path';
import {
  directoryBytesMax,
  type DirectoryContent,
  directoryEntriesMax,
  parseDirectory,
  printDirectory,
  validateAddress,
} from './directory-content.js';
import { type Directory, type DirectoryEntry, type IsAlive, isSame, taken } from './directory.js';
import { SharedRead } from './shared-read.js';

const lockWaitMs = 10_000;
/** A holder that changes each time it is asked about is somebody else's race; it ends somewhere. */
const attemptsMax = 5;

export interface FileDirectoryOptions {
  readonly env: Pick<Env, 'clock' | 'disk'>;
  readonly path: string;
}

export class FileDirectory implements Directory {
  readonly path: string;
  readonly #env: Pick<Env, 'clock' | 'disk'>;
  readonly #listeners = new Set<() => void>();
  readonly #reading = new SharedRead(() => this.#read());
  #lastValid: DirectoryContent | null = null;
  #problem: PaminaError | null = null;
  #stopWatching: Promise<() => Promise<void>> | null = null;
  #closed = false;

  constructor(options: FileDirectoryOptions) {
    this.#env = options.env;
    this.path = options.path;
  }

  get problem(): PaminaError | null {
    return this.#problem;
  }

  describe(): string {
    return `the directory file ${this.path}`;
  }

  async resolve(name: string): Promise<DirectoryEntry | null> {
    return (await this.list()).get(name) ?? null;
  }

  /** Falls back to the last valid content, with `problem` set; DIRECTORY_INVALID if there is none. */
  async list(): Promise<DirectoryContent> {
    try {
      return await this.#reading.run();
    } catch (error) {
      const problem = toPaminaError(error);
      this.#problem = problem;
      if (this.#lastValid === null) throw problem;
      return this.#lastValid;
    }
  }

  async register(name: string, address: string, instance: string, isAlive: IsAlive): Promise<void> {
    const entry = { address: validateAddress(address), instance, since: this.#env.clock.now() };
    validateName(name);
    // The holder is asked without the lock: an answer may take seconds, and others must not wait.
    let dead: DirectoryEntry | null = null;
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const holder = await this.#change((content) => {
        const found = content.get(name);
        const isOwn = found?.instance === instance && found.address === entry.address;
        if (isOwn) return { result: null };
        if (found !== undefined && !isSame(found, dead)) return { result: found };
        if (content.size >= directoryEntriesMax) {
          throw new PaminaError('DIRECTORY_INVALID', `${this.path} is full: ${content.size} names`);
        }
        return { result: null, content: new Map(content).set(name, entry) };
      });
      if (holder === null) return;
      if (await isAlive(holder)) throw taken(name, holder, this.describe());
      dead = holder;
    }
    throw new PaminaError('NAME_TAKEN', `others are taking the name ${name} at this moment`);
  }

  async withdraw(name: string, instance: string): Promise<boolean> {
    return await this.#change((content) => {
      if (content.get(name)?.instance !== instance) return { result: false };
      const rest = new Map(content);
      rest.delete(name);
      return { result: true, content: rest };
    });
  }

  onChange(listener: () => void): () => void {
    if (this.#closed) throw new PaminaError('ABORTED', `${this.describe()} is closed`);
    this.#listeners.add(listener);
    if (this.#stopWatching === null) this.#watch();
    return () => void this.#listeners.delete(listener);
  }

  #watch(): void {
    this.#stopWatching = this.#env.disk.watch(this.path, () => this.#changed());
    // What changed while the watcher came up would else be noticed at the next change only. Without a
    // watcher, as `problem` says then, changes are noticed at the next resolve.
    this.#stopWatching.then(
      () => this.#changed(),
      (error: unknown) => {
        this.#problem = toPaminaError(error);
      },
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
    const stop = await this.#stopWatching?.catch(() => {
      // The watcher never began; `problem` says why, and there is nothing to stop.
      return null;
    });
    await stop?.();
  }

  /** Reads, so that `problem` tells the truth, then tells the listeners. */
  #changed(): void {
    const tell = () => {
      for (const listener of this.#listeners) listener();
    };
    this.list().then(tell, tell);
  }

  async #read(): Promise<DirectoryContent> {
    const status = await this.#env.disk.stat(this.path);
    if (status !== null && status.bytes > directoryBytesMax) {
      throw new PaminaError(
        'DIRECTORY_INVALID',
        `${this.path}: larger than ${directoryBytesMax} bytes`,
      );
    }
    const bytes = await this.#env.disk.readFileIfPresent(this.path);
    const content = bytes === null ? new Map() : parseDirectory(bytes, this.path);
    this.#lastValid = content;
    this.#problem = null;
    return content;
  }

  /** One change under the lock. An invalid file is never written over: a person was editing it. */
  async #change<T>(
    change: (content: DirectoryContent) => { result: T; content?: DirectoryContent },
  ): Promise<T> {
    await this.#env.disk.makeFolder(dirname(this.path));
    const unlock = await this.#lock();
    try {
      const { content, result } = change(await this.#read());
      if (content !== undefined) {
        await this.#env.disk.replaceFile(this.path, printDirectory(content));
        this.#lastValid = content;
      }
      return result;
    } catch (error) {
      if (isPaminaError(error, 'DIRECTORY_INVALID')) this.#problem = error;
      throw error;
    } finally {
      await unlock();
    }
  }

  async #lock(): Promise<() => Promise<void>> {
    try {
      return await this.#env.disk.lockFile(`${this.path}.lock`, { waitMs: lockWaitMs });
    } catch (cause) {
      if (!isPaminaError(cause, 'TIMEOUT')) throw cause;
      const message = `${this.path} has been locked for ${lockWaitMs} ms: ${cause.message}`;
      throw new PaminaError('DIRECTORY_LOCKED', message, { cause, context: cause.context });
    }
  }
}
