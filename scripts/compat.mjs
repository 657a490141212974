// @ts-check
// `npm run compat [-- NAME…]`: applications of others and their published suites over Pamina. Installs
// and builds what is missing, then runs compat/main.ts. Plain JavaScript: it may run first of all.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, installMissing } from './lib/prepare.mjs';
import { isBuilt } from './lib/is-built.mjs';
import { root, runInherited } from './lib/process.mjs';

const args = process.argv.slice(2);
if (args[0] === '--prepare') {
  process.exitCode = (await installMissing()) || (isBuilt() ? 0 : await build());
} else {
  // A process of its own, whose output is no result.
  const self = fileURLToPath(import.meta.url);
  const prepared = spawnSync(process.execPath, [self, '--prepare'], { stdio: ['ignore', 2, 2] });
  if (prepared.status === 0) {
    const main = join(root, 'scripts/compat/main.ts');
    process.exitCode = await runInherited(process.execPath, ['--import', 'tsx', main, ...args]);
  } else {
    console.error('installing or building failed, so nothing was run');
    process.exitCode = 1;
  }
}
