// P9 by exhaustion for the JSON files beside store and log: with any byte flipped or cut off, each is
// refused or says the same as before, for a wrong id or number there is a wrong history.
import { afterEach, expect, test } from 'vitest';
import { Database, createDatabase, readControl } from '@pamina/engine';
import { nodeEnv, type Disk, type Env } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';

const env = nodeEnv();
const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await env.disk.removeTree(folder);
});

async function temporaryFolder(): Promise<string> {
  const folder = await env.disk.temporaryFolder('pamina-every-byte-');
  folders.push(folder);
  return folder;
}

/** Closed after a few commits; a replica was seen. */
async function sample(): Promise<string> {
  const folder = join(await temporaryFolder(), 'orders');
  await createDatabase(folder, { env });
  const database = await Database.open(folder, { env });
  for (const key of ['a', 'b', 'c']) await database.put(key, `value of ${key}`);
  const positions = { received: 3, durable: 3, applied: 2 };
  database.slots.report(database.identity.instance, 'orders-replica', positions);
  await database.close();
  return folder;
}

/** Each way in which one byte can be wrong, and each length that is too short. */
function* spoiledForms(bytes: Uint8Array): Generator<readonly [string, Uint8Array]> {
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const spoiled = bytes.slice();
      spoiled[at] = (spoiled[at] ?? 0) ^ (1 << bit);
      yield [`flipped at ${at} by ${1 << bit}`, spoiled];
    }
    yield [`cut off at ${at}`, bytes.slice(0, at)];
  }
}

/** A disk on which one file has other content. */
function withFile(disk: Disk, path: string, bytes: Uint8Array): Disk {
  return {
    ...disk,
    readFile: (asked) => (asked === path ? Promise.resolve(bytes) : disk.readFile(asked)),
    readFileIfPresent: (asked) =>
      asked === path ? Promise.resolve(bytes) : disk.readFileIfPresent(asked),
  };
}

async function isRefused(attempt: Promise<unknown>, path: string): Promise<boolean> {
  try {
    await attempt;
    return false;
  } catch (error) {
    if (!isPaminaError(error, 'CONTROL_INVALID') && !isPaminaError(error, 'FORMAT_UNKNOWN')) {
      throw error;
    }
    expect(error.context).toMatchObject({ file: path });
    return true;
  }
}

test('P9 P15 control.json with any byte wrong is refused, or says the same', async () => {
  const folder = await sample();
  const path = join(folder, 'control.json');
  const bytes = await env.disk.readFile(path);
  const control = await readControl(env.disk, folder);
  let refused = 0;
  for (const [what, spoiled] of spoiledForms(bytes)) {
    const read = readControl(withFile(env.disk, path, spoiled), folder);
    if (await isRefused(read, path)) refused++;
    else expect(await read, what).toMatchObject({ ...control });
  }
  expect(refused).toBeGreaterThan(8 * bytes.length);
});

/** What is there after an open that only reads, with one file spoiled in the way of each form in turn. */
async function openWithEach(folder: string, name: string, step: number): Promise<number> {
  const path = join(folder, name);
  const bytes = await env.disk.readFile(path);
  let opened = 0;
  let index = 0;
  for (const [what, spoiled] of spoiledForms(bytes)) {
    // An open takes long beside the reading of such a file: a prime step meets each bit in turn.
    if (index++ % step !== 0) continue;
    const spoiledEnv: Env = { ...env, disk: withFile(env.disk, path, spoiled) };
    const opening = Database.open(folder, { env: spoiledEnv, access: 'read' });
    if (await isRefused(opening, path)) continue;
    opened++;
    const database = await opening;
    try {
      const entries: string[] = [];
      for await (const [key] of database.entries()) entries.push(new TextDecoder().decode(key));
      expect(entries, what).toEqual(['a', 'b', 'c']);
      expect(database.slots.list(), what).toMatchObject([{ name: 'orders-replica', durable: 3 }]);
    } finally {
      await database.close();
    }
  }
  return opened;
}

test('P6 P9 checkpoint.json with any byte wrong is refused, or replay starts where it did', async () => {
  const folder = await sample();
  // Its checksum's name is all that can be spoiled without a word: the point then still stands.
  expect(await openWithEach(folder, 'checkpoint.json', 3)).toBeLessThan(40);
});

test('P9 P10 a slot with any byte wrong is refused, or holds the log that it held', async () => {
  const folder = await sample();
  expect(await openWithEach(folder, 'slots/orders-replica.json', 7)).toBeLessThan(40);
});

test('P9 an open that was refused leaves the database as it was', async () => {
  const folder = await sample();
  const copy = join(await temporaryFolder(), 'copy');
  await cp(folder, copy, { recursive: true });
  const path = join(folder, 'control.json');
  const bytes = (await env.disk.readFile(path)).slice();
  const at = bytes.indexOf(0x22, bytes.length / 2);
  bytes[at + 1] = (bytes[at + 1] ?? 0) ^ 1;
  await env.disk.replaceFile(path, bytes);
  await expect(Database.open(folder, { env })).rejects.toThrow(/checksum|not valid|not JSON/);
  expect(await env.disk.readFile(path)).toEqual(bytes);
  for (const name of ['checkpoint.json', 'log/synced', 'slots/orders-replica.json']) {
    expect(await env.disk.readFile(join(folder, name))).toEqual(
      await env.disk.readFile(join(copy, name)),
    );
  }
});
