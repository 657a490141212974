// A replica in its master's place. Of P11 this covers: the reset starts a timeline, there is no way
// back, another replica follows the new master, and an old master that comes back does not get its
// name while the new one is there. That it refuses to write where no directory is shared is not covered.
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
import { readJournal } from '../support/program/journal.js';
import { inScene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';
import { expectWhole, Writers } from '../support/writers.js';

it(
  'P1 P11 after its master was killed a replica becomes normal, takes the name and is written to; the old master does not get its name back',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master);
    const writers = new Writers(scene, here, { database: 'cities' });
    await until('the replica received much', async () => {
      return seqOf((await statusOf(replica)).received) > 200 ? true : null;
    });
    await here.kill();
    await writers.process.kill();
    const acknowledged = readJournal(writers.journal);
    await untilState(replica, ['disconnected', 'connecting']);
    const { received } = await statusOf(replica);

    const normal = await there.administration.reset('cities-replica');
    expect(normal).toMatchObject({ type: 'normal', state: 'open' });
    expect(normal.timeline).toMatchObject({ timeline: 2, atSeq: seqOf(received) });
    const back = there.administration.replicate('cities-replica', { master: 'cities' });
    await expect(back).rejects.toThrow();
    const renamed = await there.administration.rename('cities-replica', 'cities');
    expect(renamed).toMatchObject({ name: 'cities', online: true });
    expect(renamed.timeline?.why).toContain('takeover of cities');
    await there.administration.put('cities', 'vienna', 'AT');

    // What was acknowledged and received is there; nothing is there in part.
    const commits = await expectWhole(there.administration, 'cities');
    const kept = acknowledged.filter(({ position }) => seqOf(position) <= seqOf(received));
    expect(kept.length).toBeGreaterThan(0);
    expect(commits).toBeGreaterThanOrEqual(kept.length);

    await here.start();
    const old = await here.administration.status('cities');
    expect(old).toMatchObject({ online: false, state: 'failed' });
    expect(old.reason).toContain('FENCED');
    await expect(here.administration.put('cities', 'vienna', 'mine')).rejects.toMatchObject({
      code: 'DATABASE_OFFLINE',
    });
    // By its name everybody reaches the new one.
    const third = await ServedFolder.of(scene, 'empty');
    expect(await third.json('get', 'cities', 'vienna')).toMatchObject({ value: 'AT' });
  }),
);

it(
  'P3 P11 another replica of the old master follows the new one by its name',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const away = await ServedFolder.started(scene, 'third');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-second', master);
    const other = await createReplica(away, 'cities-third', master);
    for (let i = 0; i < 50; i += 1) await here.administration.put('cities', `before-${i}`, 'x');
    await untilLevel(replica, master);
    await untilLevel(other, master);
    await here.kill();
    await there.administration.reset('cities-second');
    await there.administration.rename('cities-second', 'cities');
    const successor = { served: there, name: 'cities' };
    await there.administration.put('cities', 'after', 'x');
    await untilLevel(other, successor);
    await expectEqualStates(successor, other);
    expect((await statusOf(other)).timeline?.timeline).toBe(2);
  }),
);

it(
  'P3 P11 P16 after a takeover upstream the end of a chain follows the new timeline through its middle, with no hand on it',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const between = await ServedFolder.started(scene, 'middle');
    const away = await ServedFolder.started(scene, 'end');
    const master = await createMaster(here, 'cities');
    await createReplica(there, 'cities-standby', master);
    const middle = await createReplica(between, 'cities-middle', master);
    await away.administration.create('cities-end', { fromBackup: 'pamina://cities' });
    await here.administration.allow('cities', 'cities-end');
    await untilLevel(middle, master);
    await away.administration.replicate('cities-end', { master: 'cities-middle' });
    const end = { served: away, name: 'cities-end' };
    await untilLevel(end, master);
    const { instance } = await statusOf(end);

    await here.kill();
    await there.administration.failover('cities', { to: 'cities-standby' });
    const successor = { served: there, name: 'cities' };
    await there.administration.put('cities', 'after', 'x');
    await untilLevel(end, successor);
    await expectEqualStates(successor, middle, end);
    expect((await statusOf(end)).timeline).toMatchObject({ timeline: 2 });
    // It is the copy that it was.
    expect((await statusOf(end)).instance).toBe(instance);
    expect((await statusOf(end)).master?.name).toBe('cities-middle');
  }),
);
