// A master whose commits wait for one of two replicas is killed under load, while the replicas are stopped
// in turn: the one that has most takes its place, and nothing that was acknowledged is missing there.
import { expect, it } from 'vitest';
import {
  createMaster,
  createReplica,
  seqOf,
  statusOf,
  untilState,
  type Place,
} from '../support/following.js';
import { journalBytes } from '../support/journal-file.js';
import { readJournal } from '../support/program/journal.js';
import { inScene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';
import { expectAllAcknowledged, Writers } from '../support/writers.js';

const turns = 4;

async function durableSeq(place: Place): Promise<number> {
  await untilState(place, ['disconnected', 'connecting']);
  return seqOf((await statusOf(place)).durable);
}

it(
  'P1 P11 every commit that one replica confirmed is there after kill -9 of the master and the promotion of the most advanced of two',
  { timeout: 540_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const master = await createMaster(here, 'cities');
    const [one, other] = [
      await ServedFolder.started(scene, 'second'),
      await ServedFolder.started(scene, 'third'),
    ];
    const second = await createReplica(one, 'cities-second', master);
    const third = await createReplica(other, 'cities-third', master);
    await here.administration.set('cities', 'synchronousReplicas', '1');
    const writers = new Writers(scene, here, { database: 'cities', writers: 8 });
    for (let turn = 0; turn < turns; turn++) {
      const stopped = turn % 2 === 0 ? one : other;
      stopped.process.signal('SIGSTOP');
      const enough = (await journalBytes(writers.journal)) + 3000;
      await until(
        'the writers were acknowledged by the other replica',
        async () => (await journalBytes(writers.journal)) > enough,
        { everyMs: 1, instead: () => writers.process.describe() },
      );
      // The last one is left as it is: the master dies while one of its replicas lags.
      if (turn < turns - 1) stopped.process.signal('SIGCONT');
    }
    await here.kill();
    await writers.process.kill();
    for (const stopped of [one, other]) stopped.process.signal('SIGCONT');

    const isSecond = (await durableSeq(second)) >= (await durableSeq(third));
    const { name, served } = isSecond ? second : third;
    const normal = await served.administration.reset(name);
    expect(normal).toMatchObject({ type: 'normal', state: 'open' });
    expect(readJournal(writers.journal).length).toBeGreaterThan(turns * 100);
    await expectAllAcknowledged(served.administration, name, writers.journal);
  }),
);
