// LevelDB passes the contract, and says how many tables wait at its first level.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeEnv } from '../../src/node/env.js';
import { storesContract } from '../stores-contract.js';

storesContract('LevelDB', nodeEnv);

test('P13 with each table at its first level LevelDB is a twelfth nearer to stopping', async () => {
  const { disk, stores } = nodeEnv();
  const place = await disk.temporaryFolder('pamina-store-');
  const folder = join(place, 'store');
  try {
    // What stands in its log becomes a table when it is opened again; it merges four of them.
    for (let tables = 0; tables < 3; tables += 1) {
      const level = await stores.open(folder, { create: tables === 0 });
      expect(stores.pressure(level)).toBeCloseTo(tables / 12);
      await level.put(Buffer.from('key'), Buffer.from(`${tables}`));
      await level.close();
    }
  } finally {
    await disk.removeTree(place);
  }
});
