// The control file of an open database: what it says now, changed one change after the other, so that
// no change is built on a state that another is just replacing.
import { PaminaError } from '@pamina/format';
import type { Disk } from '@pamina/env';
import { readControl, writeControl, type Control } from './control.js';

export type ControlChange = Partial<Omit<Control, 'formatVersion'>>;

export class ControlFile {
  readonly #disk: Disk;
  readonly #folder: string;
  #current: Control;
  #writing: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(disk: Disk, folder: string, control: Control) {
    this.#disk = disk;
    this.#folder = folder;
    this.#current = control;
  }

  get current(): Control {
    return this.#current;
  }

  /** Reads it again once nobody else can change it any more. DATABASE_NOT_FOUND if it is gone. */
  async reload(): Promise<void> {
    const control = await readControl(this.#disk, this.#folder);
    if (control === null) {
      throw new PaminaError('DATABASE_NOT_FOUND', `${this.#folder} holds no database any more`);
    }
    this.#current = control;
  }

  /** On disk when it resolves; only then it counts. DATABASE_CLOSED. */
  update(change: ControlChange): Promise<void> {
    if (this.#isClosed) {
      const message = `${this.#current.name} is closed: its control file is not changed any more`;
      return Promise.reject(new PaminaError('DATABASE_CLOSED', message));
    }
    const update = this.#writing.then(async () => {
      const control = { ...this.#current, ...change };
      await writeControl(this.#disk, this.#folder, control);
      this.#current = control;
    });
    this.#writing = update.catch(() => {
      // Whoever asked for the change hears of it; the next change starts from what is on disk.
    });
    return update;
  }

  /** Resolves when what was asked for before is written. Whoever opens the database next has the file. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
  }
}
