// One open file on raw descriptors: the callback interface costs the log's hot path less than
// FileHandle. A descriptor's number is reused by the system after close, so close waits for calls
// under way: a late write must never land in another file.

import * as fs from 'node:fs';
import { PaminaError } from '@pamina/format';
import type { DiskFile, OpenMode } from '../disk.js';
import { diskError } from './disk-error.js';

const { O_CREAT, O_EXCL, O_RDONLY, O_RDWR } = fs.constants;

const flags: Record<OpenMode, number> = {
  read: O_RDONLY,
  write: O_RDWR | O_CREAT,
  create: O_RDWR | O_CREAT | O_EXCL,
};

// One system call on Linux moves at most 2^31 − 4096 bytes.
const transferBytesMax = 2 ** 30;

/** At once: a copy into or out of the page cache takes less than the way through the thread pool and back. */
const directBytesMax = 64 * 1024;

const noProgress = 'the system wrote nothing and gave no reason';

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

class NodeDiskFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;
  #underWay = 0;
  #onIdle: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  write(bytes: Uint8Array, at: number): Promise<void> {
    return this.#call('write', (done: Done<void>) => {
      if (bytes.length <= directBytesMax) this.#writeDirect(bytes, at, done);
      else this.#writeFrom(bytes, 0, at, done);
    });
  }

  #writeDirect(bytes: Uint8Array, at: number, done: Done<void>): void {
    for (let written = 0; written < bytes.length;) {
      const length = bytes.length - written;
      const count = fs.writeSync(this.#descriptor, bytes, written, length, at + written);
      if (count === 0) throw new Error(noProgress);
      written += count;
    }
    done(null);
  }

  #writeFrom(bytes: Uint8Array, from: number, at: number, done: Done<void>): void {
    const length = Math.min(bytes.length - from, transferBytesMax);
    if (length === 0) {
      done(null);
      return;
    }
    fs.write(this.#descriptor, bytes, from, length, at + from, (error, written) => {
      if (error) done(error);
      else if (written === 0) done(new Error(noProgress));
      else this.#writeFrom(bytes, from + written, at, done);
    });
  }

  read(into: Uint8Array, at: number, isRecent = false): Promise<number> {
    return this.#call('read', (done: Done<number>) => {
      if (isRecent && into.length <= directBytesMax) this.#readDirect(into, at, done);
      else this.#readFrom(into, 0, at, done);
    });
  }

  #readDirect(into: Uint8Array, at: number, done: Done<number>): void {
    let held = 0;
    while (held < into.length) {
      const count = fs.readSync(this.#descriptor, into, held, into.length - held, at + held);
      if (count === 0) break;
      held += count;
    }
    done(null, held);
  }

  #readFrom(into: Uint8Array, from: number, at: number, done: Done<number>): void {
    const length = Math.min(into.length - from, transferBytesMax);
    if (length === 0) {
      done(null, from);
      return;
    }
    fs.read(this.#descriptor, into, from, length, at + from, (error, count) => {
      if (error) done(error, from);
      else if (count === 0) done(null, from);
      else this.#readFrom(into, from + count, at, done);
    });
  }

  datasync(): Promise<void> {
    return this.#call('sync the data of', (done: Done<void>) =>
      fs.fdatasync(this.#descriptor, done as fs.NoParamCallback),
    );
  }

  sync(): Promise<void> {
    return this.#call('sync', (done: Done<void>) =>
      fs.fsync(this.#descriptor, done as fs.NoParamCallback),
    );
  }

  truncate(bytes: number): Promise<void> {
    return this.#call('truncate', (done: Done<void>) =>
      fs.ftruncate(this.#descriptor, bytes, done as fs.NoParamCallback),
    );
  }

  async size(): Promise<number> {
    const status = await this.#call('read the size of', (done: Done<fs.Stats>) =>
      fs.fstat(this.#descriptor, done),
    );
    return status.size;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await new Promise<void>((resolve, reject) => {
      fs.close(this.#descriptor, (error) => {
        if (error) reject(diskError(error, 'close', this.path));
        else resolve();
      });
    });
  }

  #call<T>(operation: string, start: (done: Done<T>) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closing !== null) {
        const context = { operation, path: this.path };
        reject(
          new PaminaError('DISK_ERROR', `cannot ${operation} ${this.path} (it is closed)`, {
            context,
          }),
        );
        return;
      }
      this.#underWay += 1;
      const done: Done<T> = (error, value) => {
        this.#underWay -= 1;
        if (error) reject(diskError(error, operation, this.path));
        else resolve(value);
        if (this.#underWay === 0) this.#onIdle?.();
      };
      try {
        start(done);
      } catch (error) {
        // What is done at once, and arguments that Node refuses.
        done(error as Error, undefined as T);
      }
    });
  }
}

export function openFile(path: string, mode: OpenMode): Promise<DiskFile> {
  return new Promise((resolve, reject) => {
    fs.open(path, flags[mode], (error, descriptor) => {
      if (error) reject(diskError(error, mode === 'create' ? 'create' : 'open', path));
      else resolve(new NodeDiskFile(path, descriptor));
    });
  });
}
