// Runs oxlint with type information; .oxlintrc.json says what it holds and where.
import type { Check, Finding } from './check.js';
import { runTool, toolFailure } from './check.js';

interface LintReport {
  readonly number_of_files: number;
  readonly diagnostics: {
    readonly message: string;
    readonly code?: string;
    readonly help?: string;
    readonly filename: string;
    readonly labels: { readonly span: { readonly line: number } }[];
  }[];
}

export const lint: Check = {
  name: 'lint',
  holds: 'no floating promise, import cycle, restricted import, explicit any, … (.oxlintrc.json)',
  async run(root) {
    const args = ['--type-aware', '--deny-warnings', '--format', 'json', '.'];
    const result = await runTool(root, 'oxlint', args);
    const report = readReport(result.stdout);
    if (report === null) return [toolFailure('oxlint', result)];
    if (report.number_of_files === 0) {
      return [
        { file: '.oxlintrc.json', message: 'oxlint found no file to read: mend the patterns' },
      ];
    }
    const findings = report.diagnostics.map(toFinding);
    if (result.status !== 0 && findings.length === 0) return [toolFailure('oxlint', result)];
    return findings;
  },
};

function readReport(text: string): LintReport | null {
  const start = text.indexOf('{');
  if (start < 0) return null;
  try {
    return JSON.parse(text.slice(start)) as LintReport;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function toFinding(diagnostic: LintReport['diagnostics'][number]): Finding {
  const { message, code, help, filename, labels } = diagnostic;
  const line = labels[0]?.span.line;
  const text = `${code ?? 'oxlint'}: ${message}${help === undefined ? '' : ` ${help}`}`;
  return {
    file: filename,
    message: text.replace(/\s+/g, ' '),
    ...(line === undefined ? {} : { line }),
  };
}
