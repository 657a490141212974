// Makes the TypeScript programs of a folder runnable by plain node, which starts three times as fast as
// with a compiler inside: the kill tests start hundreds of them. They import the built packages, as
// users' programs do.
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ownFolder = fileURLToPath(new URL('./program', import.meta.url));
// Inside the repository, so that node finds the packages.
const target = fileURLToPath(new URL(`../../.tmp/programs-${process.pid}`, import.meta.url));
const made = new Map<string, string>();

/** The path of the runnable program `<name>.ts` of a folder, by default test/support/program. */
export function helperProgram(name: string, folder = ownFolder): string {
  const runnable = made.get(folder) ?? make(folder);
  return join(runnable, `${name}.js`);
}

function make(folder: string): string {
  if (made.size === 0) {
    process.once('exit', () => rmSync(target, { recursive: true, force: true }));
  }
  const runnable = join(target, String(made.size));
  mkdirSync(runnable, { recursive: true });
  made.set(folder, runnable);
  for (const file of readdirSync(folder)) {
    const { outputText } = ts.transpileModule(readFileSync(join(folder, file), 'utf8'), {
      fileName: file,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    writeFileSync(join(runnable, file.replace(/\.ts$/, '.js')), outputText);
  }
  return runnable;
}
