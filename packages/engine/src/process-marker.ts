// A file that says: this process has the database open, in whichever thread. LevelDB's own lock keeps
// other processes out and dies with its process, but a second open inside the process releases it
// (FACTS, hazard 2), and worker threads share nothing that could tell them. So the file is made
// before LevelDB is touched. It names the process exactly (boot, id, start), so that one left by a
// process that was killed means nothing to any other, whatever id that one bears.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PaminaError, isPaminaError } from '@pamina/format';
import type { Clock, Disk } from '@pamina/env';

const prefix = 'open-in-';
/** Markers of this thread that the disk would not let go of: they keep other threads out, not this one. */
const leftBehind = new Set<string>();

export class ProcessMarker {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #name: string;

  private constructor(disk: Disk, folder: string, name: string) {
    this.#disk = disk;
    this.#folder = folder;
    this.#name = name;
  }

  /** `folder` is a real path. DATABASE_IN_USE if this process has the database open already. */
  static async create(disk: Disk, clock: Clock, folder: string): Promise<ProcessMarker> {
    // The place is part of the name, or a copy of a folder in use could not be opened.
    const place = createHash('sha256').update(folder).digest('hex').slice(0, 8);
    const process = await processName(disk, clock);
    const marker = new ProcessMarker(disk, folder, `${prefix}${process}-${place}`);
    try {
      await marker.#make();
      return marker;
    } catch (error) {
      if (!isPaminaError(error, 'FILE_EXISTS')) throw error;
      if (leftBehind.delete(marker.#path)) return marker;
      const message = `${folder} is already open in another thread of this process`;
      const context = { path: folder };
      throw new PaminaError('DATABASE_IN_USE', message, { cause: error, context });
    }
  }

  /** Once LevelDB has granted its lock: no other process has the database, so their files are stale. */
  async confirm(): Promise<void> {
    let isThere = false;
    for (const { name } of await this.#disk.list(this.#folder)) {
      if (name === this.#name) isThere = true;
      else if (name.startsWith(prefix)) await this.#disk.removeTree(join(this.#folder, name));
    }
    // Another process that was opening at this moment, and had the lock first, took it for stale.
    if (!isThere) await this.#make();
  }

  /** After LevelDB has given its lock back. A disk that fails here keeps nobody from opening again. */
  async remove(): Promise<void> {
    try {
      await this.#disk.removeTree(this.#path);
    } catch (error) {
      if (!isPaminaError(error)) throw error;
      leftBehind.add(this.#path);
    }
  }

  get #path(): string {
    return join(this.#folder, this.#name);
  }

  async #make(): Promise<void> {
    const file = await this.#disk.open(this.#path, 'create');
    await file.close();
  }
}

/** Equal in all threads of a process; never again equal in another process on any machine that has /proc. */
async function processName(disk: Disk, clock: Clock): Promise<string> {
  const boot = await textOf(disk, '/proc/sys/kernel/random/boot_id');
  const stat = await textOf(disk, '/proc/self/stat');
  const id = stat?.slice(0, stat.indexOf(' ')) ?? process.pid;
  // Fields behind the program's name, which stands in parentheses and may hold anything.
  const startTicks = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const started = startTicks ?? `${Math.round(clock.now() / 1000 - process.uptime())}s`;
  return [boot?.slice(0, 8) ?? 'local', id, started].join('-');
}

async function textOf(disk: Disk, path: string): Promise<string | null> {
  const bytes = await disk.readFileIfPresent(path);
  return bytes === null ? null : new TextDecoder().decode(bytes);
}
