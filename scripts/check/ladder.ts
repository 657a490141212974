// Holds the order of packages (ladder.json) against imports, package.json and tsconfig references.
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import type { Check, Finding } from './check.js';
import { importsOf, lineOf, ownFiles, packageNames, parse, readJson } from './source-files.js';

interface PackageJson {
  readonly name: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

interface TsConfig {
  readonly references?: { readonly path: string }[];
}

/** Package folder name → its rung, counted from 0; what stands aside is above all others. */
type Rungs = ReadonlyMap<string, number>;

interface Ladder {
  readonly rungs: readonly (readonly string[])[];
  /** For tests only: may use every package, and their contract suites; nobody uses them. */
  readonly aside?: readonly string[];
}

const contractSuite = /^packages\/[^/]+\/test\/[^/]+-contract\.[jt]s$/;

export const ladder: Check = {
  name: 'ladder',
  holds: 'a package imports only packages of lower rungs, and package.json and tsconfig agree',
  run(root) {
    const { rungs: steps, aside = [] } = readJson<Ladder>(root, 'scripts/check/ladder.json');
    const rungs: Rungs = new Map(
      [...steps, aside].flatMap((names, rung) => names.map((name) => [name, rung] as const)),
    );
    const names = packageNames(root);
    const findings: Finding[] = [];
    for (const name of rungs.keys()) {
      if (!names.includes(name)) {
        findings.push({
          file: 'scripts/check/ladder.json',
          message: `names the package ${name}, which does not exist: remove it`,
        });
      }
    }
    for (const name of names) {
      if (!rungs.has(name)) {
        findings.push({
          file: `packages/${name}/package.json`,
          message: 'this package has no rung: add it to scripts/check/ladder.json',
        });
        continue;
      }
      findings.push(
        ...checkDeclarations(root, name, rungs),
        ...checkImports(root, name, rungs, aside.includes(name)),
      );
    }
    return [...findings, ...checkRootReferences(root, names)];
  },
};

/** The package folder that a specifier such as `@pamina/log` or `pamina/x` names, or null. */
function packageOf(specifier: string): string | null {
  if (specifier === 'pamina' || specifier.startsWith('pamina/')) return 'pamina';
  return /^@pamina\/([^/]+)/.exec(specifier)?.[1] ?? null;
}

function breach(from: string, to: string, rungs: Rungs): string | null {
  const own = rungs.get(from) ?? -1;
  const other = rungs.get(to);
  if (other === undefined) return `${to} is not a package of this repository`;
  if (other < own) return null;
  const how = other === own ? 'stands on the same rung' : 'stands on a higher rung';
  return `${from} may not use ${to}, which ${how}: move the shared part down, or pass it in`;
}

function declared(json: PackageJson): Map<string, string> {
  const all = { ...json.dependencies, ...json.devDependencies };
  const ours = Object.keys(all).map((name) => [packageOf(name), name] as const);
  return new Map(ours.filter((pair): pair is [string, string] => pair[0] !== null));
}

function checkDeclarations(root: string, name: string, rungs: Rungs): Finding[] {
  const findings: Finding[] = [];
  const json = `packages/${name}/package.json`;
  const config = `packages/${name}/tsconfig.json`;
  const dependencies = declared(readJson<PackageJson>(root, json));
  for (const dependency of dependencies.keys()) {
    const message = breach(name, dependency, rungs);
    if (message !== null) findings.push({ file: json, message });
  }
  const references = new Set(
    (readJson<TsConfig>(root, config).references ?? []).map(({ path }) => path.split('/').pop()),
  );
  for (const dependency of dependencies.keys()) {
    if (!references.has(dependency)) {
      findings.push({ file: config, message: `add the reference ../${dependency}` });
    }
  }
  for (const reference of references) {
    if (reference !== undefined && !dependencies.has(reference)) {
      const message = `refers to ${reference}, which package.json does not depend on: remove it`;
      findings.push({ file: config, message });
    }
  }
  return findings;
}

function checkImports(root: string, name: string, rungs: Rungs, isAside: boolean): Finding[] {
  const findings: Finding[] = [];
  const own = `packages/${name}`;
  const dependencies = declared(readJson<PackageJson>(root, `${own}/package.json`));
  for (const path of ownFiles(root, ['.ts'], own)) {
    const file = parse(root, path);
    for (const { specifier, line } of importsOf(file)) {
      const message = specifier.startsWith('.')
        ? relativeBreach(own, path, specifier, isAside)
        : packageBreach(name, specifier, rungs, dependencies, path.startsWith(`${own}/src/`));
      if (message !== null) findings.push({ file: path, line, message });
    }
    if (path === `${own}/src/index.ts`) findings.push(...starExports(file, path));
  }
  return findings;
}

function relativeBreach(
  own: string,
  path: string,
  specifier: string,
  isAside: boolean,
): string | null {
  const target = normalize(join(dirname(path), specifier));
  if (isAside && path.startsWith(`${own}/test/`) && contractSuite.test(target)) return null;
  if (!target.startsWith(`${own}/`) && target.startsWith('packages/')) {
    return `reaches into another package: import it as @pamina/${target.split('/')[1] ?? ''}`;
  }
  if (path.startsWith(`${own}/src/`) && /^src\/index\.[jt]s$/.test(target.slice(own.length + 1))) {
    return 'imports index.ts from inside its package: import the file that has the thing';
  }
  return null;
}

function packageBreach(
  name: string,
  specifier: string,
  rungs: Rungs,
  dependencies: ReadonlyMap<string, string>,
  inSource: boolean,
): string | null {
  const target = packageOf(specifier);
  if (target === null) return null;
  if (target === name) {
    return inSource ? 'imports its own package by name: import the file that has the thing' : null;
  }
  if (specifier !== `@pamina/${target}` && specifier !== 'pamina') {
    return `reaches into ${target}: import what its index.ts exports`;
  }
  const message = breach(name, target, rungs);
  if (message !== null) return message;
  return dependencies.has(target) ? null : `declare @pamina/${target} in packages/${name}`;
}

function starExports(file: ts.SourceFile, path: string): Finding[] {
  return file.statements
    .filter((node) => ts.isExportDeclaration(node) && node.exportClause === undefined)
    .map((node) => ({
      file: path,
      line: lineOf(file, node.getStart(file)),
      message: 'list the exports one by one instead of export *',
    }));
}

function checkRootReferences(root: string, names: readonly string[]): Finding[] {
  const { references = [] } = readJson<TsConfig>(root, 'tsconfig.json');
  const listed = new Set(references.map(({ path }) => path));
  return names
    .filter((name) => !listed.has(`packages/${name}`))
    .map((name) => ({ file: 'tsconfig.json', message: `add the reference packages/${name}` }));
}
