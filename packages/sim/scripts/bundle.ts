// Makes one file of the simulation and the sources that it runs, so that a process starts in no time;
// on demand with one planted bug in it.
import { build, type Plugin } from 'esbuild';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Below it, so that the packages that are not bundled are found. */
const outFolder = join(root, '.tmp', 'sim');

/** In `file`, `find` becomes `replace`. */
export interface Edit {
  /** From the root of the repository. */
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A change of behaviour. More than one edit where several checks stand one behind the other. */
export interface Mutation {
  /** What is wrong then. */
  readonly name: string;
  /** A seed at or before the one that finds it, to begin with. */
  readonly from: number;
  readonly edits: readonly Edit[];
}

const simulation = 'packages/sim/scripts/sim-worker.ts';

/** Returns the path of the file. Throws if the text to be changed is not there exactly once. */
export async function bundle(
  name: string,
  mutation: Mutation | null = null,
  entry = simulation,
): Promise<string> {
  const outfile = join(outFolder, `${name}.mjs`);
  const planted = new Set<Edit>();
  const plant: Plugin = {
    name: 'plant',
    setup(step) {
      step.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = relative(root, path);
        const edits = mutation?.edits.filter((edit) => edit.file === file) ?? [];
        if (edits.length === 0) return null;
        let contents = await readFile(path, 'utf8');
        for (const edit of edits) {
          contents = changed(contents, edit);
          planted.add(edit);
        }
        return { contents, loader: 'ts' };
      });
    },
  };
  const built = await build({
    entryPoints: [join(root, entry)],
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
    // Of a planted bug nobody reads the stacks.
    sourcemap: mutation === null ? 'inline' : false,
    logLevel: 'silent',
    plugins: [plant],
    metafile: true,
  });
  requireSources(Object.values(built.metafile.outputs).flatMap(({ imports }) => imports));
  const missing = mutation?.edits.find((edit) => !planted.has(edit));
  if (missing !== undefined) throw new Error(`${missing.file} is not part of the simulation`);
  return outfile;
}

const ownPackages = [
  'format',
  'env',
  'lock',
  'wire',
  'log',
  'archive',
  'engine',
  'backup',
  'replication',
  'directory',
  'server',
];

/** Else what is simulated is an old build, or none. */
function requireSources(imports: readonly { readonly path: string }[]): void {
  const outside = imports.find(({ path }) => path.startsWith('@pamina/'));
  if (outside !== undefined) throw new Error(`${outside.path} is not bundled from its sources`);
}

function changed(text: string, { file, find, replace }: Edit): string {
  const parts = text.split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`${file} holds ${parts.length - 1} times: ${find}`);
}
