// One open file on the simulated disk.

import type { DiskFile, OpenMode } from '@pamina/env';
import { PaminaError } from '@pamina/format';
import type { Incarnation } from '../incarnation.js';
import type { Prng } from '../prng.js';
import type { DiskFault } from './disk-faults.js';
import type { Capture } from './file-content.js';
import type { HostDisk, Work } from './host-disk.js';
import { SystemError, attempt } from './system-error.js';
import type { FileNode, NameCapture } from './tree.js';

const noNames: NameCapture = new Set();

const pageBytes = 4096;

/** A beginning of the bytes: any after an error, whole pages where the process died inside the call. */
function partOf(bytes: Uint8Array, at: number, random: Prng, fault: DiskFault | null): Uint8Array {
  const end = random.below(bytes.length + 1);
  if (fault !== null) return bytes.subarray(0, end);
  const pageEnd = Math.floor((at + end) / pageBytes) * pageBytes;
  return bytes.subarray(0, Math.max(0, pageEnd - at));
}

export class SimulatedFile implements DiskFile {
  readonly path: string;
  readonly #life: Incarnation;
  readonly #disk: HostDisk;
  readonly #node: FileNode;
  readonly #isWritable: boolean;
  #underWay = 0;
  #onIdle: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  /** `path` is absolute; `shownPath` is what the caller said, for errors. */
  constructor(life: Incarnation, disk: HostDisk, node: FileNode, path: string, mode: OpenMode) {
    this.#life = life;
    this.#disk = disk;
    this.#node = node;
    this.path = path;
    this.#isWritable = mode !== 'read';
  }

  write(bytes: Uint8Array, at: number): Promise<void> {
    return this.#call('write', {
      operation: 'write',
      path: this.path,
      run: () => this.#put(bytes, at),
      runPart: (random, fault) => this.#put(partOf(bytes, at, random, fault), at),
    });
  }

  /** Writes at the end that the file has by then. */
  append(bytes: Uint8Array): Promise<void> {
    const { content } = this.#node;
    const put = (part: Uint8Array): void => this.#put(part, content.size);
    return this.#call('append to', {
      operation: 'write',
      path: this.path,
      run: () => put(bytes),
      runPart: (random, fault) => put(partOf(bytes, content.size, random, fault)),
    });
  }

  read(into: Uint8Array, at: number): Promise<number> {
    return this.#call('read', {
      operation: 'read',
      path: this.path,
      run: () => {
        const found = this.#node.content.cached(at, at + into.length);
        into.set(found);
        return found.length;
      },
    });
  }

  datasync(): Promise<void> {
    return this.#sync('sync the data of');
  }

  sync(): Promise<void> {
    return this.#sync('sync');
  }

  truncate(bytes: number): Promise<void> {
    return this.#call('truncate', {
      operation: 'truncate',
      path: this.path,
      run: () => {
        this.#assertWritable();
        this.#resize(bytes);
        this.#node.content.truncate(bytes);
        this.#disk.watches.changed(this.path);
      },
    });
  }

  size(): Promise<number> {
    return this.#call('read the size of', {
      operation: 'stat',
      path: this.path,
      run: () => this.#node.content.size,
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#waitForIdle();
    return this.#closing;
  }

  async #waitForIdle(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
  }

  #sync(words: string): Promise<void> {
    const { content } = this.#node;
    // A sync promises what was written before it began, and no more.
    const captured = this.#closing === null && this.#life.isAlive ? content.capture() : null;
    const { doesFileSyncKeepName } = this.#disk.settings;
    const names = doesFileSyncKeepName ? this.#disk.tree.captureNode(this.#node) : noNames;
    return this.#call(words, {
      operation: 'sync',
      path: this.path,
      run: () => {
        if (captured === null) return;
        if (this.#disk.settings.isLying) {
          content.pretend(captured);
          return;
        }
        content.settle(captured);
        this.#disk.tree.settle(names);
      },
      runPart: (random, fault) => {
        // On a power cut what is still captured is resolved with all that was not synced.
        if (fault !== null && captured !== null) this.#fail(captured, fault === 'lost', random);
      },
    });
  }

  #fail(captured: Capture, isLost: boolean, random: Prng): void {
    if (isLost) this.#node.content.lose(captured, random);
    else this.#node.content.pretend(captured);
  }

  #put(bytes: Uint8Array, at: number): void {
    this.#assertWritable();
    if (bytes.length === 0) return;
    const { content } = this.#node;
    let taken = bytes;
    try {
      this.#resize(Math.max(content.size, at + bytes.length));
    } catch (error) {
      const room = Math.max(0, content.size + this.#disk.freeBytes - at);
      taken = bytes.subarray(0, Math.min(room, bytes.length));
      if (taken.length > 0) this.#resize(Math.max(content.size, at + taken.length));
      this.#store(taken, at);
      throw error;
    }
    this.#store(taken, at);
  }

  #store(bytes: Uint8Array, at: number): void {
    const { content } = this.#node;
    content.write(bytes, at);
    this.#life.trace.noteBytes(bytes);
    this.#disk.afterWrite(this.#node, this.path);
  }

  #resize(size: number): void {
    if (this.#node.links > 0) this.#disk.take(size - this.#node.content.size);
  }

  #assertWritable(): void {
    if (!this.#isWritable) throw new SystemError('EBADF');
  }

  async #call<T>(words: string, work: Work<T>): Promise<T> {
    if (this.#closing !== null) {
      const context = { operation: words, path: this.path };
      const message = `cannot ${words} ${this.path} (it is closed)`;
      throw new PaminaError('DISK_ERROR', message, { context });
    }
    this.#underWay += 1;
    try {
      return await attempt(words, this.path, () => this.#disk.perform(this.#life, work));
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#onIdle?.();
    }
  }
}
