// The suite that interface-datastore publishes for its implementations, over datastore-level.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LevelDatastore } from 'datastore-level';
import { interfaceDatastoreTests } from 'interface-datastore-tests';

describe('datastore-level', () => {
  interfaceDatastoreTests({
    async setup() {
      const store = new LevelDatastore(await mkdtemp(join(tmpdir(), 'datastore-')));
      await store.open();
      return store;
    },
    teardown: (store) => store.close(),
  });
});
