// @ts-check
// Removes everything that the build, the tests and the checks have written. Leaves node_modules alone.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/process.mjs';

const packages = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
const written = [
  ...packages.flatMap((folder) =>
    ['dist', 'build', '.tmp', 'tsconfig.tsbuildinfo'].map((name) => join(folder, name)),
  ),
  ...['README.md', 'LICENSE', 'CHANGELOG.md'].map((name) => join(root, 'packages/pamina', name)),
  join(root, '.tmp'),
  join(root, 'coverage'),
];
for (const path of written.filter((candidate) => existsSync(candidate))) {
  rmSync(path, { recursive: true, force: true });
}
