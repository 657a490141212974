// The heartbeat of an archive proves a time only for the history whose writer wrote it.
import { readControl, writeControl } from '@pamina/engine';
import { describe, expect, test } from 'vitest';
import { heartbeatObject } from '../../src/archiver/archive-layout.js';
import { archivePlace } from '../../src/archiver/archive-place.js';
import { encodeHeartbeat, readHeartbeat } from '../../src/archiver/heartbeat.js';
import { planRecovery, takeBackup } from '../../src/index.js';
import { env, newDatabase, openDatabase, temporaryFolder } from '../support.js';
import { archiverOf, placeOf, watchedArchive } from './bench.js';

describe('a clock that was set back while the database was closed', () => {
  const hourMs = 3_600_000;

  /** Archived with a heartbeat, closed, and opened again two hours earlier. */
  async function reopened(spoil: (folder: string) => Promise<void> = () => Promise.resolve()) {
    const database = await newDatabase();
    const folder = await temporaryFolder();
    await takeBackup(database);
    await database.put('a', '1');
    const archiver = await archiverOf({ database, folder });
    archiver.start();
    await archiver.settle();
    await expect.poll(() => env.clock.now()).toBeGreaterThan(database.log.durable.time + 1);
    await archiver.finish();
    const archive = await watchedArchive(folder);
    const said = await readHeartbeat(archive, placeOf(database));
    if (said === null) throw new Error('no heartbeat was written');
    await database.close();
    await spoil(database.folder);
    const clock = { ...env.clock, now: () => env.clock.now() - 2 * hourMs };
    const again = await openDatabase(database.folder, { env: { ...env, clock } });
    const place = await archivePlace(archive, { name: 'orders', pattern: null });
    const reached = async (): Promise<number> =>
      (await planRecovery({ place, target: { kind: 'time', time: said.time } })).point.seq;
    return { again, folder, reached, said };
  }

  test('P9 no commit gets a time that a heartbeat has spoken for, not even one before the archiver runs', async () => {
    const { again, folder, reached, said } = await reopened();
    expect(await reached()).toBe(said.seq);
    await again.put('b', '2');
    expect(again.log.durable.time).toBeGreaterThan(said.time);
    const archiver = await archiverOf({ database: again, folder });
    archiver.start();
    await archiver.settle();
    expect(await reached()).toBe(said.seq);
  });

  test('P9 the archiver learns from its archive what the database itself has lost', async () => {
    const { again, folder, said } = await reopened(async (location) => {
      const control = await readControl(env.disk, location);
      if (control === null) throw new Error('there is no control file');
      const { saidUntil: _lost, ...rest } = control;
      await writeControl(env.disk, location, rest);
    });
    const archiver = await archiverOf({ database: again, folder });
    archiver.start();
    await archiver.settle();
    await again.put('b', '2');
    expect(again.log.durable.time).toBeGreaterThan(said.time);
  });
});

test('P9 P11 a heartbeat of another branch proves nothing of this one', async () => {
  const database = await newDatabase();
  await takeBackup(database);
  await database.put('a', '1');
  const folder = await temporaryFolder();
  const archiver = await archiverOf({ database, folder });
  archiver.start();
  await archiver.settle();
  await archiver.stop();
  const archive = await watchedArchive(folder);
  const { chain, seq, time } = database.log.durable;
  const own = database.timelines.at(-1)?.id ?? '';
  const plan = async (timelineId: string): Promise<number> => {
    const heartbeat = { timeline: 1, timelineId, seq, chain, time: time + 5000 };
    await archive.replace(heartbeatObject(placeOf(database)), encodeHeartbeat(heartbeat));
    const place = await archivePlace(archive, { name: 'orders', pattern: null });
    const target = { kind: 'time', time: time + 4000 } as const;
    return (await planRecovery({ place, target })).point.seq;
  };
  expect(await plan(own)).toBe(seq);
  // An old master that went on after a promotion, and has as many records.
  await expect(plan('f'.repeat(16))).rejects.toMatchObject({ code: 'POSITION_UNREACHABLE' });
});
