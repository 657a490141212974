// The order in which test files start. What takes minutes starts first, and is waited for beside everything
// else: without a memory of earlier runs vitest goes by size, and these files are small.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Each takes more than 20 s where nothing else runs. Those that wait stand before those that compute. */
export const longest: readonly string[] = [
  'test/drills/drills.test.ts',
  'test/documents/readme.test.ts',
  'test/torture/power.test.ts',
  'test/torture/points.test.ts',
  'test/torture/soak.test.ts',
  'test/integration/expire-archive.test.ts',
  'test/integration/restore-kill.test.ts',
  'test/integration/replica-kill.test.ts',
  'packages/sim/test/mutations.test.ts',
  'test/integration/queries.test.ts',
  'test/integration/transactions.test.ts',
  'test/isolation/isolation.test.ts',
  'packages/sim/test/isolation/run.test.ts',
  'packages/sim/test/seeds.test.ts',
  'test/torture/errors.test.ts',
  'test/torture/kill.test.ts',
  'test/bench/quick.test.ts',
];

/** The rest keeps its order. */
export function longestFirst<T extends { readonly moduleId: string }>(files: readonly T[]): T[] {
  const first = longest.flatMap((path) =>
    files.filter(({ moduleId }) => moduleId.endsWith(`/${path}`)),
  );
  return [...first, ...files.filter((file) => !first.includes(file))];
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return longestFirst(await super.sort(files));
  }
}
