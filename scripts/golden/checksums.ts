// The list of all golden files with their checksums: who edits one has to edit the list too, and
// nobody does that without being asked why.
import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const goldenFolder = join(fileURLToPath(new URL('../..', import.meta.url)), 'test/golden');
export const checksumsFile = join(goldenFolder, 'SHA256SUMS');

/** As `sha256sum` prints them, in the order of the paths; the list itself is left out. */
export async function listChecksums(): Promise<string> {
  const entries = await readdir(goldenFolder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const lines: string[] = [];
  for (const path of paths.toSorted()) {
    if (path === checksumsFile) continue;
    const hash = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    lines.push(`${hash}  ${relative(goldenFolder, path).split(sep).join('/')}`);
  }
  return `${lines.join('\n')}\n`;
}
