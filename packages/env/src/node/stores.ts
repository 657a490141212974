// LevelDB. Its defaults stall under load: packages/engine/docs/store.md has the measurements.

import { Level } from 'level';
import type { StoreLevel, Stores } from '../stores.js';

const options = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  writeBufferSize: 64 * 1024 * 1024,
  maxFileSize: 32 * 1024 * 1024,
} as const;

/** With so many tables at its first level LevelDB takes no write. */
const firstLevelMax = 12;

/** What classic-level has and the types of `level`, which are those of its face for browsers too, have not. */
interface WithProperties {
  getProperty(name: string): string;
}

export const nodeStores: Stores = {
  isLevelDb: true,
  async open(folder, { create }): Promise<StoreLevel> {
    const level = new Level<Buffer, Buffer>(folder, {
      ...options,
      createIfMissing: create,
      errorIfExists: create,
    });
    await level.open();
    return level;
  },
  pressure(level) {
    const tables = (level as unknown as WithProperties).getProperty('leveldb.num-files-at-level0');
    return Math.min(Number(tables) / firstLevelMax, 1);
  },
};
