// The process dies at every change that a backup, full or incremental, and expiry make on the disk, in
// every way: afterwards there is the old or the new, never half of one, and a second run finishes.
import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Database, createDatabase } from '@pamina/engine';
import { segmentBytesMin } from '@pamina/format';
import { expect, test } from 'vitest';
import {
  expireBackups,
  folderSource,
  listBackups,
  takeBackup,
  takeIncremental,
  verifyBackup,
} from '../src/index.js';
import { DyingDisk, waysToDie } from './dying-disk.js';
import { Model, env, temporaryFolder, userEntries } from './support.js';

/** More steps than any of them takes. */
const stepsMax = 400;

const backupsOf = (folder: string): string => join(folder, 'backups');
const open = (folder: string, from = env): Promise<Database> =>
  Database.open(folder, { env: from, segmentBytes: segmentBytesMin });

/** A closed database with two full backups, each with an incremental one behind it. */
async function makeOrigin(): Promise<{ folder: string; entries: string[] }> {
  const folder = join(await temporaryFolder(), 'orders');
  await createDatabase(folder, { env, name: 'orders' });
  const database = await open(folder);
  const model = new Model(database);
  await database.system.setSettings({ backupGenerations: 2 });
  for (let round = 0; round < 2; round++) {
    await model.put(`key-${round}`, env.random.bytes(30_000));
    await takeBackup(database);
    await model.put(`more-${round}`, env.random.bytes(70_000));
    await takeIncremental(database);
  }
  await model.put('behind', 'x');
  const entries = await userEntries(database);
  await database.close();
  return { folder, entries };
}

/** The process that died was this one, which lives: its mark would say that it has the database open. */
async function forgetProcess(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('open-in-')) await rm(join(folder, name));
  }
}

async function goodIds(folder: string): Promise<string[]> {
  const listed = await listBackups(env, backupsOf(folder));
  for (const { folder: path, id, problem } of listed) {
    expect(problem, `${id} is whole`).toBeNull();
    await verifyBackup(folderSource(env, path));
  }
  return listed.map(({ id }) => id);
}

async function expectNoLeftovers(folder: string): Promise<void> {
  const names = await readdir(backupsOf(folder));
  expect(names.filter((name) => /\.(partial|removing)$/.test(name))).toEqual([]);
}

interface Work {
  readonly run: (database: Database) => Promise<unknown>;
  /** `before`: the backups there were; `runs`: how often it was tried. */
  readonly check: (
    found: readonly string[],
    before: readonly string[],
    runs: number,
    struck: string,
  ) => void;
}

const gains: Work['check'] = (found, before, runs, struck) => {
  expect(found, struck).toEqual(expect.arrayContaining([...before]));
  expect(found.length - before.length, struck).toBeGreaterThanOrEqual(runs - 1);
  expect(found.length - before.length, struck).toBeLessThanOrEqual(runs);
};

const works: Record<string, Work> = {
  'a full backup': {
    run: (database) => takeBackup(database),
    check: gains,
  },
  'an incremental backup': {
    run: (database) => takeIncremental(database),
    check: gains,
  },
  expiry: {
    run: (database) => expireBackups(database, { generations: 1 }),
    // The newest full backup, what continues it, and the initial one; of the others any number is left.
    check: (found, before, _runs, struck) => {
      const [incremental, full] = before;
      expect(found, struck).toEqual(expect.arrayContaining([incremental, full, 'initial']));
      expect(before, struck).toEqual(expect.arrayContaining([...found]));
    },
  },
};

test.each(Object.entries(works))(
  'P8 %s that dies at any change of the disk leaves old or new, and a second run finishes',
  { timeout: 240_000 },
  async (_name, { check, run }) => {
    const origin = await makeOrigin();
    const before = await goodIds(origin.folder);
    const disk = new DyingDisk();
    const place = await temporaryFolder();
    let died = 0;
    for (const way of waysToDie) {
      for (let step = 1; step <= stepsMax; step++) {
        const victim = join(place, 'victim');
        await cp(origin.folder, victim, { recursive: true });
        disk.arm(Infinity);
        const database = await open(victim, disk.env);
        disk.arm(step, way);
        const outcome = await run(database).then(
          () => 'done',
          () => 'died',
        );
        // Dead as it is: what was under way when it died may not change the disk any more.
        await database.close().catch(() => 'it died');
        await forgetProcess(victim);
        const struck = `step ${step}, ${disk.struck}`;
        disk.arm(Infinity);
        if (outcome === 'died') died++;

        check(await goodIds(victim), before, 1, struck);
        const again = await open(victim);
        expect(await userEntries(again), struck).toEqual(origin.entries);
        const needed = again.control.keepFromSeq;
        expect(again.log.firstSeq).toBeLessThanOrEqual(needed ?? 1);
        await run(again);
        check(await goodIds(victim), before, 2, struck);
        await expectNoLeftovers(victim);
        await again.close();
        await rm(victim, { recursive: true });
        if (outcome === 'done') break;
        expect(step).toBeLessThan(stepsMax);
      }
    }
    expect(died).toBeGreaterThan(10);
  },
);
