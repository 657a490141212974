// Locks between real processes: the living are waited for, the dead are taken over by exactly one.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { nodeDisk } from '../../src/node/disk.js';
import { encodeLockOwner, newLockOwner } from '../../src/node/lock-owner.js';

const holder = fileURLToPath(new URL('lock-holder.ts', import.meta.url));
const children: ChildProcess[] = [];
let folder: string;
let path: string;
let counted = 0;

beforeAll(async () => {
  folder = await nodeDisk.temporaryFolder('pamina-lock-');
});
afterEach(async () => {
  for (const child of children.splice(0)) await end(child);
});
afterAll(() => nodeDisk.removeTree(folder));

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function newPath(): string {
  counted += 1;
  path = join(folder, `lock-${counted}`);
  return path;
}

function start(...args: string[]): ChildProcess {
  const child = spawn(
    process.execPath,
    ['--conditions=pamina-source', '--import', 'tsx', holder, ...args],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  children.push(child);
  return child;
}

async function startHolder(): Promise<ChildProcess> {
  const child = start('hold', path, '0');
  const [said] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  expect(said.toString()).toBe('held\n');
  return child;
}

function leftBeside(): string[] {
  return fs.readdirSync(folder).filter((name) => name.startsWith(`lock-${counted}.`));
}

test('a living process in another place is named in the refusal, a killed one is taken over', async () => {
  newPath();
  const child = await startHolder();
  await expect(nodeDisk.lockFile(path, { waitMs: 20 })).rejects.toMatchObject({
    code: 'TIMEOUT',
    context: { pid: child.pid, waitMs: 20 },
  });
  // A stopped process lives: its lock stays its own.
  child.kill('SIGSTOP');
  await expect(nodeDisk.lockFile(path, { waitMs: 20 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  await end(child);
  const release = await nodeDisk.lockFile(path, { waitMs: 0 });
  await release();
  expect(fs.existsSync(path)).toBe(false);
  expect(leftBeside()).toEqual([]);
});

test('a waiting process gets the lock of one that is killed meanwhile', async () => {
  newPath();
  const child = await startHolder();
  const waiting = nodeDisk.lockFile(path, { waitMs: 30_000 });
  await end(child);
  await (
    await waiting
  )();
  expect(fs.existsSync(path)).toBe(false);
});

test('processes that count under the lock lose no count, with a dead owner at the start', async () => {
  newPath();
  await end(await startHolder());
  fs.writeFileSync(`${path}.counter`, '0');
  const counters = [1, 2, 3].map(() => start('count', path, '25'));
  const codes = await Promise.all(counters.map(async (child) => (await once(child, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0]);
  expect(fs.readFileSync(`${path}.counter`, 'utf8')).toBe('75');
  expect(leftBeside()).toEqual([`lock-${counted}.counter`]);
});

test('many that find a dead owner at once hold the lock one after another', async () => {
  newPath();
  await end(await startHolder());
  let holders = 0;
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      const release = await nodeDisk.lockFile(path, { waitMs: 30_000 });
      holders += 1;
      expect(holders).toBe(1);
      await nodeDisk.stat(path);
      holders -= 1;
      await release();
    }),
  );
  expect(leftBeside()).toEqual([]);
});

test('a process that died while taking over is itself taken over', async () => {
  newPath();
  const dead = await startHolder();
  await end(dead);
  const owner = JSON.parse(fs.readFileSync(path, 'utf8')) as { token: string };
  // What its successor leaves when it dies in the middle: the lock on the takeover.
  const successor = { ...owner, token: 'fedcba9876543210' };
  fs.writeFileSync(`${path}.${owner.token}`, JSON.stringify(successor));
  await (
    await nodeDisk.lockFile(path, { waitMs: 0 })
  )();
  expect(fs.existsSync(path)).toBe(false);
  expect(leftBeside()).toEqual([]);
});

const token = '0123456789abcdef';
test.each([
  ['a reused process id', { startedAt: '1' }, true],
  ['an earlier boot of this machine', { boot: 'another' }, true],
  ['another machine', { boot: 'another', host: 'elsewhere' }, false],
  ['another container', { processes: 'pid:[1]' }, false],
  ['this very process', {}, false],
])('an owner with %s: taken over or not', async (_what, change, isTaken) => {
  newPath();
  fs.writeFileSync(path, encodeLockOwner({ ...(await newLockOwner()), token, ...change }));
  const locking = nodeDisk.lockFile(path, { waitMs: 0 });
  if (isTaken) await (await locking)();
  else await expect(locking).rejects.toMatchObject({ code: 'TIMEOUT' });
});

test.each(['', '{', 'null', '{"pid":1}', '{"pid":-1,"token":"../../x","host":"","boot":null}'])(
  'P9 a file that is no lock is refused and left as it was: %j',
  async (content) => {
    newPath();
    fs.writeFileSync(path, content);
    await expect(nodeDisk.lockFile(path, { waitMs: 0 })).rejects.toMatchObject({
      code: 'DISK_ERROR',
    });
    expect(fs.readFileSync(path, 'utf8')).toBe(content);
  },
);

test('a release after the lock was removed by hand leaves the next holder alone', async () => {
  newPath();
  const first = await nodeDisk.lockFile(path, { waitMs: 0 });
  fs.unlinkSync(path);
  const second = await nodeDisk.lockFile(path, { waitMs: 0 });
  await first();
  await expect(nodeDisk.lockFile(path, { waitMs: 0 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  await second();
});
