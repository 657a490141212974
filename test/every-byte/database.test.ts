// P6 and P2 at the database's own face: a log that was spoiled somewhere is replayed into a store that
// holds nothing yet. What can be read then is the state after one of the commits, all before it
// included, or the open is refused.
import { afterEach, expect, test } from 'vitest';
import { Database, createDatabase, type Operation } from '@pamina/engine';
import { nodeEnv } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { cp, readdir } from 'node:fs/promises';
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

interface Sample {
  readonly folder: string;
  /** The entries after each record, by seq; those of records that change nothing included. */
  readonly states: readonly string[];
  readonly segments: readonly string[];
}

const commits: readonly (readonly Operation[])[] = [
  [{ type: 'put', key: 'a', value: '1' }],
  [
    { type: 'put', key: 'b', value: '2' },
    { type: 'put', key: 'c', value: '3' },
    { type: 'del', key: 'a' },
  ],
  [{ type: 'put', key: 'a', value: 'again' }],
  [{ type: 'del', key: 'c' }],
  [
    { type: 'put', key: 'b', value: '' },
    { type: 'put', key: 'd', value: '4' },
  ],
];

/** Two sessions with a mark in each; the last segment is open, the store is the one of the creation. */
async function sample(): Promise<Sample> {
  const made = join(await temporaryFolder(), 'orders');
  await createDatabase(made, { env });
  const folder = join(await temporaryFolder(), 'orders');
  await cp(made, folder, { recursive: true });
  const entries = new Map<string, string>();
  const states: string[] = [stateOf(entries)];
  for (const session of [1, 2]) {
    const database = await Database.open(made, { env });
    states[database.applied().seq] = stateOf(entries);
    for (const [index, operations] of commits.entries()) {
      const { seq } = await database.commit(operations);
      for (const operation of operations) {
        if (operation.type === 'put') entries.set(String(operation.key), String(operation.value));
        else entries.delete(String(operation.key));
      }
      states[seq] = stateOf(entries);
      if (index === 2) {
        const { point, snapshot } = await database.mark((seq) => ({
          backup: `x${seq}`,
          tag: null,
        }));
        await snapshot.close();
        states[point.seq] = stateOf(entries);
      }
    }
    if (session === 2) await cp(join(made, 'log'), join(folder, 'log'), { recursive: true });
    await database.close();
  }
  await cp(join(made, 'control.json'), join(folder, 'control.json'));
  const files = await readdir(join(folder, 'log'), { recursive: true });
  const segments = files.filter((name) => name.endsWith('.seg')).toSorted();
  return { folder, states, segments: segments.map((name) => join('log', name)) };
}

function stateOf(entries: ReadonlyMap<string, string>): string {
  return JSON.stringify([...entries].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

async function read(database: Database): Promise<string> {
  const decoder = new TextDecoder();
  const entries = new Map<string, string>();
  for await (const [key, value] of database.entries()) {
    entries.set(decoder.decode(key), decoder.decode(value));
  }
  return stateOf(entries);
}

/** The seq that the spoiled log opens to; null if it is refused. */
async function outcome(of: Sample, change: (folder: string) => Promise<void>, what: string) {
  const folder = join(await temporaryFolder(), 'orders');
  await cp(of.folder, folder, { recursive: true });
  await change(folder);
  try {
    const database = await Database.open(folder, { env, access: 'read' });
    try {
      const { seq } = database.applied();
      expect(seq, what).toBe(database.durable().seq);
      expect(await read(database), what).toBe(of.states[seq]);
      return seq;
    } finally {
      await database.close();
    }
  } catch (error) {
    if (!isPaminaError(error, 'LOG_DAMAGED') && !isPaminaError(error, 'FORMAT_UNKNOWN'))
      throw error;
    expect(error.context, what).toMatchObject({
      file: expect.stringContaining(folder) as unknown,
      offset: expect.any(Number) as unknown,
    });
    return null;
  } finally {
    await env.disk.removeTree(folder);
  }
}

test('P2 P6 a database whose log is flipped or cut somewhere opens to the state after a commit, or not', async () => {
  const of = await sample();
  const lastSeq = of.states.length - 1;
  expect(of.segments).toHaveLength(4);
  expect(await outcome(of, () => Promise.resolve(), 'whole')).toBe(lastSeq);
  const found = new Set<number | null>();
  for (const segment of of.segments) {
    const bytes = await env.disk.readFile(join(of.folder, segment));
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    // A prime step comes to every kind of byte in turn; packages/log goes through all of them.
    for (let at = 3; at < end; at += 17) {
      for (const isWithoutSynced of [true, false]) {
        const isCut = at % 2 === 0;
        const spoiled = isCut ? bytes.slice(0, at) : bytes.slice();
        if (!isCut) spoiled[at] = (spoiled[at] ?? 0) ^ (1 << (at % 8));
        const seq = await outcome(
          of,
          async (folder) => {
            await env.disk.replaceFile(join(folder, segment), spoiled);
            if (isWithoutSynced) await env.disk.remove(join(folder, 'log/synced'));
          },
          `${segment} spoiled at ${at}`,
        );
        const isProven = segment !== of.segments.at(-1) || !isWithoutSynced;
        if (isProven) expect(seq, `${segment} spoiled at ${at}`).toBeNull();
        found.add(seq);
      }
    }
  }
  // Refused, and cut behind either of the two records that stand before the last one.
  expect(found.size).toBeGreaterThan(2);
}, 240_000);
