// The checks of what is generated: documents, and the bundle in the published package.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents } from '../../scripts/check/documents.js';
import { checkBundle } from '../../scripts/check/publishing.js';
import { findingsOf, json, places } from './planted.js';

const format = (errors: string, formatHolds: boolean): Record<string, string> => ({
  'packages/format/ERRORS.md': errors,
  'packages/format/FORMAT.md': '# Format\n',
  'packages/format/scripts/errors-document.ts':
    "if (process.argv[2] === '--print') process.stdout.write('# Errors\\n\\nONE\\n');\n",
  'packages/format/test/format-document.test.ts':
    "import { expect, it } from 'vitest';\n" +
    `it('agrees', () => { expect(${String(formatHolds)}).toBe(true); });\n`,
});

describe('the documents check', () => {
  it('finds nothing when documents and code agree', async () => {
    expect(await findingsOf(documents, format('# Errors\n\nONE\n', true))).toEqual([]);
  });

  it('finds the first line of ERRORS.md that the error table does not say', async () => {
    const found = await findingsOf(documents, format('# Errors\n\nTWO\n', true));
    expect(places(found)).toEqual(['packages/format/ERRORS.md:3']);
  });

  it('finds that FORMAT.md does not agree with the constants', async () => {
    const found = await findingsOf(documents, format('# Errors\n\nONE\n', false));
    expect(places(found)).toEqual(['packages/format/test/format-document.test.ts']);
  });

  it('finds that a document names a script of npm that is not there', async () => {
    const files = {
      ...format('# Errors\n\nONE\n', true),
      'package.json': json({ name: 'planted', type: 'module', scripts: { there: 'true' } }),
      'README.md': 'Run\n`npm run there`, `npm run -s there` and\n`npm run not-there`.\n',
    };
    expect(places(await findingsOf(documents, files))).toEqual(['README.md:3']);
  });

  it('finds that a document is missing', async () => {
    expect(places(await findingsOf(documents))).toContain('packages/format/ERRORS.md');
  });
});

describe('the publishing check', () => {
  function bundle(files: Record<string, string>): string[] {
    const root = mkdtempSync(join(tmpdir(), 'pamina-bundle-'));
    try {
      mkdirSync(join(root, 'packages/pamina/dist'), { recursive: true });
      writeFileSync(
        join(root, 'packages/pamina/package.json'),
        json({ name: 'pamina', dependencies: { ws: '8.0.0', '@scope/used': '1.0.0' } }),
      );
      for (const [name, text] of Object.entries(files)) {
        writeFileSync(join(root, 'packages/pamina/dist', name), text);
      }
      return places(checkBundle(root)).map((place) => place.replace('packages/pamina/dist/', ''));
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  }

  it('passes what the package has, depends on, or finds in Node', () => {
    const text =
      "import './chunk.js';\nimport 'node:fs';\nimport 'ws';\nimport '@scope/used/deep.js';\n";
    expect(bundle({ 'index.js': text, 'index.d.ts': "export type * from 'ws';\n" })).toEqual([]);
  });

  it('finds workspaces and undeclared dependencies, in code and in declarations', () => {
    expect(
      bundle({
        'index.js': "import '@pamina/log';\nconst other = await import('undeclared');\n",
        'index.d.ts': "export type Log = import('@pamina/log').Log;\n",
      }),
    ).toEqual(['index.d.ts:1', 'index.js:1', 'index.js:2']);
  });
});
