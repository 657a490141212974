// Bundles every @pamina/* workspace into the one package that users install. The JavaScript comes from
// the sources; the types come from the declarations that `tsc -b` has written into build/.
// Run by scripts/bundle.mjs, which names the folder and puts the result in place.
import { defineConfig, type UserConfig } from 'tsdown';

const outDir = process.env['PAMINA_BUNDLE_FOLDER'] ?? 'dist';

const shared: UserConfig = {
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  outDir,
  // The two halves run side by side and share the folder.
  clean: false,
  fixedExtension: false,
  sourcemap: false,
  hash: false,
  report: false,
  logLevel: 'warn',
  // typebox: its hundreds of files would take a short command half of its time to load.
  deps: { alwaysBundle: [/^@pamina\//, /^typebox/] },
};

export default defineConfig([
  {
    ...shared,
    entry: { index: 'src/index.ts', command: 'src/command.ts' },
    dts: false,
    inputOptions: { resolve: { conditionNames: ['pamina-source', 'node', 'import', 'default'] } },
    outputOptions: { chunkFileNames: 'chunk-[name].js' },
  },
  {
    ...shared,
    entry: { index: 'build/index.d.ts' },
    dts: { dtsInput: true, emitDtsOnly: true, sourcemap: false },
  },
]);
