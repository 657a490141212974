import { describe, expect, test } from 'vitest';
import { join } from 'node:path';
import type { FileDamage } from '../../src/level/damage.js';
import { LogCheck, logBlockBytes } from '../../src/level/log-check.js';
import { readManifest } from '../../src/level/manifest.js';
import { temporaryFolder } from '../support.js';
import { bytesOf, compact, fill, filesOf, firstFile, flipped, openLevel } from './support.js';

/** The log of a store that was closed without being opened again, and its MANIFEST. */
async function logAndManifest(entries: number): Promise<{ log: Uint8Array; manifest: Uint8Array }> {
  const folder = join(await temporaryFolder(), 'store');
  const level = await openLevel(folder);
  await fill(level, 0, entries);
  await level.close();
  const log = await firstFile(folder, /\.log$/);
  const manifest = await firstFile(folder, /^MANIFEST/);
  return { log: await bytesOf(log), manifest: await bytesOf(manifest) };
}

function checked(bytes: Uint8Array): { records: number; damage: FileDamage[]; check: LogCheck } {
  let records = 0;
  const damage: FileDamage[] = [];
  const check = new LogCheck({
    file: 'log',
    onRecord: () => records++,
    onDamage: (found) => damage.push(found),
  });
  check.update(bytes);
  return { records, damage, check };
}

describe('a log of LevelDB', () => {
  test('is read whole, records over several blocks too', async () => {
    const { log } = await logAndManifest(3000);
    expect(log.length).toBeGreaterThan(4 * logBlockBytes);
    const { records, damage, check } = checked(log);
    expect(records).toBe(30);
    expect(damage).toEqual([]);
    expect(check.tornAt).toBeNull();
    expect(check.wholeBytes).toBe(log.length);
  });

  test('P6 any flipped byte is found', async () => {
    const { log } = await logAndManifest(1200);
    expect(log.length).toBeGreaterThan(logBlockBytes);
    for (let at = 0; at < log.length; at += at < 200 || log.length - at < 200 ? 1 : 13) {
      const { damage, check } = checked(flipped(log, at, 1 << (at % 8)));
      expect(damage.length > 0 || check.tornAt !== null, `byte ${at}`).toBe(true);
    }
  });

  test('P6 a block of zeros in the middle is damage, at the end it is a torn tail', async () => {
    const { log } = await logAndManifest(3000);
    const middle = log.slice();
    middle.fill(0, logBlockBytes, 2 * logBlockBytes);
    expect(checked(middle).damage[0]).toMatchObject({ offset: logBlockBytes });

    const end = log.slice();
    end.fill(0, 2 * logBlockBytes);
    const { damage, check } = checked(end);
    expect(damage).toEqual([]);
    expect(check.tornAt).toBeLessThanOrEqual(2 * logBlockBytes);
  });

  test('a log that is cut anywhere holds its whole records, and the cut is no damage', async () => {
    const { log } = await logAndManifest(1200);
    let before = 0;
    for (let length = 0; length <= log.length; length += 11) {
      const { records, damage, check } = checked(log.subarray(0, length));
      expect(damage).toEqual([]);
      expect(check.tornAt === null).toBe(check.wholeBytes === length);
      expect(records).toBeGreaterThanOrEqual(before);
      before = records;
    }
    expect(before).toBeGreaterThan(10);
  });
});

describe('a MANIFEST', () => {
  test('names the live tables and logs through compactions', async () => {
    const folder = join(await temporaryFolder(), 'store');
    const level = await openLevel(folder, { writeBufferSize: 64 * 1024, maxFileSize: 1024 * 1024 });
    await fill(level, 0, 20_000);
    await compact(level);
    await level.close();
    const path = await firstFile(folder, /^MANIFEST/);
    const manifest = readManifest('MANIFEST', await bytesOf(path));
    const tables = (await filesOf(folder, /\.ldb$/)).map((file) =>
      Number(/(\d+)\.ldb$/.exec(file)?.[1]),
    );
    const logs = (await filesOf(folder, /\.log$/)).map((file) =>
      Number(/(\d+)\.log$/.exec(file)?.[1]),
    );
    expect(manifest.tables.length).toBeGreaterThan(0);
    for (const { number } of manifest.tables) expect(tables).toContain(number);
    expect(Math.max(...logs)).toBeGreaterThanOrEqual(manifest.logNumber);
  });

  test('P6 any flipped byte is refused or leaves no more than a torn tail', async () => {
    const { manifest } = await logAndManifest(100);
    const whole = readManifest('MANIFEST', manifest);
    expect(whole.bytes).toBe(manifest.length);
    for (let at = 0; at < manifest.length; at++) {
      const damaged = flipped(manifest, at, 1 << (at % 8));
      let bytes = -1;
      try {
        ({ bytes } = readManifest('MANIFEST', damaged));
      } catch (error) {
        expect(error).toMatchObject({ code: 'STORE_DAMAGED', context: { file: 'MANIFEST' } });
      }
      expect(bytes, `byte ${at}`).toBeLessThan(manifest.length);
    }
  });
});
