// Type-checks the packages as they are built, then tests and scripts against the sources.
import type { Check, Finding } from './check.js';
import { runTool, toolFailure } from './check.js';

export const types: Check = {
  name: 'types',
  holds: 'packages, tests and scripts type-check strictly',
  async run(root) {
    const built = await compile(root, ['-b', '--pretty', 'false']);
    // Tests resolve to the sources, so they would only repeat what is wrong there.
    if (built.length > 0) return built;
    return compile(root, ['-p', 'tsconfig.tests.json', '--pretty', 'false']);
  },
};

async function compile(root: string, args: string[]): Promise<Finding[]> {
  const result = await runTool(root, 'tsc', args);
  const findings: Finding[] = [];
  for (const text of result.stdout.split('\n')) {
    const match = /^(.+?)\((\d+),\d+\): error (TS\d+: .*)$/.exec(text);
    if (match !== null) {
      const [, file = '', line = '', message = ''] = match;
      findings.push({ file, line: Number(line), message });
    } else if (/^ {2}\S/.test(text) && findings.length > 0) {
      // The first indented line under an error says which part does not fit.
      const last = findings.pop();
      if (last !== undefined) findings.push({ ...last, message: `${last.message} ${text.trim()}` });
    }
  }
  if (result.status !== 0 && findings.length === 0) findings.push(toolFailure('tsc', result));
  return findings;
}
