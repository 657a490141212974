// Applications of others, with the suites that they or their interfaces publish, over Pamina where
// they expect Level. `npm run compat -- --baseline` shows what the same suites say over Level.
import { beforeAll, expect, test } from 'vitest';
import { applications } from '../../scripts/compat/applications.js';
import { install, run } from '../../scripts/compat/run.js';
import { requireBuild } from '../lib/built-package.js';

const installMs = 5 * 60 * 1000;

beforeAll(async () => {
  requireBuild();
  await install();
}, installMs);

for (const application of applications) {
  const { name, suite } = application;
  const promise = suite === null ? 'answers as over Level' : `passes the suite of ${suite}`;
  test(`${name} over Pamina ${promise}`, async () => {
    const { passed, failed, output } = await run(application, 'pamina');
    expect(failed, output).toEqual([]);
    expect(passed).toBeGreaterThan(0);
  });
}
