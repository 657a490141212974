// `npm run bench`: Pamina beside bare classic-level, PostgreSQL and Redis. Installs and builds what is
// missing, then runs bench/main.ts. Plain JavaScript without dependencies: it may run first of all.
import { build, installMissing } from './lib/prepare.mjs';
import { isBuilt } from './lib/is-built.mjs';

// Their output must not stand in the JSON on stdout.
const quietStdout = true;
if ((await installMissing({ quietStdout })) !== 0) {
  console.error('npm ci failed, so nothing was measured');
  process.exit(1);
}
if (!isBuilt()) {
  console.error('building');
  if ((await build({ quietStdout })) !== 0) {
    console.error('the build failed, so nothing was measured');
    process.exit(1);
  }
}
// The compiler would keep a cache in the temporary folder.
process.env['TSX_DISABLE_CACHE'] = '1';
const { register } = await import('tsx/esm/api');
register();
const { bench } = await import('./bench/main.ts');
process.exit(await bench(process.argv.slice(2)));
