// Real files pass the contract; and what only real files have: modes, a full disk, no rights.

import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeDisk } from '../../src/node/disk.js';
import { diskContract } from '../disk-contract.js';
import { fromBytes, text } from '../until.js';

diskContract('Node', () => nodeDisk);

let folder: string;
beforeAll(async () => {
  folder = await nodeDisk.temporaryFolder('pamina-node-disk-');
});
afterAll(() => nodeDisk.removeTree(folder));

test('P14 a replaced file stays as closed to others as it was', async () => {
  const path = join(folder, 'secret');
  fs.writeFileSync(path, 'old', { mode: 0o600 });
  fs.chmodSync(path, 0o640);
  await nodeDisk.replaceFile(path, text('new'));
  expect(fs.statSync(path).mode & 0o777).toBe(0o640);
});

test('a link to nothing is left out of a list, and realPath follows a link to a folder', async () => {
  const place = join(folder, 'links');
  await nodeDisk.makeFolder(join(place, 'target'));
  fs.symlinkSync(join(place, 'nowhere'), join(place, 'dangling'));
  fs.symlinkSync(join(place, 'target'), join(place, 'link'));
  expect((await nodeDisk.list(place)).map(({ name }) => name)).toEqual(['link', 'target']);
  expect(await nodeDisk.realPath(join(place, 'link'))).toBe(
    join(await nodeDisk.realPath(place), 'target'),
  );
});

test('a folder without the right to write is ACCESS_DENIED', async () => {
  const place = join(folder, 'closed');
  fs.mkdirSync(place, { mode: 0o500 });
  // Root may write everywhere: become nobody for a moment.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await expect(nodeDisk.replaceFile(join(place, 'file'), text('x'))).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
    });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});

/** A file system of 1 MiB, or null where this user may not mount one. */
function mountSmall(): string | null {
  const place = fs.mkdtempSync(join(tmpdir(), 'pamina-full-'));
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'pamina-test', place], {
      stdio: 'pipe',
    });
    return place;
  } catch {
    // Not root, no mount command, or a sandbox that forbids it: the test's name says so.
    fs.rmdirSync(place);
    return null;
  }
}
const small = mountSmall();
afterAll(() => {
  if (small === null) return;
  execFileSync('/bin/umount', [small]);
  fs.rmdirSync(small);
});

test.runIf(small !== null)(
  'P8 P9 a full disk is DISK_FULL, leaves the old file and nothing beside, and ends with space (runs only where a tmpfs can be mounted)',
  async () => {
    const place = small as string;
    const path = join(place, 'control.json');
    await nodeDisk.replaceFile(path, text('old'));
    const filler = await nodeDisk.open(join(place, 'filler'), 'create');
    await expect(filler.write(new Uint8Array(2 * 1024 * 1024), 0)).rejects.toMatchObject({
      code: 'DISK_FULL',
      context: { operation: 'write', path: join(place, 'filler') },
    });
    for (const verb of ['replaceFile', 'createFile'] as const) {
      await expect(nodeDisk[verb](path, new Uint8Array(64 * 1024))).rejects.toMatchObject({
        code: 'DISK_FULL',
      });
    }
    expect(fromBytes(await nodeDisk.readFile(path))).toBe('old');
    expect((await nodeDisk.list(place)).map(({ name }) => name)).toEqual([
      'control.json',
      'filler',
    ]);
    expect(await nodeDisk.freeBytes(place)).toBeLessThan(64 * 1024);
    await filler.truncate(0);
    await filler.close();
    await nodeDisk.replaceFile(path, text('new'));
    expect(fromBytes(await nodeDisk.readFile(path))).toBe('new');
  },
);
