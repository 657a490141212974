// Tells whether the built package is newer than everything it is made from. Plain JavaScript without
// dependencies, because it runs before anything is built.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './process.mjs';

const products = ['packages/pamina/dist/command.js', 'packages/pamina/dist/index.js'];
const singleSources = [
  'package-lock.json',
  'tsconfig.base.json',
  'packages/pamina/tsdown.config.ts',
  'scripts/bundle.mjs',
];

export function isBuilt() {
  const built = Math.min(...products.map((path) => modified(join(root, path)) ?? 0));
  const folders = readdirSync(join(root, 'packages')).map((name) => join(root, 'packages', name));
  const sources = [
    ...singleSources.map((path) => join(root, path)),
    ...folders.flatMap((folder) => [join(folder, 'package.json'), ...below(join(folder, 'src'))]),
  ];
  return sources.every((path) => (modified(path) ?? 0) <= built);
}

/**
 * All that is in a folder, and the folder itself: a file that was removed changes it.
 * @param {string} folder
 * @returns {string[]}
 */
function below(folder) {
  if (modified(folder) === null) return [];
  return [folder, ...readdirSync(folder, { recursive: true }).map((name) => join(folder, name))];
}

/**
 * @param {string} path
 * @returns {number | null} ms since 1970; null when it is not there
 */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null;
}
