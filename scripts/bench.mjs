// `npm run bench`: Pamina beside bare classic-level, PostgreSQL and Redis. Installs and builds what is
// missing, then runs bench/main.ts. Plain JavaScript without dependencies: it may run first of all.
import { build, installMissing } from './lib/prepare.mjs';
import { isBuilt } from './lib/is-built.mjs';

// What these print must not stand in the JSON on stdout.
const log = console.log;
console.log = console.error;
if ((await installMissing()) !== 0) {
  console.error('npm ci failed, so nothing was measured');
  process.exit(1);
}
if (!isBuilt()) {
  console.error('building');
  if ((await build()) !== 0) {
    console.error('the build failed, so nothing was measured');
    process.exit(1);
  }
}
console.log = log;
// The compiler would keep a cache in the temporary folder.
process.env['TSX_DISABLE_CACHE'] = '1';
const { register } = await import('tsx/esm/api');
register();
const { bench } = await import('./bench/main.ts');
process.exit(await bench(process.argv.slice(2)));
