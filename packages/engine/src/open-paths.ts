// The databases that this process has open, by real path. LevelDB loses its own lock when a second
// open is tried inside one process, so that attempt must be refused before LevelDB hears of it.
import { PaminaError } from '@pamina/format';

const key = Symbol.for('pamina.open-paths');

/** Shared by all copies of this module in the process. */
function openPaths(): Set<string> {
  const holder = globalThis as { [key]?: Set<string> };
  return (holder[key] ??= new Set());
}

/** Returns the release. DATABASE_IN_USE. */
export function claimPath(realPath: string): () => void {
  const paths = openPaths();
  if (paths.has(realPath)) {
    throw new PaminaError('DATABASE_IN_USE', `${realPath} is already open in this process`, {
      context: { path: realPath },
    });
  }
  paths.add(realPath);
  return () => paths.delete(realPath);
}
