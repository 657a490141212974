// A system that moves fewer bytes than it was asked to, as POSIX allows at any time.

import { join } from 'node:path';
import type * as fs from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { nodeDisk } from '../../src/node/disk.js';
import { fromBytes, text } from '../until.js';

const system = vi.hoisted(() => ({ bytesMax: 3 }));

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
  return { ...real, write, read };
});

let folder: string;
beforeAll(async () => {
  folder = await nodeDisk.temporaryFolder('pamina-short-');
});
afterAll(() => nodeDisk.removeTree(folder));

test('P1 short writes and reads go on until all is moved, each at its place', async () => {
  const path = join(folder, 'file');
  const file = await nodeDisk.open(path, 'create');
  await file.write(text('0123456789'), 2);
  const into = new Uint8Array(20);
  expect(await file.read(into, 2)).toBe(10);
  expect(fromBytes(into.subarray(0, 10))).toBe('0123456789');
  await file.close();
  expect(fromBytes(await nodeDisk.readFile(path))).toBe('\0\x000123456789');
});

test('P9 a write that makes no progress is an error and not an endless loop', async () => {
  const file = await nodeDisk.open(join(folder, 'stuck'), 'create');
  system.bytesMax = 0;
  await expect(file.write(text('x'), 0)).rejects.toMatchObject({ code: 'DISK_ERROR' });
  system.bytesMax = 3;
  await file.close();
});
