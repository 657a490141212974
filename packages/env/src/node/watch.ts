// Watching by chokidar. What is watched is the file's folder, since a file that is replaced by
// rename or not there yet cannot be watched itself.

import { access, constants } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { PaminaError } from '@pamina/format';
import { type FSWatcher, watch as chokidarWatch } from 'chokidar';
import { attempt, diskError } from './disk-error.js';
import { statPath } from './folders.js';

// A burst ends with this much silence, but is told after the longer time in any case.
const quietMs = 20;
const burstMsMax = 500;
const pollingIntervalMs = 1_000;

export async function watchPath(path: string, onChange: () => void): Promise<() => Promise<void>> {
  const isFolder = (await statPath(path))?.isFolder ?? false;
  // A trailing separator or `..` in the name would never equal what the watcher reports.
  const target = resolve(path);
  const folder = isFolder ? target : dirname(target);
  if (!isFolder && !(await statPath(folder))?.isFolder) {
    const context = { operation: 'watch', path };
    throw new PaminaError('FILE_NOT_FOUND', `cannot watch ${path} (its folder does not exist)`, {
      context,
    });
  }
  await attempt('watch', folder, () => access(folder, constants.R_OK));
  const burst = new Burst(onChange);
  const concerns = isFolder ? null : basename(target);
  let watcher = start(folder, concerns, burst, false);
  try {
    await ready(watcher);
  } catch {
    // The system's watches may be used up (inotify limits): looking now and then needs none. If
    // even that fails, its error is the one that is told.
    await watcher.close();
    watcher = start(folder, concerns, burst, true);
    await ready(watcher).catch(async (error: unknown) => {
      await watcher.close();
      throw diskError(error, 'watch', path);
    });
  }
  // A later failure counts as a change: whoever reads again meets the cause by himself.
  watcher.on('error', () => burst.note());
  return async () => {
    burst.stop();
    await watcher.close();
  };
}

function start(folder: string, name: string | null, burst: Burst, usePolling: boolean): FSWatcher {
  const target = name === null ? null : join(folder, name);
  const watcher = chokidarWatch(folder, {
    depth: 0,
    ignoreInitial: true,
    ignorePermissionErrors: true,
    usePolling,
    interval: pollingIntervalMs,
    ignored: (path) => target !== null && resolve(path) !== folder && resolve(path) !== target,
  });
  watcher.on('all', () => burst.note());
  // chokidar compares times and sizes and can miss the second of two quick replacements; the raw
  // event of the folder names the file each time.
  watcher.on('raw', (_event, path, details: unknown) => {
    const watched = (details as { watchedPath?: unknown } | undefined)?.watchedPath;
    if (name === null || watched === target || basename(path) === name) burst.note();
  });
  return watcher;
}

function ready(watcher: FSWatcher): Promise<void> {
  return new Promise((resolve, reject) => {
    watcher.once('ready', resolve);
    watcher.once('error', reject);
  });
}

/** Makes one call of a burst of events, after the last of them. */
class Burst {
  readonly #onChange: () => void;
  #quiet: NodeJS.Timeout | null = null;
  #firstAt = 0;
  #isStopped = false;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  note(): void {
    if (this.#isStopped) return;
    const now = performance.now();
    if (this.#quiet === null) this.#firstAt = now;
    else clearTimeout(this.#quiet);
    const waitMs = Math.max(0, Math.min(quietMs, this.#firstAt + burstMsMax - now));
    this.#quiet = setTimeout(() => {
      this.#quiet = null;
      this.#onChange();
    }, waitMs);
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#quiet !== null) clearTimeout(this.#quiet);
  }
}
