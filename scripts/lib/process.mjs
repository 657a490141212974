// @ts-check
// Starts a program in the repository and waits for it. Plain JavaScript without dependencies, because
// it runs before anything is installed.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Resolves to the exit status (1 when a signal ended it). Its output goes where ours goes, or with
 * `quietStdout` all to stderr: for programs whose own stdout is for results.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quietStdout?: boolean }} [options]
 * @returns {Promise<number>}
 */
export function runInherited(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', options.quietStdout === true ? 2 : 'inherit', 'inherit'],
    });
    child.on('error', reject);
    child.on('close', (status) => {
      resolve(status ?? 1);
    });
  });
}
