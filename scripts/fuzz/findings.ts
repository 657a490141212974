// Where inputs are kept that once broke a decoder.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One folder a target, one file an input. */
export const findingsFolder = join(
  fileURLToPath(new URL('../..', import.meta.url)),
  'test/fuzz/findings',
);
