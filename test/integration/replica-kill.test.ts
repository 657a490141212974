// A replica is killed again and again while it applies what its master is being sent.
import { expect, it } from 'vitest';
import {
  createMaster,
  createReplica,
  expectEqualStates,
  seqOf,
  statusOf,
  untilLevel,
  type Place,
} from '../support/following.js';
import { readJournal } from '../support/program/journal.js';
import { inScene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';
import { expectAllAcknowledged, Writers } from '../support/writers.js';

const kills = 50;

it(
  'P3 P4 P16 a replica killed with SIGKILL 50 times while it applies converges with an equal state hash',
  { timeout: 600_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master, {
      simultaneousQuery: true,
    });
    const writers = new Writers(scene, here, { database: 'cities', writers: 2 });
    let before = seqOf((await statusOf(replica)).applied);
    for (let cycle = 0; cycle < kills; cycle += 1) {
      // Every fifth dies as soon as it listens, the others when they have applied something new.
      if (cycle % 5 !== 4) before = await untilAppliedBeyond(replica, before + (cycle % 7) * 5);
      await there.kill();
      await there.start();
    }
    await writers.finish();
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);
    const commits = await expectAllAcknowledged(
      there.administration,
      'cities-replica',
      writers.journal,
    );
    expect(commits).toBe(readJournal(writers.journal).length);
  }),
);

function untilAppliedBeyond(replica: Place, seq: number): Promise<number> {
  let last: unknown = null;
  return until(
    `the replica applied more than record ${seq}`,
    async () => {
      const status = await statusOf(replica);
      last = status;
      const applied = seqOf(status.applied);
      return applied > seq ? applied : null;
    },
    { everyMs: 2, instead: () => JSON.stringify(last) },
  );
}
