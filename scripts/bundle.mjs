// @ts-check
// Bundles packages/pamina beside its dist/ and then puts the result in its place, so that whoever runs
// the command meanwhile sees the old one or the new one. Needs what `tsc -b` has written.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { root, runInherited } from './lib/process.mjs';

const folder = join(root, 'packages/pamina');
const next = `.tmp/bundle-${process.pid}`;

/** What is bundled and not written here is named with its licence. */
function licensesOfBundled() {
  const { devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const names = Object.keys(devDependencies).filter((name) => !name.startsWith('@pamina/'));
  const texts = names.map((name) => {
    const home = join(root, 'node_modules', name);
    const file = readdirSync(home).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} is bundled and has no licence file`);
    return `${name} ${devDependencies[name]}\n\n${readFileSync(join(home, file), 'utf8').trim()}\n`;
  });
  return `Parts of dist/ come from these packages:\n\n${texts.join('\n')}`;
}

if (!existsSync(join(folder, 'build/index.d.ts'))) {
  console.error('packages/pamina/build is missing: run npm run build');
  process.exit(1);
}
mkdirSync(join(folder, next), { recursive: true });
try {
  const status = await runInherited(join(root, 'node_modules/.bin/tsdown'), [], {
    cwd: folder,
    env: { PAMINA_BUNDLE_FOLDER: next },
  });
  if (status !== 0) process.exitCode = status;
  else {
    const old = join(folder, `${next}-old`);
    if (existsSync(join(folder, 'dist'))) renameSync(join(folder, 'dist'), old);
    renameSync(join(folder, next), join(folder, 'dist'));
    rmSync(old, { recursive: true, force: true });
    // npm packs these only from the package's own folder.
    for (const name of ['README.md', 'LICENSE', 'CHANGELOG.md']) {
      copyFileSync(join(root, name), join(folder, name));
    }
    writeFileSync(join(folder, 'THIRD-PARTY-LICENSES'), licensesOfBundled());
  }
} finally {
  rmSync(join(folder, next), { recursive: true, force: true });
}
