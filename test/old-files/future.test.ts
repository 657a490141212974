// P15: a file of a version that is not known is refused with a code that says so, and left as it is.
import { folderSource, listBackups, restore, verifyBackup } from '@pamina/backup';
import { Database, version } from '@pamina/engine';
import { crc32, decodeManifest, encodeManifest, viewOf } from '@pamina/format';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseDirectory } from '../../packages/directory/src/directory-content.js';
import { parseFields, printChecked, verified } from '../../packages/engine/src/checked-json.js';
import { describeDatabase } from '../../scripts/golden/description.js';
import { copyOf, env, expectedOf, filesBelow, openDatabase, withLaterSettings } from './golden.js';

/** The job log says that the database could not be opened. */
const mayChange = /(^|\/)job\.log$/;

async function refusedWith(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.then(
    () => null,
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

/** Changes a file's bytes in place. */
async function change(path: string, edit: (bytes: Uint8Array, view: DataView) => void) {
  const bytes = await env.disk.readFile(path);
  edit(bytes, viewOf(bytes));
  await env.disk.replaceFile(path, bytes);
}

/** The newest that is written and read. */
const manifestVersionNewest = 2;

/** The next version, with the checksum of the header made right again. */
function raiseSegment(bytes: Uint8Array, view: DataView): void {
  view.setUint16(8, view.getUint16(8, true) + 1, true);
  view.setUint32(124, crc32(bytes.subarray(0, 124)), true);
}

async function segmentsOf(database: string): Promise<string[]> {
  const names = await readdir(join(database, 'log'), { recursive: true });
  const segments = names.filter((name) => name.endsWith('.seg')).toSorted();
  return segments.map((name) => join(database, 'log', name));
}

/** Nothing below the folder changes while the task runs, but for what `mayChange` names. */
function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function requireUnchanged(folder: string, task: () => Promise<void>, except?: RegExp) {
  const before = await filesBelow(folder);
  await task();
  const after = await filesBelow(folder);
  const isHeld = ([path]: readonly [string, Buffer]): boolean => except?.test(path) !== true;
  // By their hashes: bytes are compared one by one, and there are many.
  const briefs = (files: ReadonlyMap<string, Buffer>): string[] =>
    [...files].filter(isHeld).map(([path, bytes]) => `${path} ${sha256Of(bytes)}`);
  expect(briefs(after)).toEqual(briefs(before));
}

describe('files of a version after this one', () => {
  test('P15 a control.json of another version is refused, and not a byte of the folder changes', async () => {
    const folder = join(await copyOf(version), 'orders');
    const path = join(folder, 'control.json');
    const fields = verified(parseFields(await env.disk.readFile(path), path), path);
    const raised = { ...fields, formatVersion: Number(fields['formatVersion']) + 1 };
    // With its checksum, and with one as a later version may have it.
    for (const bytes of [printChecked(raised), printAs({ ...raised, checksum: { sha256: 'x' } })]) {
      await env.disk.replaceFile(path, bytes);
      await requireUnchanged(folder, async () => {
        for (const access of ['read', 'write'] as const) {
          expect(await refusedWith(Database.open(folder, { env, access }))).toBe('FORMAT_UNKNOWN');
        }
      });
    }
  });

  test('P15 a last segment of another version stops the open, and not a byte of what the database holds changes', async () => {
    for (const name of ['orders', 'orders-crashed', 'orders-replica', 'orders-promoted']) {
      const folder = join(await copyOf(version), name);
      const last = (await segmentsOf(folder)).at(-1)!;
      await change(last, raiseSegment);
      await requireUnchanged(
        folder,
        async () => {
          for (const access of ['read', 'write'] as const) {
            const opening = Database.open(folder, { env, access });
            await expect(opening, name).rejects.toMatchObject({
              code: 'FORMAT_UNKNOWN',
              context: { file: last, version: 2 },
            });
          }
        },
        mayChange,
      );
    }
  });

  test('P15 the store of a database whose log was refused still holds its state', async () => {
    const { databases } = await expectedOf(version);
    const folder = join(await copyOf(version), 'orders');
    const last = (await segmentsOf(folder)).at(-1)!;
    const bytes = await env.disk.readFile(last);
    await change(last, raiseSegment);
    expect(await refusedWith(Database.open(folder, { env }))).toBe('FORMAT_UNKNOWN');
    await env.disk.replaceFile(last, bytes);
    const database = await openDatabase(folder, 'read');
    expect(await describeDatabase(database)).toEqual(
      withLaterSettings(database, databases['orders']),
    );
  });

  test('P15 an older segment of another version is refused where it is read', async () => {
    const folder = join(await copyOf(version), 'orders');
    const first = (await segmentsOf(folder)).at(0)!;
    await change(first, raiseSegment);
    const database = await openDatabase(folder, 'read');
    const reading = (async () => {
      for await (const { header } of database.log.records(1)) expect(header.seq).toBeGreaterThan(0);
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'FORMAT_UNKNOWN',
      context: { file: first },
    });
  });

  test('P15 a manifest of another version is refused by verify, list and restore, and left as it is', async () => {
    const { backups } = await expectedOf(version);
    const folder = await copyOf(version);
    for (const path of Object.keys(backups)) {
      await change(join(folder, path, 'manifest'), (bytes, view) => {
        view.setUint16(8, manifestVersionNewest + 1, true);
        view.setUint32(bytes.length - 4, crc32(bytes.subarray(0, -4)), true);
      });
      await requireUnchanged(folder, async () => {
        const source = folderSource(env, join(folder, path));
        expect(await refusedWith(verifyBackup(source))).toBe('FORMAT_UNKNOWN');
        const target = join(folder, 'restored');
        const restoring = restore({ env, source, folder: target, name: 'restored' });
        expect(await refusedWith(restoring)).toBe('FORMAT_UNKNOWN');
      });
    }
    const listed = await listBackups(env, join(folder, 'orders/backups'));
    expect(listed.map(({ problem }) => problem?.code)).toEqual(listed.map(() => 'FORMAT_UNKNOWN'));
  });

  test('P15 a chunk of another version is refused, though the manifest proves it', async () => {
    const { backups } = await expectedOf(version);
    const folder = await copyOf(version);
    for (const path of Object.keys(backups)) {
      const manifestPath = join(folder, path, 'manifest');
      const manifest = decodeManifest(await env.disk.readFile(manifestPath));
      const [chunk] = manifest.chunks;
      if (chunk === undefined) continue;
      const chunkPath = join(folder, path, chunk.file);
      await change(chunkPath, (bytes, view) => {
        view.setUint16(8, view.getUint16(8, true) + 1, true);
        view.setUint32(32, crc32(bytes.subarray(0, 32)), true);
      });
      const sha256 = sha256Of(await env.disk.readFile(chunkPath));
      const chunks = [{ ...chunk, sha256 }, ...manifest.chunks.slice(1)];
      await env.disk.replaceFile(manifestPath, encodeManifest({ ...manifest, chunks }));
      await requireUnchanged(folder, async () => {
        const source = folderSource(env, join(folder, path));
        expect(await refusedWith(verifyBackup(source))).toBe('FORMAT_UNKNOWN');
        const target = join(folder, 'restored');
        const restoring = restore({ env, source, folder: target, name: 'restored' });
        expect(await refusedWith(restoring)).toBe('FORMAT_UNKNOWN');
      });
    }
  });

  test('P15 a directory file of another version is refused', async () => {
    const path = join(await copyOf(version), 'directory.json');
    const text = new TextDecoder().decode(await env.disk.readFile(path));
    const fields = JSON.parse(text) as Record<string, unknown>;
    const bytes = printAs({ ...fields, $version: 2 });
    expect(() => parseDirectory(bytes, path)).toThrow(/format version 2 is not known/);
  });
});

function printAs(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
