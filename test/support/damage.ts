// Silent damage, as a bad disk makes it: one bit of a file is another.
import { open, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Flips bit 0 of one byte; doing it twice mends it. */
export async function flipBit(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    const byte = Buffer.alloc(1);
    const { bytesRead } = await file.read(byte, 0, 1, offset);
    if (bytesRead !== 1) throw new Error(`${path} has no byte ${offset}`);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, offset);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** All files below a folder whose name ends so, in the order of their paths. */
export async function filesBelow(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const paths = names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
  const isFile = await Promise.all(paths.map(async (path) => (await stat(path)).isFile()));
  return paths.filter((_, at) => isFile[at]).sort();
}

/** Where a text stands in one of the files. */
export async function findText(
  paths: readonly string[],
  text: string,
): Promise<{ path: string; offset: number } | null> {
  for (const path of paths) {
    const offset = (await readFile(path)).indexOf(text);
    if (offset >= 0) return { path, offset };
  }
  return null;
}
