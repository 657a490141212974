// Keeps the face of each package (its index.ts) to what others use. knip cannot say this: to it,
// whatever a package exports is used. Types are free: they describe shapes and cost nothing.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import type { Check, Finding } from './check.js';
import { lineOf, ownFiles, packageNames, parse, visit } from './source-files.js';

/** What users import; nobody here can know what they use. */
const published = 'pamina';

export const faces: Check = {
  name: 'faces',
  holds: 'a package exports no function, class or constant that nobody outside of it uses',
  run(root) {
    const used = usedNames(root);
    return (
      packageNames(root)
        .filter((name) => name !== published)
        // What stands aside of the ladder is used by nobody and has no face.
        .filter((name) => existsSync(join(root, `packages/${name}/src/index.ts`)))
        .flatMap((name) => unusedExports(root, name, used.get(`@pamina/${name}`) ?? new Set()))
    );
  },
};

/** Specifier of a package → the names that files outside of it import, or re-export, from it. */
function usedNames(root: string): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  for (const path of ownFiles(root, ['.ts', '.mjs'])) {
    const file = parse(root, path);
    visit(file, (node) => {
      if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return;
      if (node.moduleSpecifier === undefined || !ts.isStringLiteral(node.moduleSpecifier)) return;
      const specifier = node.moduleSpecifier.text;
      if (path.startsWith(`packages/${specifier.replace('@pamina/', '')}/`)) return;
      const names = used.get(specifier) ?? new Set();
      for (const name of namesOf(node)) names.add(name);
      used.set(specifier, names);
    });
  }
  return used;
}

/** `*` stands for everything (`import * as x`). */
function namesOf(node: ts.ImportDeclaration | ts.ExportDeclaration): string[] {
  const clause = ts.isImportDeclaration(node)
    ? node.importClause?.namedBindings
    : node.exportClause;
  if (clause === undefined) return [];
  if (!ts.isNamedImports(clause) && !ts.isNamedExports(clause)) return ['*'];
  return clause.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
}

function unusedExports(root: string, name: string, used: ReadonlySet<string>): Finding[] {
  const path = `packages/${name}/src/index.ts`;
  const file = parse(root, path);
  const findings: Finding[] = [];
  for (const node of file.statements) {
    if (!ts.isExportDeclaration(node) || node.isTypeOnly || used.has('*')) continue;
    if (node.exportClause === undefined || !ts.isNamedExports(node.exportClause)) continue;
    for (const element of node.exportClause.elements) {
      if (element.isTypeOnly || used.has(element.name.text)) continue;
      findings.push({
        file: path,
        line: lineOf(file, element.getStart(file)),
        message: `${element.name.text} is used by no other package: take it off the face`,
      });
    }
  }
  return findings;
}
