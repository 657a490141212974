// Watching where the system has no watches left (inotify limits): it goes on by looking.

import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import type * as chokidar from 'chokidar';
import { expect, test, vi } from 'vitest';
import { nodeDisk } from '../../src/node/disk.js';
import { text, until } from '../until.js';

const asked = vi.hoisted(() => [] as boolean[]);

vi.mock('chokidar', async (importOriginal) => {
  const real = await importOriginal<typeof chokidar>();
  const watch = (path: string, options: chokidar.ChokidarOptions): chokidar.FSWatcher => {
    asked.push(options.usePolling ?? false);
    if (options.usePolling) return real.watch(path, { ...options, interval: 20 });
    const failing = Object.assign(new EventEmitter(), { close: () => Promise.resolve() });
    setImmediate(() => failing.emit('error', new Error('ENOSPC: no watches left')));
    return failing as unknown as chokidar.FSWatcher;
  };
  return { ...real, watch };
});

test('a file is watched by looking when the system refuses to tell', async () => {
  const folder = await nodeDisk.temporaryFolder('pamina-watch-');
  let calls = 0;
  const stop = await nodeDisk.watch(join(folder, 'file'), () => (calls += 1));
  expect(asked).toEqual([false, true]);
  for (const content of ['one', 'longer']) {
    const before = calls;
    await nodeDisk.replaceFile(join(folder, 'file'), text(content));
    await until('the change is seen', () => calls > before);
  }
  await stop();
  await nodeDisk.removeTree(folder);
});
