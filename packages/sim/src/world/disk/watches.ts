// Who wants to hear of changes in a folder or of one file: told once for a burst, some time after it.

import type { Incarnation } from '../incarnation.js';
import type { Prng } from '../prng.js';

interface Watch {
  readonly life: Incarnation;
  readonly folder: string;
  /** Null for everything in the folder. */
  readonly name: string | null;
  readonly onChange: () => void;
  isPending: boolean;
  isStopped: boolean;
}

export class Watches {
  readonly #random: Prng;
  readonly #watches = new Set<Watch>();

  constructor(random: Prng) {
    this.#random = random;
  }

  add(life: Incarnation, folder: string, name: string | null, onChange: () => void): () => void {
    const watch = { life, folder, name, onChange, isPending: false, isStopped: false };
    this.#watches.add(watch);
    return () => {
      watch.isStopped = true;
      this.#watches.delete(watch);
    };
  }

  drop(life: Incarnation): void {
    for (const watch of this.#watches) if (watch.life === life) this.#watches.delete(watch);
  }

  changed(path: string): void {
    for (const watch of this.#watches) {
      const end = path.lastIndexOf('/');
      const isConcerned =
        watch.name === null
          ? (path.slice(0, end) || '/') === watch.folder
          : path === `${watch.folder === '/' ? '' : watch.folder}/${watch.name}`;
      if (!isConcerned || watch.isPending) continue;
      watch.isPending = true;
      watch.life.later(this.#random.between(1, 40), () => {
        watch.isPending = false;
        if (!watch.isStopped) watch.onChange();
      });
    }
  }
}
