// A file system in a file, or in memory, mounted in a torture's folder.
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { run, type FileSystem } from './machine.js';
import type { Workplace } from './workplace.js';

/** What xfs needs at least; all of it is holes at first. */
const imageBytes = 320 * 1024 * 1024;

export class Image {
  readonly mount: string;
  readonly #workplace: Workplace;
  readonly #fileSystem: FileSystem;
  readonly #file: string;
  readonly #bytes: number;

  private constructor(workplace: Workplace, fileSystem: FileSystem, bytes: number) {
    this.#workplace = workplace;
    this.#fileSystem = fileSystem;
    this.#bytes = bytes;
    this.#file = workplace.path(`${fileSystem}.image`);
    this.mount = workplace.path(fileSystem);
  }

  /** Made anew and mounted. */
  static make(workplace: Workplace, fileSystem: FileSystem, bytes = imageBytes): Image {
    const image = new Image(workplace, fileSystem, bytes);
    mkdirSync(image.mount, { recursive: true });
    if (fileSystem !== 'tmpfs') {
      writeFileSync(image.#file, '');
      truncateSync(image.#file, bytes);
      // ext4 without the share that only root may use: then the free bytes are what is said.
      const options = fileSystem === 'ext4' ? ['-q', '-F', '-m', '0'] : ['-q', '-f'];
      run(`mkfs.${fileSystem}`, [...options, image.#file]);
    }
    image.mountAgain();
    return image;
  }

  mountAgain(): void {
    const { mount } = this;
    if (this.#fileSystem === 'tmpfs') {
      run('mount', ['-t', 'tmpfs', '-o', `size=${this.#bytes}`, 'pamina-torture', mount]);
    } else {
      run('mount', ['-t', this.#fileSystem, '-o', 'loop', this.#file, mount]);
    }
    this.#workplace.mounted(mount);
  }

  unmount(): void {
    run('umount', [this.mount]);
    this.#workplace.unmounted(this.mount);
  }

  remove(): void {
    this.unmount();
    rmSync(this.#file, { force: true });
  }
}
