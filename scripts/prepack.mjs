// @ts-check
// Runs before `npm pack` and `npm publish` in packages/pamina: a tarball without its code is worthless.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './lib/prepare.mjs';
import { root } from './lib/process.mjs';

if (!existsSync(join(root, 'packages/pamina/dist/index.js'))) process.exitCode = await build();
