// Holds generated and byte-exact documents against the code: ERRORS.md is what its generator writes, and
// FORMAT.md passes the test that compares it with the constants.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Finding } from './check.js';
import { runTool, toolFailure } from './check.js';

const generator = 'packages/format/scripts/errors-document.ts';
const errorsDocument = 'packages/format/ERRORS.md';
const formatTest = 'packages/format/test/format-document.test.ts';

export const documents: Check = {
  name: 'documents',
  holds: 'ERRORS.md and FORMAT.md say what the code says',
  async run(root) {
    const missing = [generator, errorsDocument, formatTest, 'packages/format/FORMAT.md']
      .filter((file) => !existsSync(join(root, file)))
      .map((file) => ({ file, message: 'is missing' }));
    if (missing.length > 0) return missing;
    return [...(await checkErrors(root)), ...(await checkFormat(root))];
  },
};

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
