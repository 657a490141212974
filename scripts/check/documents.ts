// Holds documents against the code: ERRORS.md is what its generator writes, FORMAT.md passes the test that
// compares it with the constants, and what a document tells the reader to run with npm is there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Finding } from './check.js';
import { runTool, toolFailure } from './check.js';
import { ownFiles, readJson, readText } from './source-files.js';

const generator = 'packages/format/scripts/errors-document.ts';
const errorsDocument = 'packages/format/ERRORS.md';
const formatTest = 'packages/format/test/format-document.test.ts';

export const documents: Check = {
  name: 'documents',
  holds:
    'ERRORS.md and FORMAT.md say what the code says, and every `npm run` in a document is there',
  async run(root) {
    const missing = [generator, errorsDocument, formatTest, 'packages/format/FORMAT.md']
      .filter((file) => !existsSync(join(root, file)))
      .map((file) => ({ file, message: 'is missing' }));
    if (missing.length > 0) return missing;
    return [...checkScripts(root), ...(await checkErrors(root)), ...(await checkFormat(root))];
  },
};

function checkScripts(root: string): Finding[] {
  const { scripts = {} } = readJson<{ scripts?: Record<string, string> }>(root, 'package.json');
  return ownFiles(root, ['.md']).flatMap((file) =>
    readText(root, file)
      .split('\n')
      .flatMap((text, index) =>
        [...text.matchAll(/\bnpm run (?:-\S+ )*(\w[\w:-]*)/g)]
          .map(([, name = '']) => name)
          .filter((name) => !Object.hasOwn(scripts, name))
          .map((name) => {
            const message = `there is no script ${name} in package.json: add it, or name another`;
            return { file, line: index + 1, message };
          }),
      ),
  );
}

async function checkErrors(root: string): Promise<Finding[]> {
  const result = await runTool(root, 'tsx', [generator, '--print']);
  if (result.status !== 0) return [{ ...toolFailure('tsx', result), file: generator }];
  const written = readFileSync(join(root, errorsDocument), 'utf8');
  if (written === result.stdout) return [];
  const wanted = result.stdout.split('\n');
  const line = written.split('\n').findIndex((text, index) => text !== wanted[index]) + 1;
  const message = `is not what the error table says: run npx tsx ${generator}`;
  return [{ file: errorsDocument, line: Math.max(line, 1), message }];
}

async function checkFormat(root: string): Promise<Finding[]> {
  const result = await runTool(root, 'vitest', ['run', formatTest, '--reporter=dot']);
  return result.status === 0 ? [] : [{ ...toolFailure('vitest', result), file: formatTest }];
}
