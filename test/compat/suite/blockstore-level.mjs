// The suite that interface-blockstore publishes for its implementations, over blockstore-level.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LevelBlockstore } from 'blockstore-level';
import { interfaceBlockstoreTests } from 'interface-blockstore-tests';

describe('blockstore-level', () => {
  interfaceBlockstoreTests({
    async setup() {
      const store = new LevelBlockstore(await mkdtemp(join(tmpdir(), 'blockstore-')));
      await store.open();
      return store;
    },
    teardown: (store) => store.close(),
  });
});
