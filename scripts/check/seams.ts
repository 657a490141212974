// What the linter's restricted lists cannot say: the clock read through a constructor, and imports of
// restricted modules by `import()`, `require` or `import type`.
import ts from 'typescript';
import type { Check, Finding } from './check.js';
import { importsOf, lineOf, ownFiles, packageNames, parse, visit } from './source-files.js';

const worldModules = new Set(
  (
    'fs fs/promises net http https http2 tls dgram dns dns/promises timers timers/promises ' +
    'perf_hooks child_process worker_threads cluster os ws chokidar undici'
  ).split(' '),
);
const browserSafe = new Set(['format', 'wire']);
/** The one file that gives browser-safe packages the fast checksum, behind an `imports` condition. */
const browserSafeExcept = 'packages/format/src/crc32-node.ts';
/** The simulated world, which stands beside env: it runs Node's own HTTP over its sockets, and drains its turns. */
const simulatedWorld = 'packages/sim/src/world/';

export const seams: Check = {
  name: 'seams',
  holds: 'only env touches disk, clock, network and randomness; format and wire run in a browser',
  run(root) {
    return packageNames(root)
      .filter((name) => name !== 'env')
      .flatMap((name) =>
        ownFiles(root, ['.ts'], `packages/${name}/src`)
          .filter((path) => !path.startsWith(simulatedWorld))
          .flatMap((path) => checkFile(root, name, path)),
      );
  },
};

function checkFile(root: string, name: string, path: string): Finding[] {
  const findings: Finding[] = [];
  const file = parse(root, path);
  const pure = browserSafe.has(name) && path !== browserSafeExcept;
  for (const { specifier, line } of importsOf(file)) {
    if (pure && specifier.startsWith('node:')) {
      const message = `${specifier}: ${name} runs in a browser, no Node module here`;
      findings.push({ file: path, line, message });
    } else if (worldModules.has(specifier.replace(/^node:/, ''))) {
      findings.push({ file: path, line, message: `${specifier}: go through @pamina/env` });
    }
  }
  visit(file, (node) => {
    if (readsClock(node)) {
      const line = lineOf(file, node.getStart(file));
      findings.push({ file: path, line, message: 'reads the clock: use env.clock.now' });
    }
  });
  return findings;
}

function readsClock(node: ts.Node): boolean {
  if (ts.isNewExpression(node)) {
    return node.expression.getText() === 'Date' && (node.arguments ?? []).length === 0;
  }
  return ts.isCallExpression(node) && node.expression.getText() === 'Date';
}
