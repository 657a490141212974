// A system that moves fewer bytes than it was asked to, as POSIX allows at any time.

import { join } from 'node:path';
import type * as fs from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { nodeDisk } from '../../src/node/disk.js';
import { text } from '../until.js';

const system = vi.hoisted(() => ({ bytesMax: 3 }));
/** Short writes are done at once, longer ones in the thread pool. */
const lengths = [10, 100_000];

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  type Done = (error: Error | null, bytes: number) => void;
  const write = (
    fd: number,
    from: Uint8Array,
    start: number,
    length: number,
    at: number,
    done: Done,
  ) => {
    if (system.bytesMax === 0) setImmediate(done, null, 0);
    else real.write(fd, from, start, Math.min(length, system.bytesMax), at, done);
  };
  const read = (
    fd: number,
    into: Uint8Array,
    start: number,
    length: number,
    at: number,
    done: Done,
  ) => real.read(fd, into, start, Math.min(length, system.bytesMax), at, done);
  const writeSync = (fd: number, from: Uint8Array, start: number, length: number, at: number) =>
    system.bytesMax === 0
      ? 0
      : real.writeSync(fd, from, start, Math.min(length, system.bytesMax), at);
  return { ...real, write, writeSync, read };
});

let folder: string;
beforeAll(async () => {
  folder = await nodeDisk.temporaryFolder('pamina-short-');
});
afterAll(() => nodeDisk.removeTree(folder));

test.each(lengths)(
  'P1 short writes and reads go on until all %i bytes are moved, each at its place',
  async (length) => {
    const path = join(folder, `file-${length}`);
    const file = await nodeDisk.open(path, 'create');
    system.bytesMax = Math.ceil(length / 4);
    const bytes = text('0123456789'.repeat(length / 10));
    await file.write(bytes, 2);
    const into = new Uint8Array(length + 10);
    expect(await file.read(into, 2)).toBe(length);
    expect(Buffer.compare(into.subarray(0, length), bytes)).toBe(0);
    await file.close();
    const whole = await nodeDisk.readFile(path);
    expect([whole[0], whole[1], whole[2], whole.length]).toEqual([0, 0, 0x30, length + 2]);
  },
);

test.each(lengths)(
  'P9 a write of %i bytes that makes no progress is an error and not an endless loop',
  async (length) => {
    const file = await nodeDisk.open(join(folder, `stuck-${length}`), 'create');
    system.bytesMax = 0;
    const write = file.write(new Uint8Array(length), 0);
    await expect(write).rejects.toMatchObject({ code: 'DISK_ERROR' });
    system.bytesMax = 3;
    await file.close();
  },
);
