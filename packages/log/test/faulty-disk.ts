// A disk of real files that fails on demand and can lose its power. Beside each file it keeps what a
// sync has put on the platters and the later operations in order; a power cut keeps any subset of
// those, torn at sectors, and any beginning of the changes of names in each folder.
import type { Disk, DiskFile, OpenMode } from '@pamina/env';
import { PaminaError, type ErrorCode } from '@pamina/format';
import { dirname, join, relative } from 'node:path';

export type FileOperation =
  | 'write'
  | 'datasync'
  | 'sync'
  | 'truncate'
  | 'read'
  | 'create'
  | 'close';

export interface Operation {
  readonly kind: FileOperation;
  readonly path: string;
  readonly bytes: number;
  readonly at: number;
}

/** What happens instead of the operation; `part` of a write's bytes still reach the file. */
export interface Fault {
  readonly code: ErrorCode;
  readonly part?: number;
}

/** What the Node disk calls its operations in the context of an error. */
const names: Record<FileOperation, string> = {
  write: 'write',
  datasync: 'sync the data of',
  sync: 'sync',
  truncate: 'truncate',
  read: 'read',
  create: 'create',
  close: 'close',
};

type Change =
  | { readonly kind: 'write'; readonly at: number; readonly bytes: Uint8Array; done: boolean }
  | { readonly kind: 'truncate'; readonly to: number; done: boolean };

/** A file apart from its name. */
class Inode {
  synced: Uint8Array = new Uint8Array(0);
  pending: Change[] = [];
  /**
   * From the first failed sync on: changes that it has made clean, which may have been written or not
   * (no later sync writes them), and those of later syncs, which were.
   */
  unsure: { readonly change: Change; readonly isWritten: boolean }[] = [];
}

type NameChange = { readonly path: string; readonly inode: Inode | null };

const sectorBytes = 512;

export class FaultyDisk {
  readonly #real: Disk;
  readonly #root: string;
  readonly #names = new Map<string, Inode>();
  readonly #durableNames = new Map<string, Inode>();
  readonly #nameChanges = new Map<string, NameChange[]>();
  readonly #counts = new Map<FileOperation, number>();
  #isOff = false;
  /** Asked before each operation on an open file. */
  fault: (operation: Operation) => Fault | null = () => null;
  /** Awaited before each operation: a test can hold one back. */
  before: (operation: Operation) => Promise<void> | void = () => undefined;
  readonly disk: Disk;

  constructor(real: Disk, root: string) {
    this.#real = real;
    this.#root = root;
    this.disk = {
      ...real,
      open: (path, mode) => this.#open(path, mode),
      replaceFile: (path, bytes) => this.#publish(path, bytes, () => real.replaceFile(path, bytes)),
      createFile: (path, bytes) => this.#publish(path, bytes, () => real.createFile(path, bytes)),
      rename: (from, to, options) => this.#rename(from, to, options),
      remove: (path) => this.#remove(path),
      removeTree: (path) => this.#removeTree(path),
      syncFolder: (path) => this.#syncFolder(path),
    };
  }

  /** Everything that stands below the root is on the platters. */
  async adoptAll(folder = this.#root): Promise<void> {
    for (const entry of await this.#real.list(folder)) {
      const path = join(folder, entry.name);
      if (entry.isFolder) await this.adoptAll(path);
      else await this.#adopt(path, new Inode());
    }
  }

  /** How often an operation was asked for. */
  count(kind: FileOperation): number {
    return this.#counts.get(kind) ?? 0;
  }

  /** From here on every operation fails and changes nothing. */
  cutPower(): void {
    this.#isOff = true;
  }

  /** Lays out in `folder` what may be on the platters after the power cut. */
  async survivors(folder: string, random: () => number): Promise<void> {
    const survivingNames = new Map(this.#durableNames);
    for (const changes of this.#nameChanges.values()) {
      const count = Math.floor(random() * (changes.length + 1));
      for (const { path, inode } of changes.slice(0, count)) {
        if (inode === null) survivingNames.delete(path);
        else survivingNames.set(path, inode);
      }
    }
    for (const [path, inode] of survivingNames) {
      const target = join(folder, relative(this.#root, path));
      await this.#real.makeFolder(dirname(target));
      await this.#real.replaceFile(target, survivingImage(inode, random));
    }
  }

  async #open(path: string, mode: OpenMode): Promise<DiskFile> {
    this.#requirePower();
    if (mode === 'create') await this.#ask({ kind: 'create', path, bytes: 0, at: 0 });
    const file = await this.#real.open(path, mode);
    const inode = this.#names.get(path) ?? new Inode();
    if (!this.#names.has(path)) {
      if (mode === 'create' || (await file.size()) === 0) this.#rename1(path, inode);
      else await this.#adopt(path, inode);
    }
    return new FaultyFile(this, file, inode);
  }

  /** A file that stood here before the disk was wrapped is on the platters. */
  async #adopt(path: string, inode: Inode): Promise<void> {
    inode.synced = (await this.#real.readFile(path)).slice();
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  async #publish(path: string, bytes: Uint8Array, act: () => Promise<void>): Promise<void> {
    this.#requirePower();
    await act();
    const inode = new Inode();
    inode.synced = bytes.slice();
    this.#rename1(path, inode);
    this.#syncNames(dirname(path));
  }

  async #rename(
    from: string,
    to: string,
    options?: { replace?: boolean | undefined },
  ): Promise<void> {
    this.#requirePower();
    const inode = this.#names.get(from) ?? new Inode();
    if (!this.#names.has(from)) await this.#adopt(from, inode);
    await this.#real.rename(from, to, options);
    this.#rename1(to, inode);
    this.#rename1(from, null);
    this.#syncNames(dirname(to));
    this.#syncNames(dirname(from));
  }

  async #remove(path: string): Promise<void> {
    this.#requirePower();
    await this.#real.remove(path);
    this.#rename1(path, null);
  }

  async #removeTree(path: string): Promise<void> {
    this.#requirePower();
    await this.#real.removeTree(path);
    for (const name of [...this.#names.keys()]) {
      if (name === path || name.startsWith(`${path}/`)) this.#rename1(name, null);
    }
  }

  async #syncFolder(path: string): Promise<void> {
    this.#requirePower();
    await this.#real.syncFolder(path);
    this.#syncNames(path);
  }

  #rename1(path: string, inode: Inode | null): void {
    if (inode === null) this.#names.delete(path);
    else this.#names.set(path, inode);
    const folder = dirname(path);
    const changes = this.#nameChanges.get(folder) ?? [];
    changes.push({ path, inode });
    this.#nameChanges.set(folder, changes);
  }

  #syncNames(folder: string): void {
    for (const { path, inode } of this.#nameChanges.get(folder) ?? []) {
      if (inode === null) this.#durableNames.delete(path);
      else this.#durableNames.set(path, inode);
    }
    this.#nameChanges.delete(folder);
  }

  #requirePower(): void {
    if (!this.#isOff) return;
    throw new PaminaError('DISK_ERROR', 'the power is off', { context: { operation: 'power' } });
  }

  /** Counts, waits if a test wants it, and says what fails. */
  async #ask(operation: Operation): Promise<void> {
    const fault = await this.consult(operation);
    if (fault !== null) throw failed(operation, fault);
  }

  async consult(operation: Operation): Promise<Fault | null> {
    this.#requirePower();
    this.#counts.set(operation.kind, this.count(operation.kind) + 1);
    await this.before(operation);
    this.#requirePower();
    return this.fault(operation);
  }

  requirePower(): void {
    this.#requirePower();
  }
}

class FaultyFile implements DiskFile {
  readonly path: string;
  readonly #owner: FaultyDisk;
  readonly #file: DiskFile;
  readonly #inode: Inode;

  constructor(owner: FaultyDisk, file: DiskFile, inode: Inode) {
    this.#owner = owner;
    this.#file = file;
    this.#inode = inode;
    this.path = file.path;
  }

  async write(bytes: Uint8Array, at: number): Promise<void> {
    const operation: Operation = { kind: 'write', path: this.path, bytes: bytes.length, at };
    const fault = await this.#owner.consult(operation);
    const part = fault === null ? bytes : bytes.subarray(0, fault.part ?? 0);
    const change: Change = { kind: 'write', at, bytes: part.slice(), done: false };
    this.#inode.pending.push(change);
    await this.#file.write(part, at);
    change.done = true;
    if (fault !== null) throw failed(operation, fault);
    this.#owner.requirePower();
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    const operation: Operation = { kind: 'read', path: this.path, bytes: into.length, at };
    const fault = await this.#owner.consult(operation);
    if (fault !== null) throw failed(operation, fault);
    return this.#file.read(into, at);
  }

  datasync(): Promise<void> {
    return this.#syncAs('datasync');
  }

  sync(): Promise<void> {
    return this.#syncAs('sync');
  }

  async #syncAs(kind: 'datasync' | 'sync'): Promise<void> {
    const covered = this.#inode.pending.filter((change) => change.done);
    const operation: Operation = { kind, path: this.path, bytes: 0, at: 0 };
    const fault = await this.#owner.consult(operation);
    const inode = this.#inode;
    inode.pending = inode.pending.filter((change) => !covered.includes(change));
    if (fault !== null) {
      for (const change of covered) inode.unsure.push({ change, isWritten: false });
      throw failed(operation, fault);
    }
    for (const change of covered) {
      if (inode.unsure.length > 0) inode.unsure.push({ change, isWritten: true });
      else inode.synced = applied(inode.synced, change);
    }
    // The wrapped disk need not sync: what survives is decided here.
  }

  async truncate(bytes: number): Promise<void> {
    const operation: Operation = { kind: 'truncate', path: this.path, bytes, at: 0 };
    const fault = await this.#owner.consult(operation);
    if (fault !== null) throw failed(operation, fault);
    const change: Change = { kind: 'truncate', to: bytes, done: false };
    this.#inode.pending.push(change);
    await this.#file.truncate(bytes);
    change.done = true;
    this.#owner.requirePower();
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function failed(operation: Operation, fault: Fault): PaminaError {
  const name = names[operation.kind];
  return new PaminaError(fault.code, `cannot ${name} ${operation.path} (a fault was injected)`, {
    context: { operation: name, path: operation.path },
  });
}

function applied(image: Uint8Array, change: Change): Uint8Array {
  if (change.kind === 'truncate') {
    const cut = new Uint8Array(change.to);
    cut.set(image.subarray(0, change.to));
    return cut;
  }
  const end = change.at + change.bytes.length;
  let next = image;
  if (end > image.length) {
    next = new Uint8Array(end);
    next.set(image);
  }
  next.set(change.bytes, change.at);
  return next;
}

/** Some of the changes since the last sync, and of the last of them perhaps only some sectors. */
function survivingImage(inode: Inode, random: () => number): Uint8Array {
  let image: Uint8Array = inode.synced.slice();
  const keep = random();
  const pending = inode.pending.map((change) => ({ change, isWritten: false }));
  for (const { change, isWritten } of [...inode.unsure, ...pending]) {
    if (isWritten) image = applied(image, change);
    if (isWritten || random() > keep) continue;
    if (change.kind === 'truncate' || random() < 0.5) image = applied(image, change);
    else for (const sector of sectors(change)) if (random() < 0.5) image = applied(image, sector);
  }
  return image;
}

function sectors(change: Change & { kind: 'write' }): Change[] {
  const parts: Change[] = [];
  const end = change.at + change.bytes.length;
  for (let at = change.at; at < end;) {
    const next = Math.min(end, (Math.floor(at / sectorBytes) + 1) * sectorBytes);
    const bytes = change.bytes.subarray(at - change.at, next - change.at);
    parts.push({ kind: 'write', at, bytes, done: true });
    at = next;
  }
  return parts;
}
