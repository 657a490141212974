// Packs the published package, installs the tarball into an empty folder and uses it as a user would.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageFolder, repository, requireBuild } from '../lib/built-package.js';

// Installing waits for the registry; the compiler reads every declaration of every dependency.
const installDeadlineMs = 300_000;
const compileDeadlineMs = 180_000;

const program = `
import { Pamina, PaminaError, parsePosition, type Position } from 'pamina';

const database = new Pamina<string, { population: number }>('./cities', { valueEncoding: 'json' });
await database.put('paris', { population: 2138551 });
await database.batch([{ type: 'put', key: 'vienna', value: { population: 1691468 } }]);
const paris: { population: number } | undefined = await database.get('paris');
const keys: string[] = await database.keys().all();
await database.close();

const position: Position = parsePosition('1/48213');
let code = 'none';
try {
  parsePosition('nonsense');
} catch (error) {
  if (error instanceof PaminaError) code = error.code;
}
console.log(JSON.stringify({ paris, keys, position, code }));
`;

const compilerOptions = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  outDir: 'out',
  types: ['node'],
  typeRoots: [join(repository, 'node_modules/@types')],
};

describe('the package that users install', () => {
  let folder = '';

  beforeAll(async () => {
    requireBuild();
    folder = await mkdtemp(join(tmpdir(), 'pamina-install-'));
    const packed = await execa('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: packageFolder,
    });
    const [tarball] = JSON.parse(packed.stdout) as { filename: string; files: unknown[] }[];
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];
    await execa('npm', ['install', ...flags, `./${tarball?.filename ?? ''}`], { cwd: folder });
  }, installDeadlineMs);

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('brings its documents and nothing of the workspaces it was made from', async () => {
    const installed = join(folder, 'node_modules/pamina');
    expect(await readdir(installed)).toEqual(
      expect.arrayContaining(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'package.json']),
    );
    expect(await readFile(join(installed, 'THIRD-PARTY-LICENSES'), 'utf8')).toContain('Permission');
    expect(await readdir(join(folder, 'node_modules'))).not.toContain('@pamina');
    for (const name of await readdir(join(installed, 'dist'))) {
      const text = await readFile(join(installed, 'dist', name), 'utf8');
      expect(text, name).not.toMatch(/(?:from|import\(?)\s*['"](?:@pamina\/|#)/);
    }
  });

  it('takes the checksum of Node, not the table for browsers', async () => {
    const dist = join(folder, 'node_modules/pamina/dist');
    const names = (await readdir(dist)).filter((name) => name.endsWith('.js'));
    const texts = await Promise.all(names.map((name) => readFile(join(dist, name), 'utf8')));
    expect(texts.join('\n')).toMatch(/import \{[^}]*\bcrc32\b[^}]*\} from "node:zlib"/);
  });

  it('starts without the curves of encryption, which most never need', async () => {
    const dist = join(folder, 'node_modules/pamina/dist');
    const atOnce = ['command.js', 'index.js'];
    for (const name of atOnce) {
      const text = await readFile(join(dist, name), 'utf8');
      expect(text, name).not.toContain('from "age-encryption"');
      for (const [, chunk = ''] of text.matchAll(/^import [^;]*"\.\/([^"]+)";/gm)) {
        if (chunk !== '' && !atOnce.includes(chunk)) atOnce.push(chunk);
      }
    }
    expect(atOnce.length).toBeGreaterThan(2);
  });

  it(
    'type-checks strictly, with all declarations, and runs',
    { timeout: compileDeadlineMs },
    async () => {
      await writeFile(join(folder, 'program.ts'), program);
      await writeFile(
        join(folder, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['program.ts'] }),
      );
      const compiler = join(repository, 'node_modules/typescript/bin/tsc');
      const compiled = await execa('node', [compiler, '-p', '.'], { cwd: folder, reject: false });
      expect(compiled.stdout).toBe('');
      const ran = await execa('node', ['out/program.js'], { cwd: folder });
      expect(JSON.parse(ran.stdout)).toEqual({
        paris: { population: 2138551 },
        keys: ['paris', 'vienna'],
        position: { timeline: 1, seq: 48213 },
        code: 'POSITION_INVALID',
      });
    },
  );

  it('gives the command', async () => {
    const help = await execa('npx', ['--no-install', 'pamina', '--help'], { cwd: folder });
    expect(help.stdout).toContain('pamina');
    expect(help.stdout).toContain('replicate');
    const version = await execa('npx', ['--no-install', 'pamina', '--version'], { cwd: folder });
    const { version: packed } = JSON.parse(
      await readFile(join(folder, 'node_modules/pamina/package.json'), 'utf8'),
    ) as { version: string };
    expect(version.stdout).toBe(packed);
  });
});
