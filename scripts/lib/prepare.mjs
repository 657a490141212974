// @ts-check
// Brings a fresh clone to the point where something can run: dependencies installed, packages built.
// Plain JavaScript without dependencies, because it runs before anything is installed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, runInherited } from './process.mjs';

/**
 * Installs what package-lock.json asks for if it is not what node_modules has.
 * @param {{ quietStdout?: boolean }} [options]
 * @returns {Promise<number>} the exit status of npm, 0 when there was nothing to do
 */
export async function installMissing(options) {
  const reason = whyInstall();
  if (reason === null) return 0;
  console.error(`installing dependencies (${reason})`);
  return runInherited('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], options);
}

/**
 * @param {{ quietStdout?: boolean }} [options]
 * @returns {Promise<number>} the exit status of the build
 */
export async function build(options) {
  return runInherited('npm', ['run', '--silent', 'build'], options);
}

/** Compares the lock file with npm's own record of what it has installed; null when they agree. */
function whyInstall() {
  const wanted = readLock('package-lock.json');
  const installed = readLock('node_modules/.package-lock.json');
  if (wanted === null) return 'package-lock.json cannot be read';
  if (installed === null) return 'nothing is installed yet';
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/') || entry.link === true || entry.optional === true) continue;
    if (installed[path]?.version !== entry.version) {
      return `${path.replace(/^.*node_modules\//, '')} ${entry.version} is missing`;
    }
  }
  return null;
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, link?: boolean, optional?: boolean }> | null}
 */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch (error) {
    // Both mean that nothing is known to be installed; installing again mends it.
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing || error instanceof SyntaxError) return null;
    throw error;
  }
}
