// The seam to the disk over a simulated one: the same steps that the real one takes, so that a process
// can die between any two of them.

import { posix } from 'node:path';
import type { DirectoryEntry, Disk, FileStatus, OpenMode } from '@pamina/env';
import { PaminaError, isPaminaError } from '@pamina/format';
import type { Incarnation } from '../incarnation.js';
import type { Prng } from '../prng.js';
import { SimulatedFile } from './disk-file.js';
import type { DiskOperation } from './disk-faults.js';
import type { HostDisk } from './host-disk.js';
import { lockFile } from './lock-file.js';
import { SystemError, attempt } from './system-error.js';
import { FileNode, FolderNode } from './tree.js';
import type { NameCapture, Node } from './tree.js';

export class SimulatedDisk implements Disk {
  readonly #life: Incarnation;
  readonly #disk: HostDisk;
  readonly #random: Prng;

  constructor(life: Incarnation, disk: HostDisk, random: Prng) {
    this.#life = life;
    this.#disk = disk;
    this.#random = random;
  }

  open(path: string, mode: OpenMode): Promise<SimulatedFile> {
    return attempt(mode === 'create' ? 'create' : 'open', path, () =>
      this.#open(this.#disk.inside(path), mode),
    );
  }

  readFile(path: string): Promise<Uint8Array> {
    return attempt('read', path, () => this.#read(this.#disk.inside(path)));
  }

  async readFileIfPresent(path: string): Promise<Uint8Array | null> {
    try {
      return await this.readFile(path);
    } catch (error) {
      if (isPaminaError(error, 'FILE_NOT_FOUND')) return null;
      throw error;
    }
  }

  async replaceFile(path: string, bytes: Uint8Array): Promise<void> {
    const target = this.#disk.inside(path);
    await attempt('replace', path, () =>
      this.#withTemporary(target, bytes, (temporary) => this.#rename(temporary, target)),
    );
    await this.syncFolder(posix.dirname(target));
  }

  async createFile(path: string, bytes: Uint8Array): Promise<void> {
    const target = this.#disk.inside(path);
    await attempt('create', path, () =>
      this.#withTemporary(target, bytes, async (temporary) => {
        await this.#names('create', target, () => {
          this.#disk.tree.link(target, this.#disk.tree.file(temporary));
        });
        await this.#unlink(temporary);
      }),
    );
    await this.syncFolder(posix.dirname(target));
  }

  link(from: string, to: string): Promise<void> {
    const [source, target] = [this.#disk.inside(from), this.#disk.inside(to)];
    return attempt('link', from, () =>
      this.#names('create', target, () => {
        this.#disk.tree.link(target, this.#disk.tree.file(source));
      }),
    );
  }

  async appendFile(path: string, bytes: Uint8Array, options: { sync: boolean }): Promise<void> {
    const target = this.#disk.inside(path);
    const isNew = await attempt('append to', path, async () => {
      const found = await this.#step('stat', target, () => this.#disk.tree.find(target));
      const file = await this.#open(target, 'write');
      try {
        await file.append(bytes);
        if (options.sync) await file.datasync();
      } finally {
        await file.close();
      }
      return found === null;
    });
    if (options.sync && isNew) await this.syncFolder(posix.dirname(target));
  }

  async rename(
    from: string,
    to: string,
    options?: { replace?: boolean | undefined },
  ): Promise<void> {
    const [source, target] = [this.#disk.inside(from), this.#disk.inside(to)];
    await attempt('rename', from, async () => {
      const taken = await this.#step('stat', target, () => this.#disk.tree.find(target));
      if (taken !== null && options?.replace !== true) {
        const context = { operation: 'rename', path: from, to };
        const message = `cannot rename ${from} to ${to} (it is taken)`;
        throw new PaminaError('FILE_EXISTS', message, { context });
      }
      await this.#rename(source, target);
    });
    const [fromFolder, toFolder] = [posix.dirname(source), posix.dirname(target)];
    await this.syncFolder(toFolder);
    if (fromFolder !== toFolder) await this.syncFolder(fromFolder);
  }

  /** Not of the seam: what a program does that does not care, such as a store. Replaces. */
  renameUnsynced(from: string, to: string): Promise<void> {
    return attempt('rename', from, () =>
      this.#rename(this.#disk.inside(from), this.#disk.inside(to)),
    );
  }

  remove(path: string): Promise<void> {
    const target = this.#disk.inside(path);
    return attempt('remove', path, () =>
      this.#names('remove', target, () => {
        this.#disk.tree.file(target);
        this.#disk.release(this.#disk.tree.unlink(target));
      }),
    );
  }

  removeTree(path: string): Promise<void> {
    return attempt('remove', path, () => this.#removeTree(this.#disk.inside(path)));
  }

  makeFolder(path: string): Promise<void> {
    return this.#makeFolder(path, (folder) => this.syncFolder(posix.dirname(folder)));
  }

  /** Not of the seam, as `renameUnsynced`. */
  makeFolderUnsynced(path: string): Promise<void> {
    return this.#makeFolder(path, () => Promise.resolve());
  }

  async #makeFolder(path: string, afterEach: (folder: string) => Promise<void>): Promise<void> {
    const target = this.#disk.inside(path);
    const missing: string[] = [];
    let at = target;
    let node = await this.#look(at);
    while (node === null) {
      missing.push(at);
      at = posix.dirname(at);
      node = await this.#look(at);
    }
    if (missing.length === 0 && node instanceof FileNode) {
      const context = { operation: 'make the folder', path };
      const message = `cannot make the folder ${path} (a file is there)`;
      throw new PaminaError('FILE_EXISTS', message, { context });
    }
    for (const folder of missing.reverse()) {
      await attempt('make the folder', folder, () => this.#makeOne(folder));
      await afterEach(folder);
    }
  }

  syncFolder(path: string): Promise<void> {
    const target = this.#disk.inside(path);
    const { tree, settings } = this.#disk;
    const folder = this.#life.isAlive ? tree.find(target) : null;
    // As with a file: what was changed before the sync began.
    const captured: NameCapture | null = folder instanceof FolderNode ? tree.capture(folder) : null;
    return attempt('sync the folder', path, () =>
      this.#disk.perform(this.#life, {
        operation: 'sync folder',
        path: target,
        run: () => {
          if (captured === null) throw new SystemError('ENOENT');
          if (!settings.isLying) tree.settle(captured);
        },
      }),
    );
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    const target = this.#disk.inside(path);
    return attempt('list', path, () =>
      this.#step('list', target, () =>
        [...this.#disk.tree.folder(target).entries]
          .map(([name, node]) => ({ name, ...statusOf(node) }))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      ),
    );
  }

  async stat(path: string): Promise<FileStatus | null> {
    const node = await this.#look(this.#disk.inside(path));
    return node === null ? null : statusOf(node);
  }

  realPath(path: string): Promise<string> {
    const target = this.#disk.inside(path);
    return attempt('resolve', path, () =>
      this.#step('stat', target, () => {
        if (this.#disk.tree.find(target) === null) throw new SystemError('ENOENT');
        return posix.join(this.#disk.mount, target);
      }),
    );
  }

  temporaryFolder(prefix: string): Promise<string> {
    const path = posix.join('/tmp', `${prefix}${hexOf(this.#random.bytes(6))}`);
    return attempt('make a temporary folder at', path, async () => {
      await this.#names('create', path, () =>
        this.#disk.tree.link(path, new FolderNode(this.#disk.wallMs())),
      );
      return path;
    });
  }

  freeBytes(path: string): Promise<number> {
    const target = this.#disk.inside(path);
    return attempt('read the free space at', path, () =>
      this.#step('stat', target, () => {
        if (this.#disk.tree.find(target) === null) throw new SystemError('ENOENT');
        return this.#disk.freeBytes;
      }),
    );
  }

  async watch(path: string, onChange: () => void): Promise<() => Promise<void>> {
    const target = this.#disk.inside(path);
    const isFolder = (await this.#look(target)) instanceof FolderNode;
    const folder = isFolder ? target : posix.dirname(target);
    if (!isFolder && !((await this.#look(folder)) instanceof FolderNode)) {
      const context = { operation: 'watch', path };
      const message = `cannot watch ${path} (its folder does not exist)`;
      throw new PaminaError('FILE_NOT_FOUND', message, { context });
    }
    const name = isFolder ? null : posix.basename(target);
    const stop = this.#disk.watches.add(this.#life, folder, name, onChange);
    return () => {
      stop();
      return Promise.resolve();
    };
  }

  lockFile(
    path: string,
    options: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<() => Promise<void>> {
    const steps = {
      take: (target: string) => this.#names('create', target, () => this.#takeLock(target)),
      free: (target: string) => this.#names('remove', target, () => this.#freeLock(target)),
    };
    return lockFile(this.#life, this.#random, path, this.#disk.inside(path), options, steps);
  }

  /** The lock file is there for those who look; who holds it is the system's own knowledge. */
  #takeLock(path: string): boolean {
    if (this.#disk.lockOwner(path) !== null) return false;
    if (this.#disk.tree.find(path) === null) {
      this.#disk.tree.link(path, new FileNode(this.#disk.wallMs()));
    }
    this.#disk.setLockOwner(path, this.#life);
    return true;
  }

  #freeLock(path: string): void {
    this.#disk.setLockOwner(path, null);
    if (this.#disk.tree.find(path) !== null) this.#disk.release(this.#disk.tree.unlink(path));
  }

  async #open(path: string, mode: OpenMode): Promise<SimulatedFile> {
    const { tree } = this.#disk;
    const isThere = this.#life.isAlive && tree.find(path) !== null;
    const node = await this.#step(isThere || mode === 'read' ? 'open' : 'create', path, () => {
      if (tree.find(path) === null && mode !== 'read') {
        tree.link(path, new FileNode(this.#disk.wallMs()));
        this.#disk.watches.changed(path);
      } else if (mode === 'create') {
        throw new SystemError('EEXIST');
      }
      return tree.file(path);
    });
    return new SimulatedFile(this.#life, this.#disk, node, path, mode);
  }

  #read(path: string): Promise<Uint8Array> {
    return this.#step('read', path, () => {
      const told = this.#life.system.get(path);
      if (told !== undefined) return new TextEncoder().encode(told);
      return this.#disk.tree.file(path).content.cached().slice();
    });
  }

  #look(path: string): Promise<Node | null> {
    return attempt('look up', path, () =>
      this.#step('stat', path, () => this.#disk.tree.find(path)),
    );
  }

  #makeOne(path: string): Promise<void> {
    return this.#names('create', path, () => {
      // Another process was faster; whoever comes second still waits for the sync.
      if (this.#disk.tree.find(path) instanceof FolderNode) return;
      this.#disk.tree.link(path, new FolderNode(this.#disk.wallMs()));
    });
  }

  #rename(from: string, to: string): Promise<void> {
    return this.#names('rename', to, () => {
      this.#disk.release(this.#disk.tree.rename(from, to));
      this.#disk.watches.changed(from);
    });
  }

  #unlink(path: string): Promise<void> {
    return this.#names('remove', path, () => {
      this.#disk.release(this.#disk.tree.unlink(path));
    });
  }

  async #removeTree(path: string): Promise<void> {
    const node = await this.#step('stat', path, () => this.#disk.tree.find(path));
    if (node === null) return;
    if (node instanceof FolderNode) {
      // One by one: a death on the way leaves a part.
      for (const name of [...node.entries.keys()]) await this.#removeTree(posix.join(path, name));
    }
    await this.#unlink(path);
  }

  async #withTemporary(
    path: string,
    bytes: Uint8Array,
    publish: (temporary: string) => Promise<void>,
  ): Promise<void> {
    const temporary = `${path}.tmp-${hexOf(this.#random.bytes(8))}`;
    try {
      const file = await this.#open(temporary, 'create');
      try {
        await file.write(bytes, 0);
        await file.datasync();
      } finally {
        await file.close();
      }
      await publish(temporary);
    } catch (error) {
      await this.#discard(temporary);
      throw error;
    }
  }

  async #discard(temporary: string): Promise<void> {
    try {
      await this.#unlink(temporary);
    } catch (error) {
      // Whatever the disk says now, why the file could not be published is the better error.
      if (!(error instanceof SystemError)) throw error;
    }
  }

  #names<T>(operation: DiskOperation, path: string, run: () => T): Promise<T> {
    return this.#step(operation, path, () => {
      const answer = run();
      this.#disk.watches.changed(path);
      return answer;
    });
  }

  #step<T>(operation: DiskOperation, path: string, run: () => T): Promise<T> {
    return this.#disk.perform(this.#life, { operation, path, run });
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function statusOf(node: Node): FileStatus {
  const isFolder = node instanceof FolderNode;
  return {
    isFolder,
    bytes: isFolder ? 4096 : node.content.size,
    modifiedMs: node.modifiedMs,
    changedMs: node.modifiedMs,
    permissions: isFolder ? 0o755 : 0o644,
  };
}
