// A replica that was away follows again: long away, after its own restart, after its master's.
import { join } from 'node:path';
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
import { helperProgram } from '../support/helper-program.js';
import { inScene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';
import { expectAllAcknowledged, Writers } from '../support/writers.js';

const writesAway = 50_000;

it(
  'P3 P16 a replica that was offline during 50,000 writes catches up to an equal state hash',
  { timeout: 540_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master);
    const before = seqOf((await statusOf(replica)).applied);
    await there.stop();

    // A part over the network, the rest from a program with the database inside: another session.
    const writers = new Writers(scene, here, { database: 'cities', writers: 16, count: 100 });
    await writers.ended(60_000);
    await here.stop();
    const folder = join(here.dataFolder, 'cities');
    const embedded = scene.start('embedded writers', [
      helperProgram('write-embedded'),
      folder,
      writers.journal,
      ...['16', '100', String(16 * 1024 * 1024), String(writesAway / 16)],
    ]);
    expect(await embedded.ended(60_000)).toEqual({ status: 0, signal: null });
    expect(writers.acknowledged()).toBe(writesAway);
    await here.start();
    await here.administration.backup('cities', { tag: 'meanwhile' });

    await there.start();
    await untilLevel(replica, master, 60_000);
    const { applied, master: seen } = await statusOf(replica);
    expect(seqOf(applied) - before).toBeGreaterThanOrEqual(writesAway);
    expect(seen?.lag.applied.records).toBe(0);
    await expectEqualStates(master, replica);
    await expectAllAcknowledged(here.administration, 'cities', writers.journal);
  }),
);

it(
  'P3 P16 a replica resumes after its own restart and after restarts and a kill of its master, with nobody helping',
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master);
    const writers = new Writers(scene, here, { database: 'cities', writers: 2 });
    const more = async (): Promise<void> => {
      const enough = writers.acknowledged() + 20;
      await until('the writers went on', () => writers.acknowledged() > enough);
    };
    await more();
    await there.restart();
    await more();
    await here.restart();
    await more();
    await here.kill();
    await until('the replica noticed', async () => {
      const { state } = await statusOf(replica);
      return ['disconnected', 'connecting'].includes(state);
    });
    await here.start();
    await more();
    await writers.finish();
    await untilLevel(replica, master);
    await untilState(replica, ['streaming']);
    await expectEqualStates(master, replica);
  }),
);

it(
  'P3 P16 pull and streaming follow alike, and the delay is changed while they run',
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities', { replicationDelayMs: 150 });
    const replica = await createReplica(there, 'cities-replica', master);
    await untilState(replica, ['waiting']);
    for (const [delayMs, state] of [
      [0, 'streaming'],
      [100, 'waiting'],
      [0, 'streaming'],
    ] as const) {
      await here.administration.set('cities', 'replicationDelayMs', String(delayMs));
      await here.administration.put('cities', `delay-${delayMs}`, state);
      await untilState(replica, [state]);
      await untilLevel(replica, master);
      expect((await statusOf(replica)).settings?.replicationDelayMs).toBe(delayMs);
    }
    await expectEqualStates(master, replica);
  }),
);
