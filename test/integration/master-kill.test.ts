// A server is killed again and again while several writers commit to its database over the network.
import { expect, it } from 'vitest';
import { createMaster, seqOf, statusOf } from '../support/following.js';
import { journalBytes } from '../support/journal-file.js';
import { readJournal } from '../support/program/journal.js';
import { inScene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';
import { expectAllAcknowledged, Writers } from '../support/writers.js';

const kills = 50;

it(
  'P1 P2 a served master killed with SIGKILL 50 times under load has every acknowledged commit, whole, at each reopening',
  { timeout: 600_000 },
  inScene(async (scene) => {
    const served = await ServedFolder.started(scene, 'data');
    const master = await createMaster(served, 'cities');
    const writers = new Writers(scene, served, { database: 'cities', writers: 6 });
    let commits = 0;
    for (let cycle = 0; cycle < kills; cycle += 1) {
      const enough = (await journalBytes(writers.journal)) + 50 + ((cycle * 7919) % 500);
      await until(
        'the writers committed',
        async () => (await journalBytes(writers.journal)) > enough,
        { everyMs: 1, instead: () => writers.process.describe() },
      );
      await served.kill();
      await served.start();
      // The writers go on meanwhile, as they would in a real failure.
      commits = await expectAllAcknowledged(served.administration, 'cities', writers.journal);
    }
    await writers.finish();
    const acknowledged = readJournal(writers.journal);
    expect(commits).toBeGreaterThan(kills * 4);
    await expectAllAcknowledged(served.administration, 'cities', writers.journal);
    const { position } = await statusOf(master);
    const highest = Math.max(...acknowledged.map((line) => seqOf(line.position)));
    expect(seqOf(position)).toBeGreaterThanOrEqual(highest);
  }),
);

it(
  'P1 P9 a server that was killed is not taken for running by the command, and its data is reached offline',
  inScene(async (scene) => {
    const served = await ServedFolder.started(scene, 'data');
    await createMaster(served, 'cities');
    await served.administration.put('cities', 'paris', 'FR');
    await served.kill();
    expect(await served.json('get', 'cities', 'paris')).toMatchObject({ value: 'FR' });
    expect(await served.json('status', 'cities')).toMatchObject({
      online: false,
      state: 'offline',
    });
    await served.start();
    expect(await served.administration.get('cities', 'paris')).toBe('FR');
  }),
);
