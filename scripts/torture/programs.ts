// Makes each program of the folder program/ one JavaScript file out of the sources: such a file starts
// twice as fast as one that imports dozens, and thousands are started.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsdown';

export type Program = 'writer' | 'steps' | 'point' | 'network-client';

const source = fileURLToPath(new URL('./program', import.meta.url));
// Inside the repository, so that node finds the packages that stay outside of the bundle.
const target = fileURLToPath(new URL(`../../.tmp/torture-${process.pid}`, import.meta.url));
let made: Promise<void> | null = null;

/** The path of the runnable program. */
export async function programFile(name: Program): Promise<string> {
  made ??= make();
  await made;
  return join(target, `${name}.mjs`);
}

async function make(): Promise<void> {
  mkdirSync(target, { recursive: true });
  process.once('exit', () => rmSync(target, { recursive: true, force: true }));
  await build({
    config: false,
    entry: {
      writer: join(source, 'writer.ts'),
      steps: join(source, 'steps.ts'),
      point: join(source, 'point.ts'),
      'network-client': join(source, 'network-client.ts'),
    },
    outDir: target,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    dts: false,
    clean: false,
    logLevel: 'error',
    deps: {
      alwaysBundle: /.*/,
      neverBundle: ['level', 'msgpackr', 'abstract-level', 'ws', 'chokidar'],
    },
    inputOptions: { resolve: { conditionNames: ['pamina-source', 'node', 'import', 'default'] } },
  });
}
