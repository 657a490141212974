// Makes the TypeScript programs of test/support/program runnable by plain node: each one file with all of
// the sources that it uses, which starts twice as fast as one that imports hundreds. The kill tests start
// hundreds of them.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const source = fileURLToPath(new URL('./program', import.meta.url));
const packages = fileURLToPath(new URL('../../packages', import.meta.url));
// Inside the repository, so that node finds the packages that are not bundled.
const target = fileURLToPath(new URL(`../../.tmp/programs-${process.pid}`, import.meta.url));
let isMade = false;

/** The path of the runnable program `<name>.ts`. */
export function helperProgram(name: string): string {
  if (!isMade) make();
  return join(target, `${name}.js`);
}

function make(): void {
  const published = JSON.parse(readFileSync(join(packages, 'pamina/package.json'), 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  mkdirSync(target, { recursive: true });
  process.once('exit', () => rmSync(target, { recursive: true, force: true }));
  buildSync({
    entryPoints: readdirSync(source).map((file) => join(source, file)),
    outdir: target,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['pamina-source'],
    // As of the package that users install.
    external: Object.keys(published.dependencies),
    alias: Object.fromEntries(
      readdirSync(packages).map((own) => [`@pamina/${own}`, join(packages, own, 'src/index.ts')]),
    ),
    logLevel: 'silent',
  });
  isMade = true;
}
