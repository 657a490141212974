// The options that Pamina gives to its store, read from the source that states them: whatever is
// compared with it must have the same.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface StoreOptions {
  readonly writeBufferSize: number;
  readonly maxFileSize: number;
}

const packages = fileURLToPath(new URL('../../packages/', import.meta.url));

export function storeOptions(): StoreOptions {
  const folders = readdirSync(packages).map((name) => join(packages, name, 'src'));
  const sources = folders.flatMap((folder) =>
    readdirSync(folder, { encoding: 'utf8', recursive: true })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(folder, name), 'utf8')),
  );
  return {
    writeBufferSize: optionIn(sources, 'writeBufferSize'),
    maxFileSize: optionIn(sources, 'maxFileSize'),
  };
}

/** Stated once, as a product of whole numbers: `64 * 1024 * 1024`. */
export function optionIn(sources: readonly string[], name: string): number {
  const pattern = new RegExp(`\\b${name}: ((?:[\\d_]+)(?: \\* [\\d_]+)*)`, 'g');
  const values = sources.flatMap((source) =>
    [...source.matchAll(pattern)].map((found) => found[1]),
  );
  const [value] = values;
  if (value === undefined || new Set(values).size > 1) {
    throw new Error(`the sources must state ${name} once, and does ${values.length} times`);
  }
  const factors = value.split(' * ').map((factor) => Number(factor.replaceAll('_', '')));
  return factors.reduce((product, factor) => product * factor, 1);
}
