// Makes one file of the simulation and the sources that it runs, so that a process starts in no time;
// on demand with one planted bug in it.
import { build, type Plugin } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Below it, so that the packages that are not bundled are found. */
const outFolder = join(root, '.tmp', 'sim');

/** A change of behaviour: in `file`, `find` becomes `replace`. */
export interface Mutation {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** Returns the path of the file. Throws if the text to be changed is not there exactly once. */
export async function bundle(name: string, mutation: Mutation | null = null): Promise<string> {
  const outfile = join(outFolder, `${name}.mjs`);
  let planted = 0;
  const plant: Plugin = {
    name: 'plant',
    setup(step) {
      if (mutation === null) return;
      step.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (relative(root, path) !== mutation.file) return null;
        planted += 1;
        return { contents: changed(await readFile(path, 'utf8'), mutation), loader: 'ts' };
      });
    },
  };
  await build({
    entryPoints: [join(root, 'packages/sim/scripts/sim-worker.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['pamina-source'],
    // Native or with a default build of their own; the rest is one file.
    packages: 'external',
    alias: Object.fromEntries(
      ownPackages.map((own) => [`@pamina/${own}`, join(root, `packages/${own}/src/index.ts`)]),
    ),
    sourcemap: 'inline',
    logLevel: 'silent',
    plugins: [plant],
  });
  if (mutation !== null && planted !== 1) {
    throw new Error(`${mutation.name}: ${mutation.file} is not part of the simulation`);
  }
  return outfile;
}

const ownPackages = ['format', 'env', 'wire', 'log', 'engine', 'backup', 'replication'];

function changed(text: string, { name, file, find, replace }: Mutation): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(`${name}: the text stands in ${file} ${parts.length - 1} times`);
  }
  return parts.join(replace);
}
