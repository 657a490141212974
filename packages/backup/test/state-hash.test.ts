// The state hash is what proves that two databases hold equal content, so its bytes are fixed.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { hashState, takeBackup, type StateSnapshot } from '../src/index.js';
import { Model, newDatabase } from './support.js';

const entry = (key: string, value: string): [Uint8Array, Uint8Array] => [
  Buffer.from(key),
  Buffer.from(value),
];

const stateHash = async (snapshot: StateSnapshot): Promise<string> =>
  (await hashState(snapshot)).stateHash;

function snapshotOf(batches: readonly (readonly [Uint8Array, Uint8Array])[][]) {
  return {
    async *entries() {
      for (const batch of batches) {
        await Promise.resolve();
        yield batch;
      }
    },
    close: () => Promise.resolve(),
  };
}

test('P3 the hash is sha256 over lengths, keys and values, however the entries are batched', async () => {
  const bytes = Buffer.concat([
    Buffer.from('0300000002000000', 'hex'),
    Buffer.from('\x02ab12'),
    Buffer.from('0200000000000000', 'hex'),
    Buffer.from('\x02b'),
  ]);
  const expected = createHash('sha256').update(bytes).digest('hex');
  const [one, other] = [entry('\x02ab', '12'), entry('\x02b', '')];
  expect(await stateHash(snapshotOf([[one, other]]))).toBe(expected);
  expect(await stateHash(snapshotOf([[one], [], [other]]))).toBe(expected);
  expect(await stateHash(snapshotOf([]))).toBe(createHash('sha256').digest('hex'));
});

test('P13 beside others the state is read a hundred entries at a time, with a rest after each slice of work', async () => {
  const value = 'v'.repeat(20_000);
  const batch = (from: number): (readonly [Uint8Array, Uint8Array])[] =>
    Array.from({ length: 100 }, (_, i) => entry(`\x02${from + i}`, value));
  const batches = [batch(1000), batch(1100)];
  const asked: (number | undefined)[] = [];
  const plain = snapshotOf(batches);
  const snapshot: StateSnapshot = {
    ...plain,
    entries: (perRead) => {
      asked.push(perRead);
      return plain.entries();
    },
  };
  let rests = 0;
  const pacer = { rest: () => Promise.resolve(void rests++) };
  expect(await hashState(snapshot, { pacer })).toEqual(await hashState(snapshotOf(batches)));
  expect(asked).toEqual([100]);
  // One after each batch, and one after each 128 KiB of what is hashed.
  expect(rests).toBeGreaterThanOrEqual(2 + (200 * value.length) / (128 * 1024));
});

test('P3 a moved boundary between key and value is another state', async () => {
  const hashes = await Promise.all([
    stateHash(snapshotOf([[entry('\x02ab', 'c')]])),
    stateHash(snapshotOf([[entry('\x02a', 'bc')]])),
  ]);
  expect(hashes[0]).not.toBe(hashes[1]);
});

test('P3 system data counts, local data and the position do not', async () => {
  const database = await newDatabase();
  const model = new Model(database);
  await model.put('a', '1');
  const hashNow = async () => {
    const { snapshot } = await database.stateSnapshot();
    const found = await hashState(snapshot);
    await snapshot.close();
    return found;
  };
  const before = await hashNow();
  const manifest = await takeBackup(database);
  expect(manifest.stateHash).toBe(before.stateHash);
  expect(await hashNow()).toEqual(before);
  await database.updateControl({ simultaneousQuery: true });
  expect(await hashNow()).toEqual(before);
  await database.system.permit('copy', { simultaneousQuery: false });
  const after = await hashNow();
  expect(after.entries).toBe(before.entries + 1);
  expect(after.stateHash).not.toBe(before.stateHash);
});
