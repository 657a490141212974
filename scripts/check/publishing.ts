// Packs the published package and looks at the tarball as its users will: publint, arethetypeswrong,
// and no trace of the workspaces that were bundled.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import type { Check, Finding } from './check.js';
import { runTool, toolFailure } from './check.js';
import { importsOf, readJson } from './source-files.js';

const folder = 'packages/pamina';

export const publishing: Check = {
  name: 'publishing',
  holds: 'the package that users install is complete, self-contained and resolves with its types',
  async run(root) {
    const bundled = await runTool(root, 'node', ['scripts/bundle.mjs']);
    if (bundled.status !== 0) return [toolFailure('node scripts/bundle.mjs', bundled)];
    const place = mkdtempSync(join(tmpdir(), 'pamina-publishing-'));
    try {
      const args = ['pack', '--ignore-scripts', '--pack-destination', place];
      const packed = await runTool(join(root, folder), 'npm', args);
      const name = readdirSync(place).find((file) => file.endsWith('.tgz'));
      if (packed.status !== 0 || name === undefined) return [toolFailure('npm pack', packed)];
      const tarball = join(place, name);
      return [
        ...checkBundle(root),
        ...(await checkWith(root, 'publint', ['run', tarball, '--strict'])),
        // The package is ESM only; the profile leaves out the resolutions of Node before 16.
        ...(await checkWith(root, 'attw', [
          tarball,
          '--profile',
          'esm-only',
          '--no-emoji',
          '--format',
          'ascii',
        ])),
      ];
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  },
};

/** Everything that dist/ imports must be in dist/, in Node, or in the package's own dependencies. */
export function checkBundle(root: string): Finding[] {
  const { dependencies = {} } = readJson<{ dependencies?: Record<string, string> }>(
    root,
    `${folder}/package.json`,
  );
  const files = readdirSync(join(root, folder, 'dist')).filter((name) =>
    /\.(js|d\.ts)$/.test(name),
  );
  return files.flatMap((name) => {
    const path = `${folder}/dist/${name}`;
    const text = readFileSync(join(root, path), 'utf8');
    const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
    return importsOf(file)
      .filter(({ specifier }) => !isKnown(specifier, dependencies))
      .map(({ specifier, line }) => ({
        file: path,
        line,
        message: `imports ${specifier}: bundle it, or list it in ${folder}/package.json`,
      }));
  });
}

function isKnown(specifier: string, dependencies: Record<string, string>): boolean {
  if (specifier.startsWith('./') || specifier.startsWith('node:')) return true;
  const parts = specifier.split('/');
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
  return name in dependencies || builtinModules.includes(name);
}

async function checkWith(root: string, tool: string, args: string[]): Promise<Finding[]> {
  const result = await runTool(root, tool, args);
  return result.status === 0 ? [] : [{ ...toolFailure(tool, result), file: folder }];
}
