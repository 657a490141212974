// Finds errors that vanish: a catch without a statement, a rejection handler that does and explains nothing.
import ts from 'typescript';
import type { Check, Finding } from './check.js';
import { codeExtensions, lineOf, ownFiles, parse, visit } from './source-files.js';

export const swallowed: Check = {
  name: 'swallowed',
  holds: 'no error is swallowed: a catch acts on it, narrows it by code, or passes it on',
  run(root) {
    return ownFiles(root, codeExtensions).flatMap((path) => checkFile(root, path));
  },
};

function checkFile(root: string, path: string): Finding[] {
  const findings: Finding[] = [];
  const file = parse(root, path);
  visit(file, (node) => {
    if (ts.isCatchClause(node) && node.block.statements.length === 0) {
      findings.push({
        file: path,
        line: lineOf(file, node.getStart(file)),
        message: 'this catch swallows every error: narrow it by code and pass the others on',
      });
    }
    const handler = rejectionHandler(node);
    if (handler !== null && doesNothing(handler) && !hasComment(handler)) {
      findings.push({
        file: path,
        line: lineOf(file, handler.getStart(file)),
        message: 'this handler drops every rejection: act on it, or say inside why it is safe',
      });
    }
  });
  return findings;
}

function rejectionHandler(node: ts.Node): ts.ArrowFunction | ts.FunctionExpression | null {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return null;
  const name = node.expression.name.text;
  const handler = node.arguments[name === 'catch' ? 0 : 1];
  if ((name !== 'catch' && name !== 'then') || handler === undefined) return null;
  return ts.isArrowFunction(handler) || ts.isFunctionExpression(handler) ? handler : null;
}

function doesNothing(handler: ts.ArrowFunction | ts.FunctionExpression): boolean {
  const { body } = handler;
  if (ts.isBlock(body)) return body.statements.length === 0;
  return body.kind === ts.SyntaxKind.NullKeyword || ts.isVoidExpression(body) || isUndefined(body);
}

function isUndefined(node: ts.Node): boolean {
  return ts.isIdentifier(node) && node.text === 'undefined';
}

/** Inside the handler, or above the statement that it is part of. */
function hasComment(handler: ts.Node): boolean {
  let statement: ts.Node = handler.parent;
  while (!ts.isStatement(statement)) statement = statement.parent;
  const above = statement.getFullText().slice(0, statement.getLeadingTriviaWidth());
  return /\/\/|\/\*/.test(above + handler.getText());
}
