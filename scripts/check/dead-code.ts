// Runs knip: files, exports and dependencies that nothing uses, and dependencies that nothing declares.
import type { Check, Finding } from './check.js';
import { runTool, toolFailure } from './check.js';

interface Issue {
  readonly name?: string;
  readonly line?: number;
}

/** knip's JSON: per file, one list per kind of issue. */
interface DeadCodeReport {
  readonly issues: ({ readonly file: string } & Record<string, unknown>)[];
}

const advice: Record<string, string> = {
  files: 'nothing imports this file: delete it',
  dependencies: 'is not used here: remove it from package.json',
  devDependencies: 'is not used here: remove it from package.json',
  unlisted: 'is used here: declare it in package.json',
  unresolved: 'cannot be resolved: mend the import',
  binaries: 'is run here: declare the package that brings it',
  exports: 'is exported and not used elsewhere: remove the export',
  types: 'is exported and not used elsewhere: remove the export',
  nsExports: 'is exported and not used elsewhere: remove the export',
  nsTypes: 'is exported and not used elsewhere: remove the export',
  duplicates: 'is exported twice: keep one name',
  enumMembers: 'is never used: remove it',
};

export const deadCode: Check = {
  name: 'dead code',
  holds: 'nothing is unused, and every dependency that is used is declared',
  async run(root) {
    const result = await runTool(root, 'knip', ['--reporter', 'json', '--no-progress']);
    const report = readReport(result.stdout);
    if (report === null) return [toolFailure('knip', result)];
    const findings = report.issues.flatMap(toFindings);
    // Configuration hints (an entry that matches nothing) come on the error output with status 0.
    if (result.status !== 0 && findings.length === 0) return [toolFailure('knip', result)];
    return findings;
  },
};

function readReport(text: string): DeadCodeReport | null {
  const start = text.indexOf('{');
  if (start < 0) return null;
  try {
    return JSON.parse(text.slice(start)) as DeadCodeReport;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function toFindings(entry: DeadCodeReport['issues'][number]): Finding[] {
  const findings: Finding[] = [];
  for (const [kind, value] of Object.entries(entry)) {
    if (kind === 'file' || !Array.isArray(value)) continue;
    for (const issue of value.flat() as Issue[]) {
      const name = issue.name ?? entry.file;
      const told = advice[kind] ?? `knip reports it under ${kind}`;
      findings.push({
        file: entry.file,
        message: kind === 'files' ? told : `${name} ${told}`,
        ...(issue.line === undefined ? {} : { line: issue.line }),
      });
    }
  }
  return findings;
}
