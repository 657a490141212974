// LevelDB. Its defaults stall under load: packages/engine/docs/store.md has the measurements.

import { Level } from 'level';
import type { StoreLevel, Stores } from '../stores.js';

const options = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  writeBufferSize: 64 * 1024 * 1024,
  maxFileSize: 32 * 1024 * 1024,
} as const;

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
};
