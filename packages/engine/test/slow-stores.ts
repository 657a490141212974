// A store that lags behind its log, or fails: batches wait before LevelDB gets them, a moment each or
// until told, or get an error in LevelDB's words instead.
import type { Env, StoreLevel, Stores } from '@pamina/env';
import { env } from './workbench.js';

export class SlowStores {
  /** How long the next batch waits, in ms. */
  delayMs: () => number = () => 0;
  /** What the store says of itself. */
  pressure: () => number = () => 0;
  /** Thrown instead of the next write; null to write it. */
  fault: () => Error | null = () => null;
  #gate: Promise<void> | null = null;
  #open: () => void = () => undefined;

  readonly stores: Stores = {
    isLevelDb: env.stores.isLevelDb,
    open: async (folder, options) => this.#slowed(await env.stores.open(folder, options)),
    pressure: () => this.pressure(),
  };

  get env(): Env {
    return { ...env, stores: this.stores };
  }

  /** No batch is written until release(). */
  hold(): void {
    this.#gate ??= new Promise((resolve) => (this.#open = resolve));
  }

  release(): void {
    this.#gate = null;
    this.#open();
  }

  #slowed(level: StoreLevel): StoreLevel {
    const batchOf = level.batch.bind(level) as () => ReturnType<StoreLevel['batch']>;
    level.batch = (() => {
      const batch = batchOf();
      const write = batch.write.bind(batch);
      batch.write = async (options?: object) => {
        const ms = this.delayMs();
        if (ms > 0) await env.clock.sleep(ms);
        await this.#gate;
        const fault = this.fault();
        if (fault !== null) throw fault;
        return write(options as object);
      };
      return batch;
    }) as unknown as StoreLevel['batch'];
    return level;
  }
}
