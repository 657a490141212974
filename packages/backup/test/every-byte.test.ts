// P9 by exhaustion for backups: manifest and chunks, flipped at every bit and cut off at every length.
// Nothing gets past verify, and what it says names the file.
import { expect, test } from 'vitest';
import { decodeManifest, isPaminaError } from '@pamina/format';
import { join } from 'node:path';
import { backupsFolderOf } from '../src/layout.js';
import type { BackupSource } from '../src/source.js';
import { takeBackup } from '../src/take-backup.js';
import type { ChunkCodec } from '../src/chunk-format.js';
import { verifyBackup } from '../src/verify.js';
import { filesBelow, newDatabase } from './support.js';

type Files = ReadonlyMap<string, Uint8Array>;

/** A backup of two chunks: one of a few small entries is behind one that is mostly zeros. */
async function sample(compression: ChunkCodec, valueBytes: number): Promise<Files> {
  const database = await newDatabase();
  await database.put('a', new Uint8Array(valueBytes));
  for (const key of ['b', 'c', 'd']) await database.put(key, `the value of ${key}`.repeat(4));
  const { id } = await takeBackup(database, { compression, tag: 'sample' });
  const files = await filesBelow(join(backupsFolderOf(database.folder), id));
  // Not buffers, whose slice() is no copy.
  return new Map([...files].map(([name, bytes]) => [name, new Uint8Array(bytes)]));
}

function sourceOf(files: Files): BackupSource {
  return {
    describe: () => 'the sample',
    readManifest: () => Promise.resolve(files.get('manifest')!),
    // oxlint-disable-next-line typescript/require-await -- the interface is asynchronous, this is not
    readFile: async function* (name) {
      yield files.get(name)!;
    },
    listFiles: () => Promise.resolve([...files.keys()]),
  };
}

async function requireRefused(files: Files, name: string, bytes: Uint8Array, what: string) {
  const error: unknown = await verifyBackup(sourceOf(new Map(files).set(name, bytes))).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!isPaminaError(error)) throw new Error(`${name} ${what}: ${String(error)}`);
  expect(error.code, `${name} ${what}`).toMatch(
    /^(MANIFEST_INVALID|BACKUP_INVALID|FORMAT_UNKNOWN)$/,
  );
  const isNamed = name === 'manifest' || error.context['file'] === name;
  if (!isNamed) throw new Error(`${name} ${what}: ${error.message} does not name the file`);
}

async function requireEachRefused(files: Files): Promise<number> {
  await verifyBackup(sourceOf(files));
  let cases = 0;
  for (const [name, bytes] of files) {
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const spoiled = bytes.slice();
        spoiled[at] = (spoiled[at] ?? 0) ^ (1 << bit);
        await requireRefused(files, name, spoiled, `flipped at ${at} by ${1 << bit}`);
      }
      await requireRefused(files, name, bytes.slice(0, at), `cut off at ${at}`);
      cases += 9;
    }
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    await requireRefused(files, name, longer, 'with a byte behind it');
  }
  return cases;
}

test('P9 a backup with any bit flipped or any end cut off does not pass verify', async () => {
  const files = await sample('none', 10);
  expect(await requireEachRefused(files)).toBeGreaterThan(5000);
});

test('P9 a compressed backup with any bit flipped or any end cut off does not pass verify', async () => {
  const files = await sample('brotli-1', 1_100_000);
  expect(decodeManifest(files.get('manifest')!).chunks).toHaveLength(2);
  expect(await requireEachRefused(files)).toBeGreaterThan(5000);
});

test('P9 a backup that lacks a file, or has one that nothing names, does not pass verify', async () => {
  const files = await sample('none', 10);
  const strange = new Map(files).set('chunk-000009.pbk', Uint8Array.of(1));
  await expect(verifyBackup(sourceOf(strange))).rejects.toMatchObject({ code: 'BACKUP_INVALID' });
  const chunk = decodeManifest(files.get('manifest')!).chunks.at(0)!;
  const other = new Map(files).set(chunk.file, new Uint8Array(chunk.bytes));
  await expect(verifyBackup(sourceOf(other))).rejects.toMatchObject({
    code: 'BACKUP_INVALID',
    context: { file: chunk.file },
  });
});
