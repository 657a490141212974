// One configuration for every package: tests run on the sources, never on a stale build.
import { defineConfig } from 'vitest/config';

const conditions = ['pamina-source', 'node', 'import', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most of a run is waiting for disks and for processes that start.
    maxWorkers: 2,
  },
});
