// `npm run demo`: the main job from end to end, on a fresh clone too. Installs and builds what is
// missing, then runs demo/main.ts. Plain JavaScript without dependencies: it may run first of all.
import { build, installMissing } from './lib/prepare.mjs';
import { isBuilt } from './lib/is-built.mjs';

if ((await installMissing()) !== 0) {
  console.log('npm ci failed, so there is no demo');
  process.exit(1);
}
if (!isBuilt()) {
  console.log('building');
  if ((await build()) !== 0) {
    console.log('the build failed, so there is no demo');
    process.exit(1);
  }
}
// The compiler would keep a cache in the temporary folder.
process.env['TSX_DISABLE_CACHE'] = '1';
const { register } = await import('tsx/esm/api');
register();
const { demo } = await import('./demo/main.ts');
process.exit(await demo());
