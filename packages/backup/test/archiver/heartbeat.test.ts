// The heartbeat of an archive proves a time only for the history whose writer wrote it.
import { expect, test } from 'vitest';
import { heartbeatObject } from '../../src/archiver/archive-layout.js';
import { archivePlace } from '../../src/archiver/archive-place.js';
import { encodeHeartbeat } from '../../src/archiver/heartbeat.js';
import { planRecovery, takeBackup } from '../../src/index.js';
import { newDatabase, temporaryFolder } from '../support.js';
import { archiverOf, placeOf, watchedArchive } from './bench.js';

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
