// Where a torture happens: a temporary folder with its mounts. All of it is gone when it ends, however
// it ends; the last resort runs at the exit of this process and waits for nothing.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Workplace {
  readonly folder: string;
  readonly #mounts = new Set<string>();
  readonly #clearNow = (): void => {
    // Processes that were killed a moment ago may still hold files: the mount goes when they do.
    for (const mount of this.#mounts) spawnSync('umount', ['-l', mount], { stdio: 'ignore' });
    this.#mounts.clear();
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
    for (const mount of this.#mounts) spawnSync('umount', ['-l', mount], { stdio: 'ignore' });
    this.#mounts.clear();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
