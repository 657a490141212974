import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorsDocument, errorsDocumentPath } from '../scripts/errors-document.js';
import { exitStatusMeanings, type ErrorRow } from '../src/error-classes.js';
import { errorTable } from '../src/errors.js';

const rows = Object.entries<ErrorRow>(errorTable);

describe('error table', () => {
  it('P9 says for every code what to do next', () => {
    for (const [code, row] of rows) {
      expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
      expect(row.hint, code).toMatch(/^[A-Z].{10,}[.]$/);
    }
  });

  it('is alphabetical and keeps to documented exit statuses and HTTP errors', () => {
    const codes = rows.map(([code]) => code);
    expect(codes).toEqual(codes.toSorted());
    for (const [code, row] of rows) {
      expect(Object.keys(exitStatusMeanings), code).toContain(String(row.exitStatus));
      expect(row.httpStatus >= 400 && row.httpStatus < 600, code).toBe(true);
    }
  });

  it('P9 is what ERRORS.md says', () => {
    expect(readFileSync(errorsDocumentPath, 'utf8')).toBe(errorsDocument());
  });
});
