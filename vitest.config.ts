// One configuration for every package: tests run on the sources, never on a stale build.
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './scripts/lib/longest-first.js';

const conditions = ['pamina-source', 'node', 'import', 'module', 'default'];
/** They replace modules of Node, start processes or load the machine: each file has a process of its own. */
const apart = [
  'packages/env/test/**/*.test.ts',
  'packages/sim/test/**/*.test.ts',
  'test/**/*.test.ts',
];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    // A limit of time ends what hangs. It says nothing of speed: machines differ, and much runs side by side.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    // As many as CI has cores: tests start processes of their own, and have limits of time.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // In the order of their names: what waits first, beside it what computes.
    projects: [
      { extends: true, test: { name: 'apart', include: apart } },
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts'],
          exclude: apart,
          // Half of the time of a small file is a process and the sources: files share both.
          isolate: false,
        },
      },
    ],
  },
});
