// A disk on which the process dies: the nth change throws, and every one after it. What the dying
// change itself did until then is nothing, a part, or all of it.
import { basename, dirname, join } from 'node:path';
import { nodeEnv, type Disk, type DiskFile, type Env } from '@pamina/env';

/** `half`: a write that is torn, a removal that stopped in the middle; else as `after`. */
export const waysToDie = ['before', 'half', 'after'] as const;
export type WayToDie = (typeof waysToDie)[number];

type Change = (how: 'whole' | 'half') => Promise<unknown>;

export class DyingDisk {
  readonly env: Env;
  changes = 0;
  /** The change at which it died, `rename 0000000000000003-1.partial to 0000000000000003-1`; null while alive. */
  struck: string | null = null;
  #dieAt = Infinity;
  #way: WayToDie = 'before';

  constructor() {
    const env = nodeEnv();
    this.env = { ...env, disk: this.#wrap(env.disk) };
  }

  /** From the next change on, the nth one (counted from 1) is the last. Infinity: alive again. */
  arm(dieAt: number, way: WayToDie = 'before'): void {
    this.changes = 0;
    this.struck = null;
    this.#dieAt = dieAt;
    this.#way = way;
  }

  get isDead(): boolean {
    return this.changes >= this.#dieAt;
  }

  async #change(name: string, change: Change): Promise<void> {
    this.changes++;
    if (this.isDead) {
      const isLast = this.changes === this.#dieAt;
      if (isLast) this.struck = `${this.#way} ${name}`;
      if (isLast && this.#way !== 'before') await change(this.#way === 'half' ? 'half' : 'whole');
      throw new Error(`the process died at ${this.struck}`);
    }
    await change('whole');
  }

  #wrap(disk: Disk): Disk {
    return {
      ...disk,
      open: async (path, mode) => {
        if (mode === 'read') return this.#wrapFile(await disk.open(path, mode));
        let file: DiskFile | null = null;
        try {
          await this.#change(`open ${tail(path)}`, async () => {
            file = await disk.open(path, mode);
          });
          return this.#wrapFile(file as unknown as DiskFile);
        } catch (error) {
          await (file as DiskFile | null)?.close();
          throw error;
        }
      },
      replaceFile: (path, bytes) =>
        this.#change(`replace ${tail(path)}`, () => disk.replaceFile(path, bytes)),
      createFile: (path, bytes) =>
        this.#change(`put ${tail(path)}`, () => disk.createFile(path, bytes)),
      appendFile: (path, bytes, options) =>
        this.#change(`append to ${tail(path)}`, () => disk.appendFile(path, bytes, options)),
      rename: (from, to, options) =>
        this.#change(`rename ${tail(from)} to ${tail(to)}`, () => disk.rename(from, to, options)),
      link: (from, to) =>
        this.#change(`link ${tail(from)} to ${tail(to)}`, () => disk.link(from, to)),
      remove: (path) => this.#change(`remove ${tail(path)}`, () => disk.remove(path)),
      removeTree: (path) =>
        this.#change(`remove ${tail(path)}`, (how) =>
          how === 'half' ? removeFirstIn(disk, path) : disk.removeTree(path),
        ),
      makeFolder: (path) => this.#change(`make ${tail(path)}`, () => disk.makeFolder(path)),
      syncFolder: (path) => this.#change(`sync ${tail(path)}`, () => disk.syncFolder(path)),
      // lockFile as it is: a dead process holds no lock, so it is not part of what is counted.
    };
  }

  #wrapFile(file: DiskFile): DiskFile {
    return {
      path: file.path,
      read: (into, at) => file.read(into, at),
      size: () => file.size(),
      close: () => file.close(),
      write: (bytes, at) =>
        this.#change(`write ${tail(file.path)}`, (how) =>
          file.write(how === 'half' ? bytes.subarray(0, bytes.length >> 1) : bytes, at),
        ),
      datasync: () => this.#change(`sync ${tail(file.path)}`, () => file.datasync()),
      sync: () => this.#change(`sync ${tail(file.path)}`, () => file.sync()),
      truncate: (bytes) => this.#change(`truncate ${tail(file.path)}`, () => file.truncate(bytes)),
    };
  }
}

/** What a removal that is killed leaves: the folder, without the first of its files. */
async function removeFirstIn(disk: Disk, path: string): Promise<void> {
  if ((await disk.stat(path))?.isFolder !== true) return;
  const [first] = await disk.list(path);
  if (first !== undefined) await disk.removeTree(join(path, first.name));
}

/** Enough to tell what it is. */
function tail(path: string): string {
  return join(basename(dirname(path)), basename(path));
}
