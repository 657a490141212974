// A disk in memory: a map of paths to bytes, so that a test can open the same log many thousand times,
// each time with another byte spoiled. What a log does not use is not there.
import type { DirectoryEntry, Disk, DiskFile, FileStatus, OpenMode } from '@pamina/env';
import { PaminaError } from '@pamina/format';

export class MemoryDisk {
  /** By absolute path. The arrays are replaced, never changed in place, so that a copy of the map is a snapshot. */
  readonly files: Map<string, Uint8Array>;
  readonly disk: Disk;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.files = new Map(files);
    this.disk = this.#disk();
  }

  #disk(): Disk {
    const { files } = this;
    const read = (path: string): Uint8Array => {
      const bytes = files.get(path);
      if (bytes === undefined) throw missing(path);
      return bytes;
    };
    const create = (path: string, bytes: Uint8Array): void => {
      if (files.has(path)) throw new PaminaError('FILE_EXISTS', `${path} is there`);
      files.set(path, bytes.slice());
    };
    const rename = (from: string, to: string, replace: boolean): void => {
      const bytes = read(from);
      files.delete(from);
      if (!replace && files.has(to)) throw new PaminaError('FILE_EXISTS', `${to} is there`);
      files.set(to, bytes);
    };
    return {
      ...unused,
      open: (path, mode) => settle(() => this.#open(path, mode)),
      readFile: (path) => settle(() => read(path)),
      readFileIfPresent: (path) => settle(() => files.get(path) ?? null),
      replaceFile: (path, bytes) => settle(() => void files.set(path, bytes.slice())),
      createFile: (path, bytes) => settle(() => create(path, bytes)),
      rename: (from, to, options) => settle(() => rename(from, to, options?.replace === true)),
      remove: (path) => settle(() => void (read(path), files.delete(path))),
      removeTree: (path) =>
        settle(() => {
          for (const name of files.keys()) {
            if (name === path || name.startsWith(`${path}/`)) files.delete(name);
          }
        }),
      makeFolder: () => Promise.resolve(),
      syncFolder: () => Promise.resolve(),
      list: (path) => settle(() => this.#list(path)),
      stat: (path) => settle(() => this.#stat(path)),
    };
  }

  #open(path: string, mode: OpenMode): DiskFile {
    const { files } = this;
    const isThere = files.has(path);
    if (mode === 'read' && !isThere) throw missing(path);
    if (mode === 'create' && isThere) throw new PaminaError('FILE_EXISTS', `${path} is there`);
    if (!isThere) files.set(path, new Uint8Array(0));
    const content = (): Uint8Array => files.get(path) ?? new Uint8Array(0);
    return {
      path,
      read: (into, at) =>
        settle(() => {
          const part = content().subarray(at, at + into.length);
          into.set(part);
          return part.length;
        }),
      write: (bytes, at) =>
        settle(() => {
          const next = resized(content(), Math.max(content().length, at + bytes.length));
          next.set(bytes, at);
          files.set(path, next);
        }),
      truncate: (bytes) => settle(() => void files.set(path, resized(content(), bytes))),
      size: () => settle(() => content().length),
      datasync: () => Promise.resolve(),
      sync: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }

  #list(folder: string): DirectoryEntry[] {
    const entries = new Map<string, DirectoryEntry>();
    for (const [path, bytes] of this.files) {
      if (!path.startsWith(`${folder}/`)) continue;
      const [name = '', ...rest] = path.slice(folder.length + 1).split('/');
      const isFolder = rest.length > 0;
      entries.set(name, { name, ...status(isFolder, isFolder ? 0 : bytes.length) });
    }
    return [...entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  #stat(path: string): FileStatus | null {
    const bytes = this.files.get(path);
    if (bytes !== undefined) return status(false, bytes.length);
    return this.#list(path).length > 0 ? status(true, 0) : null;
  }
}

function status(isFolder: boolean, bytes: number): FileStatus {
  return { isFolder, bytes, modifiedMs: 0, changedMs: 0, permissions: null };
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const next = new Uint8Array(length);
  next.set(bytes.subarray(0, length));
  return next;
}

/** Runs at once; what it throws rejects, as on a real disk. */
function settle<T>(act: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(act());
  });
}

function missing(path: string): PaminaError {
  return new PaminaError('FILE_NOT_FOUND', `${path} does not exist`);
}

function refuse(): never {
  throw new Error('the log does not use this');
}

const unused = {
  appendFile: refuse,
  realPath: refuse,
  temporaryFolder: refuse,
  freeBytes: refuse,
  watch: refuse,
  link: refuse,
  lockFile: refuse,
};
