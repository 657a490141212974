// Finds and parses the project's own files, once for all checks.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const foldersNotOurs = new Set([
  'node_modules',
  'dist',
  'build',
  'coverage',
  '.git',
  '.tmp',
  'pamina-data',
]);

/** Written by programs: what an old version wrote stays as it is, and inputs that broke a decoder too. */
const placesNotOurs = new Set(['test/golden', 'test/fuzz/findings']);

/** Every file below the root that this project wrote by hand, relative, sorted. */
export function ownFiles(root: string, extensions: readonly string[], under = ''): string[] {
  const found: string[] = [];
  const folder = join(root, under);
  if (!existsSync(folder)) return found;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = under === '' ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory()) {
      const isOurs = !foldersNotOurs.has(entry.name) && !placesNotOurs.has(path);
      if (isOurs) found.push(...ownFiles(root, extensions, path));
    } else if (extensions.some((extension) => entry.name.endsWith(extension))) {
      found.push(path);
    }
  }
  return found.toSorted();
}

export const codeExtensions = ['.ts', '.mts', '.js', '.mjs'] as const;

/** The names of the folders under packages/ that are workspaces. */
export function packageNames(root: string): string[] {
  return readdirSync(join(root, 'packages'))
    .filter((name) => existsSync(join(root, 'packages', name, 'package.json')))
    .toSorted();
}

export function readText(root: string, path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** Reads strict JSON; the shape is the caller's claim about a file of this repository. */
export function readJson<T>(root: string, path: string): T {
  return JSON.parse(readText(root, path)) as T;
}

export function parse(root: string, path: string): ts.SourceFile {
  return ts.createSourceFile(path, readText(root, path), ts.ScriptTarget.ES2022, true);
}

export function lineOf(file: ts.SourceFile, at: number): number {
  return file.getLineAndCharacterOfPosition(at).line + 1;
}

export function visit(node: ts.Node, enter: (node: ts.Node) => void): void {
  enter(node);
  ts.forEachChild(node, (child) => {
    visit(child, enter);
  });
}

export interface ImportSite {
  readonly specifier: string;
  readonly line: number;
}

/** Static, dynamic, re-exporting and type-only imports of a file. */
export function importsOf(file: ts.SourceFile): ImportSite[] {
  const sites: ImportSite[] = [];
  const add = (literal: ts.Node | undefined): void => {
    if (literal !== undefined && ts.isStringLiteralLike(literal)) {
      sites.push({ specifier: literal.text, line: lineOf(file, literal.getStart(file)) });
    }
  };
  visit(file, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node.argument.literal);
    } else if (ts.isCallExpression(node) && isImportCall(node)) add(node.arguments[0]);
  });
  return sites;
}

function isImportCall(node: ts.CallExpression): boolean {
  const called = node.expression;
  return (
    called.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(called) && called.text === 'require') ||
    (ts.isPropertyAccessExpression(called) && called.getText() === 'import.meta.resolve')
  );
}
