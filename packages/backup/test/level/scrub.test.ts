import { rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { scrubTables } from '../../src/level/scrub.js';
import { env, flipByte, temporaryFolder } from '../support.js';
import { fill, filesOf, firstFile, openLevel, storeOfTables } from './support.js';

const scrub = (folder: string) => scrubTables(env.disk, folder);

describe('scrubbing a store', () => {
  test('P9 a sound store has no damage, and every byte of its tables was read', async () => {
    const folder = await storeOfTables(5000, { maxFileSize: 1024 * 1024 });
    const steps: { done: number; total: number }[] = [];
    const report = await scrubTables(env.disk, folder, { onProgress: (step) => steps.push(step) });
    expect(report).toMatchObject({ damage: [], damageCount: 0 });
    expect(report.tables).toBe((await filesOf(folder, /\.ldb$/)).length);
    expect(report.blocks).toBeGreaterThan(10);
    expect(steps.at(-1)).toEqual({ done: report.bytes, total: report.bytes });
  });

  test('P9 a flipped byte that LevelDB gives back as a value is found with file and offset', async () => {
    const folder = await storeOfTables(2000, { compression: false });
    const table = await firstFile(folder, /\.ldb$/);
    await flipByte(table, 5000);
    const level = await openLevel(folder, { compression: false });
    let read = 0;
    for await (const entry of level.iterator()) read += entry.length;
    await level.close();
    expect(read).toBe(4000);
    const report = await scrub(folder);
    expect(report.damageCount).toBe(1);
    const [damage] = report.damage;
    expect(basename(damage?.file ?? '')).toBe(basename(table));
    expect(damage?.offset).toBeLessThanOrEqual(5000);
    expect((damage?.offset ?? 0) + (damage?.bytes ?? 0)).toBeGreaterThan(5000);
  });

  test('P9 a missing table, a short one, and a damaged CURRENT or MANIFEST are damage', async () => {
    const folder = await storeOfTables(2000);
    const table = await firstFile(folder, /\.ldb$/);
    await rm(table);
    expect((await scrub(folder)).damage).toMatchObject([
      { file: table, what: 'the file is missing' },
    ]);
    await writeFile(table, 'short');
    expect((await scrub(folder)).damage[0]).toMatchObject({ file: table });

    const manifest = await firstFile(folder, /^MANIFEST/);
    await flipByte(manifest, 20);
    expect((await scrub(folder)).damage).toMatchObject([{ file: manifest, offset: 0 }]);
    await rm(manifest);
    expect((await scrub(folder)).damage).toMatchObject([{ file: manifest }]);
    await writeFile(join(folder, 'CURRENT'), '../elsewhere\n');
    expect((await scrub(folder)).damage).toMatchObject([{ file: join(folder, 'CURRENT') }]);
  });

  test('a store is scrubbed while it is written and compacted, and keeps its lock', async () => {
    const folder = join(await temporaryFolder(), 'store');
    const level = await openLevel(folder, { writeBufferSize: 64 * 1024, maxFileSize: 1024 * 1024 });
    await fill(level, 0, 5000);
    const done = new AbortController();
    const writing = (async () => {
      for (let at = 5000; !done.signal.aborted; at += 500)
        await fill(level, at % 50_000, (at % 50_000) + 500);
    })();
    for (let run = 0; run < 10; run++) expect(await scrub(folder)).toMatchObject({ damage: [] });
    done.abort();
    await writing;
    await level.close();
  });

  test('ends when it is told to', async () => {
    const folder = await storeOfTables(100);
    const reason = new Error('enough');
    await expect(scrubTables(env.disk, folder, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });
});
