// The databases that this thread has open, by real path: a second open is refused before any file is
// touched. Other threads see the file that process-marker.ts makes.
import { PaminaError } from '@pamina/format';

const key = Symbol.for('pamina.open-paths');

/** Shared by all copies of this module in the thread. */
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
