// A small copy of the repository's frame in which a check's test plants a breach.
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Check, Finding } from '../../scripts/check/check.js';

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** What a sound repository of two packages has; a test's own files replace or join these. */
const sound: Record<string, string> = {
  'package.json': json({ name: 'planted', version: '1.0.0', private: true, type: 'module' }),
  'scripts/check/ladder.json': json({ rungs: [['format'], ['env', 'wire'], ['log'], ['pamina']] }),
  'tsconfig.json': json({
    files: [],
    references: ['format', 'env', 'wire', 'log', 'pamina'].map((name) => ({
      path: `packages/${name}`,
    })),
  }),
  'tsconfig.tests.json': json({
    extends: './tsconfig.base.json',
    compilerOptions: { noEmit: true, composite: false, incremental: false },
    include: ['test/**/*.ts'],
  }),
  'test/one.test.ts': '// A test.\nexport const one = 1;\n',
  ...packageFiles('format', []),
  ...packageFiles('env', ['format']),
  ...packageFiles('wire', ['format']),
  ...packageFiles('log', ['format', 'env']),
  ...packageFiles('pamina', ['log']),
};

export function packageFiles(name: string, uses: readonly string[]): Record<string, string> {
  const full = (short: string): string => (short === 'pamina' ? short : `@pamina/${short}`);
  return {
    [`packages/${name}/package.json`]: json({
      name: full(name),
      version: '1.0.0',
      private: true,
      type: 'module',
      exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
      // The published package bundles what it uses, so nothing of ours is a dependency of it.
      [name === 'pamina' ? 'devDependencies' : 'dependencies']: Object.fromEntries(
        uses.map((used) => [full(used), '1.0.0']),
      ),
    }),
    [`packages/${name}/tsconfig.json`]: json({
      extends: '../../tsconfig.base.json',
      compilerOptions: { rootDir: 'src', outDir: 'dist' },
      include: ['src'],
      references: uses.map((used) => ({ path: `../${used}` })),
    }),
    [`packages/${name}/src/index.ts`]: `// The face.\nexport { ${name} } from './${name}.js';\n`,
    [`packages/${name}/src/${name}.ts`]: `// The thing.\nexport const ${name} = '${name}';\n`,
  };
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Runs the check on the sound repository with these files planted; the copy is removed again. */
export async function findingsOf(
  check: Check,
  planted: Record<string, string> = {},
): Promise<Finding[]> {
  const root = mkdtempSync(join(tmpdir(), 'pamina-check-'));
  try {
    for (const name of ['tsconfig.base.json', '.oxlintrc.json', '.oxfmtrc.json', 'knip.json']) {
      cpSync(join(repository, name), join(root, name));
    }
    symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
    for (const [path, text] of Object.entries({ ...sound, ...planted })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return await check.run(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The findings as short text: `file:line first words`, for comparing. */
export function places(findings: readonly Finding[]): string[] {
  return findings.map(({ file, line }) => (line === undefined ? file : `${file}:${line}`));
}
