// Which commit a run was of, for the report of a failure: from the environment or from .git, and
// without a failure where there is neither.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function commitName(root: string): Promise<string> {
  const given = process.env['GIT_COMMIT'] ?? process.env['GITHUB_SHA'];
  if (given !== undefined && given !== '') return given;
  const head = await textOf(join(root, '.git/HEAD'));
  const name = /^ref: (.+)$/m.exec(head ?? '')?.[1];
  if (name === undefined) return head?.trim() ?? 'unknown';
  const loose = await textOf(join(root, '.git', name));
  if (loose !== null) return loose.trim();
  const packed = (await textOf(join(root, '.git/packed-refs'))) ?? '';
  const line = packed.split('\n').find((one) => one.endsWith(` ${name}`));
  return line?.split(' ')[0] ?? 'unknown';
}

async function textOf(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}
