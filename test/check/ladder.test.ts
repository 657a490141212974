import { describe, expect, it } from 'vitest';
import { ladder } from '../../scripts/check/ladder.js';
import { findingsOf, json, packageFiles, places } from './planted.js';

const source = (text: string): Record<string, string> => ({ 'packages/log/src/bad.ts': text });

describe('the ladder check', () => {
  it('finds nothing in a sound repository', async () => {
    expect(await findingsOf(ladder)).toEqual([]);
  });

  it.each([
    ['upward', "// Bad.\nimport { pamina } from 'pamina';\n", 'higher rung'],
    [
      'undeclared, lower',
      "// Bad.\nexport { wire } from '@pamina/wire';\n",
      'declare @pamina/wire',
    ],
    ['dynamic, upward', "// Bad.\nexport const p = import('pamina');\n", 'higher rung'],
    ['type-only, upward', "// Bad.\nexport type P = import('pamina').P;\n", 'higher rung'],
    ['past the face', "// Bad.\nimport '@pamina/env/src/env.js';\n", 'what its index.ts exports'],
    ['relative', "// Bad.\nimport '../../env/src/env.js';\n", 'reaches into another package'],
    ['of its own index', "// Bad.\nimport { log } from './index.js';\n", 'from inside its package'],
    [
      'of itself by name',
      "// Bad.\nimport { log } from '@pamina/log';\n",
      'its own package by name',
    ],
    ['of nothing known', "// Bad.\nimport { x } from '@pamina/nowhere';\n", 'not a package'],
  ])('finds an import %s', async (_what, text, message) => {
    const findings = await findingsOf(ladder, source(text));
    expect(places(findings)).toEqual(['packages/log/src/bad.ts:2']);
    expect(findings[0]?.message).toContain(message);
  });

  it('finds an import between packages of one rung, in tests too', async () => {
    const findings = await findingsOf(ladder, {
      'packages/env/test/bad.test.ts': "// Bad.\nimport { wire } from '@pamina/wire';\n",
    });
    expect(places(findings)).toEqual(['packages/env/test/bad.test.ts:2']);
    expect(findings[0]?.message).toContain('same rung');
  });

  it('finds an upward dependency in package.json and its reference', async () => {
    const findings = await findingsOf(ladder, packageFiles('format', ['log']));
    expect(places(findings)).toEqual(['packages/format/package.json']);
  });

  it('finds references that do not agree with the dependencies', async () => {
    const findings = await findingsOf(ladder, {
      'packages/log/tsconfig.json': json({
        references: [{ path: '../format' }, { path: '../wire' }],
      }),
    });
    expect(findings.map(({ message }) => message)).toEqual([
      'add the reference ../env',
      'refers to wire, which package.json does not depend on: remove it',
    ]);
  });

  it('finds a package without a rung, a rung without a package, a project that is never built', async () => {
    const findings = await findingsOf(ladder, {
      ...packageFiles('extra', []),
      'scripts/check/ladder.json': json({
        rungs: [['format'], ['env', 'wire'], ['log', 'gone'], ['pamina']],
      }),
    });
    expect(places(findings)).toEqual([
      'scripts/check/ladder.json',
      'packages/extra/package.json',
      'tsconfig.json',
    ]);
  });

  describe('of what stands aside', () => {
    const ladderFile = {
      'scripts/check/ladder.json': json({
        rungs: [['format'], ['env', 'wire'], ['log'], ['pamina']],
        aside: ['trial'],
      }),
      'tsconfig.json': json({
        files: [],
        references: ['format', 'env', 'wire', 'log', 'pamina', 'trial'].map((name) => ({
          path: `packages/${name}`,
        })),
      }),
    };

    it('lets it use every package, and the contract suites of one in its tests', async () => {
      const findings = await findingsOf(ladder, {
        ...ladderFile,
        ...packageFiles('trial', ['env', 'pamina']),
        'packages/trial/test/env.test.ts':
          "// A test.\nimport '../../env/test/disk-contract.js';\nimport 'pamina';\n",
      });
      expect(findings).toEqual([]);
    });

    it('finds whoever uses it, and its reaching elsewhere', async () => {
      const findings = await findingsOf(ladder, {
        ...ladderFile,
        ...packageFiles('trial', ['env']),
        'packages/trial/test/env.test.ts': "// A test.\nimport '../../env/test/until.js';\n",
        'packages/trial/src/bad.ts': "// Bad.\nimport '../../env/test/disk-contract.js';\n",
        'packages/log/test/bad.test.ts': "// Bad.\nimport '@pamina/trial';\n",
      });
      expect(places(findings)).toEqual([
        'packages/log/test/bad.test.ts:2',
        'packages/trial/src/bad.ts:2',
        'packages/trial/test/env.test.ts:2',
      ]);
    });
  });

  it('finds export * in a face', async () => {
    const findings = await findingsOf(ladder, {
      'packages/log/src/index.ts': "// The face.\nexport * from './log.js';\n",
    });
    expect(places(findings)).toEqual(['packages/log/src/index.ts:2']);
  });
});
