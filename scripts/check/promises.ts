// Holds every promise that is claimed (promises.json) to at least one test that carries its number.
import ts from 'typescript';
import type { Check, Finding } from './check.js';
import { lineOf, ownFiles, parse, readJson, visit } from './source-files.js';

interface PromiseEntry {
  readonly claimed: boolean;
  readonly sentence: string;
}

interface NamedTest {
  readonly file: string;
  readonly line: number;
  /** Its own name behind those of the describe blocks around it. */
  readonly name: string;
}

const list = 'scripts/check/promises.json';

export const promises: Check = {
  name: 'promises',
  holds: 'every promise that is claimed has a test that names it',
  run(root) {
    const entries = readJson<Record<string, PromiseEntry>>(root, list);
    const tests = ownFiles(root, ['.test.ts']).flatMap((path) => testsOf(parse(root, path)));
    const named = new Map<string, number>();
    const findings: Finding[] = [];
    for (const { file, line, name } of tests) {
      for (const number of new Set(promiseNumbers(name))) {
        named.set(number, (named.get(number) ?? 0) + 1);
        if (entries[number] === undefined) {
          findings.push({ file, line, message: `names ${number}, which ${list} does not list` });
        }
      }
    }
    for (const [number, { claimed, sentence }] of Object.entries(entries)) {
      if (claimed && !named.has(number)) {
        const message = `${number} is claimed and no test names it: write one ("${sentence}")`;
        findings.push({ file: list, message });
      }
    }
    return findings;
  },
};

function promiseNumbers(name: string): string[] {
  return name.match(/\bP\d+\b/g) ?? [];
}

/** Every test that a file defines with a literal name; a describe block without a test counts for nothing. */
function testsOf(file: ts.SourceFile): NamedTest[] {
  const found: NamedTest[] = [];
  visit(file, (node) => {
    if (!ts.isCallExpression(node) || !/^(test|it)$/.test(rootName(node.expression))) return;
    const own = literalName(node);
    if (own === null) return;
    const name = [...describedAround(node), own].join(' > ');
    found.push({ file: file.fileName, line: lineOf(file, node.getStart(file)), name });
  });
  return found;
}

/** `it` of `it(…)`, `it.each(…)(…)` and `it.skipIf(…)(…)`. */
function rootName(expression: ts.Expression): string {
  if (ts.isIdentifier(expression)) return expression.text;
  if (ts.isPropertyAccessExpression(expression) || ts.isCallExpression(expression)) {
    return rootName(expression.expression);
  }
  return ts.isTaggedTemplateExpression(expression) ? rootName(expression.tag) : '';
}

function literalName(node: ts.CallExpression): string | null {
  const first = node.arguments[0];
  if (first === undefined || node.arguments.length < 2) return null;
  if (ts.isStringLiteralLike(first)) return first.text;
  return ts.isTemplateExpression(first) ? first.getText() : null;
}

function describedAround(node: ts.Node): string[] {
  const names: string[] = [];
  for (let up: ts.Node | undefined = node.parent; up !== undefined; up = up.parent) {
    if (ts.isCallExpression(up) && /^(describe|suite)$/.test(rootName(up.expression))) {
      names.unshift(literalName(up) ?? '');
    }
  }
  return names;
}
