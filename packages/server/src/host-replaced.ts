// The copies that a database was put in the place of: made anew, restored, rejoined. They are kept until a person
// removes them, so they are shown with what they take up.

import { isPaminaError } from '@pamina/format';
import type { ReplacedCopy } from '@pamina/wire';
import { join } from 'node:path';
import type { HostCore } from './host-core.js';
import { keptFolder } from './host-swap.js';

/** When it was replaced, as in an ISO time with hyphens only. */
const timePattern = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z$/;

/** Newest first. */
export async function replacedCopies(core: HostCore, name: string): Promise<ReplacedCopy[]> {
  const { disk } = core.env;
  const folder = join(core.dataFolder, keptFolder);
  if ((await disk.stat(folder)) === null) return [];
  const prefix = `${name}-`;
  const names = (await disk.list(folder))
    .filter((entry) => entry.isFolder && entry.name.startsWith(prefix))
    .map((entry) => entry.name)
    .filter((entry) => timePattern.test(entry.slice(prefix.length)))
    .toSorted()
    .toReversed();
  const copies: ReplacedCopy[] = [];
  for (const entry of names) {
    const path = join(folder, entry);
    copies.push({ path, sizeBytes: await folderBytes(core, path) });
  }
  return copies;
}

export async function folderBytes(core: HostCore, folder: string): Promise<number> {
  let bytes = 0;
  try {
    for (const entry of await core.env.disk.list(folder)) {
      bytes += entry.isFolder ? await folderBytes(core, join(folder, entry.name)) : entry.bytes;
    }
  } catch (error) {
    // Removed while it was looked at, as a log or a store does with its files.
    if (!isPaminaError(error, 'FILE_NOT_FOUND')) throw error;
  }
  return bytes;
}
