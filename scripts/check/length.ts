// Keeps files and functions short enough to be read at once.
import ts from 'typescript';
import type { Check, Finding } from './check.js';
import { codeExtensions, lineOf, ownFiles, parse, visit } from './source-files.js';

export const sourceLinesMax = 400;
/** A test file is a list of cases, so it may be longer; its functions (describe blocks) are not limited. */
export const testLinesMax = 800;
export const functionLinesMax = 70;

export const length: Check = {
  name: 'length',
  holds: `files stay under ${sourceLinesMax} lines (tests ${testLinesMax}), functions under ${functionLinesMax}`,
  run(root) {
    return ownFiles(root, codeExtensions).flatMap((path) => checkFile(root, path));
  },
};

function checkFile(root: string, path: string): Finding[] {
  const findings: Finding[] = [];
  const file = parse(root, path);
  const isTest = /(^|\/)test\//.test(path);
  const lines = file.text.trimEnd().split('\n').length;
  const linesMax = isTest ? testLinesMax : sourceLinesMax;
  if (lines > linesMax) {
    const message = `${lines} lines, more than ${linesMax}: divide it by subject`;
    findings.push({ file: path, message });
  }
  if (isTest) return findings;
  visit(file, (node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
    const first = lineOf(file, node.getStart(file));
    const count = lineOf(file, node.end) - first + 1;
    if (count > functionLinesMax) {
      const message = `${nameOf(node)} has ${count} lines, more than ${functionLinesMax}: divide it`;
      findings.push({ file: path, line: first, message });
    }
  });
  return findings;
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  const parent: ts.Node = node.parent;
  if (ts.isConstructorDeclaration(node)) return 'the constructor';
  return ts.isVariableDeclaration(parent) ? parent.name.getText() : 'a function';
}
