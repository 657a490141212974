// A disk that names each of its changes, and kills its process at one of them: before it, half-way through
// what it writes, or after it.
import { relative } from 'node:path';
import { nodeEnv, type Disk, type DiskFile, type Env } from '@pamina/env';
import { stepName } from './point-names.js';

export const strikes = ['before', 'half', 'after'] as const;
export type Strike = (typeof strikes)[number];

export interface Point {
  readonly name: string;
  /** Counted from 1: a name may come several times. */
  readonly occurrence: number;
  readonly strike: Strike;
}

export class PointDisk {
  readonly env: Env;
  /** Of all changes so far, in their order. */
  readonly names: string[] = [];
  readonly #place: string;
  readonly #point: Point | null;
  #seen = 0;

  constructor(place: string, point: Point | null) {
    this.#place = place;
    this.#point = point;
    const env = nodeEnv();
    this.env = { ...env, disk: this.#wrap(env.disk) };
  }

  async #change<T>(
    [operation, path, to]: readonly [string, string, string?],
    change: () => Promise<T>,
    half?: () => Promise<unknown>,
  ): Promise<T> {
    const below = (full: string): string => relative(this.#place, full);
    const name = stepName(operation, below(path), to === undefined ? null : below(to));
    if (name === null) return change();
    this.names.push(name);
    const strike = this.#strikes(name);
    if (strike === 'before') die();
    if (strike === 'half') {
      await half?.();
      die();
    }
    const done = await change();
    if (strike === 'after') die();
    return done;
  }

  #strikes(name: string): Strike | null {
    if (this.#point?.name !== name) return null;
    this.#seen++;
    return this.#seen === this.#point.occurrence ? this.#point.strike : null;
  }

  #wrap(disk: Disk): Disk {
    return {
      ...disk,
      open: async (path, mode) => {
        if (mode === 'read') return disk.open(path, mode);
        const file = await this.#change(['open', path], () => disk.open(path, mode));
        return this.#wrapFile(file);
      },
      replaceFile: (path, bytes) =>
        this.#change(['replace', path], () => disk.replaceFile(path, bytes)),
      createFile: (path, bytes) => this.#change(['put', path], () => disk.createFile(path, bytes)),
      appendFile: (path, bytes, options) =>
        this.#change(['append to', path], () => disk.appendFile(path, bytes, options)),
      rename: (from, to, options) =>
        this.#change(['rename', from, to], () => disk.rename(from, to, options)),
      link: (from, to) => this.#change(['link', from, to], () => disk.link(from, to)),
      remove: (path) => this.#change(['remove', path], () => disk.remove(path)),
      removeTree: async (path) => {
        // What is not there is not removed.
        if ((await disk.stat(path)) === null) return disk.removeTree(path);
        return this.#change(
          ['remove', path],
          () => disk.removeTree(path),
          () => removeFirstIn(disk, path),
        );
      },
      makeFolder: async (path) => {
        if ((await disk.stat(path)) !== null) return disk.makeFolder(path);
        return this.#change(['make', path], () => disk.makeFolder(path));
      },
      syncFolder: (path) => this.#change(['sync', path], () => disk.syncFolder(path)),
    };
  }

  #wrapFile(file: DiskFile): DiskFile {
    const { path } = file;
    return {
      path,
      read: (into, at) => file.read(into, at),
      size: () => file.size(),
      close: () => file.close(),
      write: (bytes, at) =>
        this.#change(
          ['write', path],
          () => file.write(bytes, at),
          () => file.write(bytes.subarray(0, bytes.length >> 1), at),
        ),
      datasync: () => this.#change(['sync', path], () => file.datasync()),
      sync: () => this.#change(['sync', path], () => file.sync()),
      truncate: (bytes) => this.#change(['truncate', path], () => file.truncate(bytes)),
    };
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** What a removal that is killed leaves: the folder, without the first of its files. */
async function removeFirstIn(disk: Disk, path: string): Promise<void> {
  if ((await disk.stat(path))?.isFolder !== true) return;
  const [first] = await disk.list(path);
  if (first !== undefined) await disk.removeTree(`${path}/${first.name}`);
}
