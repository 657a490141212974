// A log that is ended before its end, as a promotion before a mistake does it.
import { cp, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { cutLogBehind } from '../src/cut-log.js';
import { FaultyDisk } from './faulty-disk.js';
import {
  bodies,
  body,
  commit,
  flip,
  openLog,
  randomOf,
  realDisk,
  startWriting,
  switchSegment,
  temporaryFolder,
} from './workbench.js';

const lastSeq = 14;

let folder: string;

beforeEach(async () => {
  folder = await temporaryFolder();
  const { log } = await openLog(folder);
  const writing = await startWriting(log);
  for (let index = 1; index <= lastSeq; index++) {
    const seq = await commit(writing.appender, body(index, 37));
    if (seq % 5 === 0) await switchSegment(writing);
  }
  await log.close();
});

async function files(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(folder, { recursive: true })) {
    if (name.endsWith('.seg'))
      found.set(name, (await readFile(join(folder, name))).toString('hex'));
  }
  return found;
}

test('P6 a log ends with any record that it is cut behind, and what is taken away is whole beside', async () => {
  const before = await files();
  for (let seq = lastSeq - 1; seq >= 0; seq--) {
    const cut = await cutLogBehind(realDisk, join(folder, 'log'), seq);
    expect(cut?.folder).toBe(join(folder, 'log', `cut-behind-${seq}`));
    const { log } = await openLog(folder);
    expect(log.durable.seq).toBe(seq);
    await log.close();
    expect(await cutLogBehind(realDisk, join(folder, 'log'), seq)).toBeNull();
    if (seq !== lastSeq - 1) continue;
    for (const name of cut?.segments ?? []) {
      const kept = (await files()).get(join('log', `cut-behind-${seq}`, name));
      expect(kept).toBe(before.get(join('log', name)));
    }
  }
});

test('a log that ends with the record already is left as it is', async () => {
  const before = await files();
  expect(await cutLogBehind(realDisk, join(folder, 'log'), lastSeq)).toBeNull();
  expect(await files()).toEqual(before);
});

test('P6 P8 power that goes at any step leaves a log without a gap, and the next cut finishes it', async () => {
  const seq = 3;
  for (let steps = 1, isDone = false; !isDone; steps++) {
    for (const seed of [1, 2, 3]) {
      const [place, after] = [await temporaryFolder(), await temporaryFolder()];
      await cp(folder, place, { recursive: true });
      const faulty = new FaultyDisk(realDisk, place);
      await faulty.adoptAll();
      let count = 0;
      faulty.before = () => {
        if (++count === steps) faulty.cutPower();
      };
      isDone = await cutLogBehind(faulty.disk, join(place, 'log'), seq).then(
        () => true,
        () => false,
      );
      faulty.cutPower();
      await faulty.survivors(after, randomOf(seed));
      const first = await openLog(after);
      const { seq: lastSeqThere } = first.log.durable;
      expect(lastSeqThere).toBeGreaterThanOrEqual(seq);
      if (isDone) expect(lastSeqThere).toBe(seq);
      expect([...(await bodies(first.log)).keys()]).toEqual(
        Array.from({ length: lastSeqThere }, (_, index) => index + 1),
      );
      await first.log.close();
      await cutLogBehind(realDisk, join(after, 'log'), seq);
      const second = await openLog(after);
      expect(second.log.durable.seq).toBe(seq);
      await second.log.close();
    }
  }
});

test('P6 damage before the record is told, and nothing is cut', async () => {
  const [first = ''] = [...(await files()).keys()].toSorted();
  const bytes = new Uint8Array(await readFile(join(folder, first)));
  flip(bytes, 200, 1);
  await writeFile(join(folder, first), bytes);
  const rejected = cutLogBehind(realDisk, join(folder, 'log'), 3);
  await expect(rejected).rejects.toMatchObject({ code: 'LOG_DAMAGED' });
  expect((await files()).get(first)).toBe(Buffer.from(bytes).toString('hex'));
});
