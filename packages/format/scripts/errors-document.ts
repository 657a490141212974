// Writes ERRORS.md from the error table: `npx tsx packages/format/scripts/errors-document.ts`; with
// `--print` to the terminal instead. A test and `npm run check` compare the file with what this gives.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { exitStatusMeanings, type ErrorRow } from '../src/error-classes.js';
import { errorTable } from '../src/errors.js';

/** The whole text of ERRORS.md. */
export function errorsDocument(): string {
  const lines = [
    '# Errors',
    '',
    'Generated from `packages/format/src/errors.ts` by',
    '`npx tsx packages/format/scripts/errors-document.ts`. Do not edit by hand.',
    '',
    'An error is printed as `CODE: what happened. what to do`; with `--json`, and over HTTP, it is an',
    'object with `code`, `message`, `hint` and `context`. Retryable means that the same call may',
    'succeed later without a change.',
    '',
    '## Exit statuses',
    '',
    '0 is success; 128 and above mean that a signal ended the process.',
    '',
    ...Object.entries(exitStatusMeanings).map(([status, meaning]) => `- **${status}**: ${meaning}`),
    '',
    '## Codes',
  ];
  for (const [code, row] of Object.entries<ErrorRow>(errorTable)) {
    const retryable = row.retryable ? ', retryable' : '';
    lines.push(
      '',
      `### ${code}`,
      '',
      `Exit status ${row.exitStatus}, HTTP ${row.httpStatus}${retryable}.`,
      '',
      row.hint,
    );
  }
  return `${lines.join('\n')}\n`;
}

export const errorsDocumentPath = fileURLToPath(new URL('../ERRORS.md', import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--print')) process.stdout.write(errorsDocument());
  else writeFileSync(errorsDocumentPath, errorsDocument());
}
