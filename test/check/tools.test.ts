// The checks that are made of other people's tools: that they run, and that their rules really fire.
import { beforeAll, describe, expect, it } from 'vitest';
import { deadCode } from '../../scripts/check/dead-code.js';
import { formatting } from '../../scripts/check/formatting.js';
import { lint } from '../../scripts/check/lint.js';
import { types } from '../../scripts/check/types.js';
import { findingsOf, json, packageFiles, places } from './planted.js';

const path = 'packages/log/src/bad.ts';

describe('the types check', () => {
  it('passes a sound repository', async () => {
    expect(await findingsOf(types)).toEqual([]);
  });

  it('finds a wrong type in a source and in a test, with its line', async () => {
    const wrong = "// Bad.\nexport const one: number = 'one';\n";
    expect(places(await findingsOf(types, { [path]: wrong }))).toEqual([`${path}:2`]);
    const test = 'test/bad.test.ts';
    expect(places(await findingsOf(types, { [test]: wrong }))).toEqual([`${test}:2`]);
  });
});

describe('the lint check', () => {
  it('passes a sound repository', async () => {
    expect(await findingsOf(lint)).toEqual([]);
  });

  it('finds an import cycle', async () => {
    const findings = await findingsOf(lint, {
      [path]:
        "// Bad.\nimport { other } from './other.js';\nexport const bad = (): number => other();\n",
      'packages/log/src/other.ts':
        "// Bad.\nimport { bad } from './bad.js';\nexport const other = (): number => bad();\n",
    });
    expect(findings.map(({ message }) => message).join()).toContain('import(no-cycle)');
  });

  describe('on one planting of every breach', () => {
    const async = 'async function one(): Promise<void> { await Promise.resolve(); }';
    /** What is planted at line 2, and the rule that must find it there. */
    const breaches: [text: string, rule: string, unlessIn?: string][] = [
      [`${async} one();`, 'typescript(no-floating-promises)'],
      [`${async} [1].forEach(async () => one());`, 'typescript(no-misused-promises)'],
      ["export { readFile } from 'node:fs/promises';", 'eslint(no-restricted-imports)', 'env'],
      ["import { Socket } from 'node:net';", 'eslint(no-restricted-imports)', 'env'],
      ["import { randomBytes } from 'node:crypto';", 'eslint(no-restricted-imports)', 'env'],
      ["import { WebSocket } from 'ws';", 'eslint(no-restricted-imports)', 'env'],
      ['export const x = setTimeout;', 'eslint(no-restricted-globals)', 'env'],
      ["export const x = fetch('http://localhost');", 'eslint(no-restricted-globals)', 'env'],
      ['export const x = Date.now();', 'eslint(no-restricted-properties)', 'env'],
      ['export const x = Math.random();', 'eslint(no-restricted-properties)', 'env'],
      ['export const x = AbortSignal.timeout(1);', 'eslint(no-restricted-properties)', 'env'],
      ["import { join } from 'node:path';", 'eslint(no-restricted-imports)', 'env log'],
      ['export const x = Buffer.alloc(1);', 'eslint(no-restricted-globals)', 'env log'],
      ['export const x: any = 1;', 'typescript(no-explicit-any)'],
      ['try { JSON.parse(""); } catch {}', 'eslint(no-empty)'],
      ["export const f = (): never => { throw 'text'; };", 'typescript(only-throw-error)'],
      ['export default 1;', 'import(no-default-export)'],
      ['console.log(1);', 'eslint(no-console)'],
      ['const unused = 1;', 'eslint(no-unused-vars)'],
    ];
    const folders = ['packages/env/src', 'packages/log/src', 'packages/wire/src'];
    let found: string[] = [];

    beforeAll(async () => {
      const planted = breaches.flatMap(([text], index) =>
        [...folders, 'packages/log/test'].map((folder): [string, string] => [
          `${folder}/bad-${index}.ts`,
          `// Bad.\n${text}\nexport {};\n`,
        ]),
      );
      const findings = await findingsOf(lint, Object.fromEntries(planted));
      found = findings.map(
        ({ file, line, message }) => `${file}:${String(line)} ${message.replace(/:.*/, '')}`,
      );
    });

    it.each(breaches.map(([text, rule, allowed = ''], index) => ({ text, rule, allowed, index })))(
      'finds $text by $rule, where it is forbidden',
      ({ rule, allowed, index }) => {
        const hits = folders.filter((folder) =>
          found.includes(`${folder}/bad-${index}.ts:2 ${rule}`),
        );
        expect(hits).toEqual(
          folders.filter((folder) => !allowed.includes(folder.split('/')[1] ?? '')),
        );
      },
    );

    it('holds tests to the same care for promises', () => {
      expect(found).toContain('packages/log/test/bad-0.ts:2 typescript(no-floating-promises)');
      expect(found).toContain('packages/log/test/bad-1.ts:2 typescript(no-misused-promises)');
    });
  });
});

describe('the formatting check', () => {
  it('finds a file that oxfmt would lay out differently, and only that', async () => {
    const found = places(await findingsOf(formatting, { [path]: 'export   const x = "1"\n' }));
    expect(found.filter((file) => file.endsWith('.ts'))).toEqual([path]);
  });
});

describe('the dead code check', () => {
  it('finds a file and an export that nothing uses, and a dependency that nothing declares', async () => {
    const findings = await findingsOf(deadCode, {
      'package.json': json({
        name: 'planted',
        version: '1.0.0',
        private: true,
        workspaces: ['packages/*'],
      }),
      ...packageFiles('log', ['format', 'env']),
      [path]: '// Bad.\nexport const bad = 1;\n',
      'packages/log/src/half.ts': '// Half.\nexport const used = 1;\nexport const unused = 2;\n',
      'packages/log/src/log.ts':
        "// Uses.\nimport { WebSocket } from 'ws';\nimport { used } from './half.js';\nexport const log = [used, WebSocket];\n",
    });
    const found = findings.map(({ file, message }) => `${file} ${message}`);
    expect(found).toContain(`${path} nothing imports this file: delete it`);
    expect(found.join('\n')).toContain('packages/log/src/half.ts unused is exported and not used');
    expect(found.join('\n')).toContain('ws is used here: declare it in package.json');
  });
});
