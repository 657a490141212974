// Where a torture happens: a temporary folder with its mounts. All of it is gone when it ends, however
// it ends; the last resort runs at the exit of this process and waits for nothing.
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tryToRun } from './machine.js';

export class Workplace {
  readonly folder: string;
  readonly #mounts = new Set<string>();
  readonly #clearNow = (): void => {
    this.#unmountAll();
    rmSync(this.folder, { recursive: true, force: true });
  };

  private constructor(folder: string) {
    this.folder = folder;
    process.once('exit', this.#clearNow);
  }

  static async open(): Promise<Workplace> {
    return new Workplace(await mkdtemp(join(tmpdir(), 'pamina-torture-')));
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  mounted(path: string): void {
    this.#mounts.add(path);
  }

  unmounted(path: string): void {
    this.#mounts.delete(path);
  }

  async close(): Promise<void> {
    process.off('exit', this.#clearNow);
    this.#unmountAll();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Processes that were killed a moment ago may still hold files: the mounts go when they do. */
  #unmountAll(): void {
    for (const mount of this.#mounts) {
      const failure = tryToRun('umount', ['--lazy', mount]);
      if (failure !== null) process.stderr.write(`${mount} stays mounted: ${failure}\n`);
    }
    this.#mounts.clear();
  }
}
