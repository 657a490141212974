// Where the built package is, for the tests that run it as users do.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url));
export const packageFolder = join(repository, 'packages/pamina');
export const commandFile = join(packageFolder, 'dist/command.js');

export function requireBuild(): void {
  if (!existsSync(commandFile)) {
    throw new Error(`${commandFile} is missing: run npm run build (npm test does it by itself)`);
  }
}
