// Replicas that follow now and then: one that shows last night's state all day, and one on a laptop that is
// online for a moment here and there.
import { expect, it } from 'vitest';
import {
  createMaster,
  createReplica,
  expectEqualStates,
  seqOf,
  statusOf,
  untilLevel,
  untilState,
} from '../support/following.js';
import { inScene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';
import { expectAllAcknowledged, Writers } from '../support/writers.js';

it(
  'P3 P12 a read-only replica shows the state of last night all day, and that of the next night after it',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'reports');
    const master = await createMaster(here, 'cities');
    await here.administration.put('cities', 'day', '0');
    const replica = await createReplica(there, 'cities-nightly', master);
    const readOnly = (value: boolean) =>
      there.administration.set('cities-nightly', 'readOnly', String(value));
    for (const day of [1, 2, 3]) {
      await readOnly(true);
      await untilState(replica, ['read-only']);
      const night = await there.administration.hash('cities-nightly');
      const writers = new Writers(scene, here, {
        database: 'cities',
        count: 30,
        journal: `journal-${day}`,
      });
      await here.administration.put('cities', 'day', String(day));
      await writers.ended(60_000);
      // A restart in the middle of the day changes nothing.
      if (day === 2) await there.restart();
      expect(await there.administration.get('cities-nightly', 'day')).toBe(String(day - 1));
      expect(await there.administration.hash('cities-nightly')).toEqual(night);
      await readOnly(false);
      await untilLevel(replica, master);
    }
    await expectEqualStates(master, replica);
  }),
);

it(
  'P10 P16 a replica on a laptop that is online for moments only goes on where it was, and nothing is taken from under it',
  { timeout: 540_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const laptop = await ServedFolder.started(scene, 'laptop');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(laptop, 'cities-laptop', master);
    const { instance } = await statusOf(replica);
    const writers = new Writers(scene, here, { database: 'cities', writers: 8, valueBytes: 2000 });
    for (const trip of [1, 2, 3, 4]) {
      await (trip % 2 === 0 ? laptop.kill() : laptop.stop());
      const gone = writers.acknowledged() + 300;
      await until('the master went on', () => writers.acknowledged() >= gone);
      // Each backup closes a segment, and deletes log that nobody needs.
      await here.administration.backup('cities', { tag: `trip-${trip}` });
      const before = seqOf((await statusOf(master)).position);
      await laptop.start();
      // Not waited for to the end: the lid is closed before it is level.
      await until('the laptop got something', async () => {
        const { durable } = await statusOf(replica);
        return seqOf(durable) >= before - 200;
      });
    }
    await writers.finish();
    await untilLevel(replica, master, 60_000);
    // It was never made anew.
    expect((await statusOf(replica)).instance).toBe(instance);
    await expectEqualStates(master, replica);
    await expectAllAcknowledged(here.administration, 'cities', writers.journal);
  }),
);
