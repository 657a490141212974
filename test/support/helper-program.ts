// Makes the TypeScript programs of test/support/program runnable by plain node, which starts three
// times as fast as with a compiler inside: the kill tests start hundreds of them. They import the
// built packages, as users' programs do.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const source = fileURLToPath(new URL('./program', import.meta.url));
// Inside the repository, so that node finds the packages.
const target = fileURLToPath(new URL(`../../.tmp/programs-${process.pid}`, import.meta.url));
let isMade = false;

/** The path of the runnable program `<name>.ts`. */
export function helperProgram(name: string): string {
  if (!isMade) make();
  return join(target, `${name}.js`);
}

function make(): void {
  mkdirSync(target, { recursive: true });
  process.once('exit', () => rmSync(target, { recursive: true, force: true }));
  for (const file of readdirSync(source)) {
    const { outputText } = ts.transpileModule(readFileSync(join(source, file), 'utf8'), {
      fileName: file,
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    writeFileSync(join(target, file.replace(/\.ts$/, '.js')), outputText);
  }
  isMade = true;
}
