// Drills in which a replica has an archive and no master.
import { anywhere, type Drill } from './drill.js';
import { Load } from './load.js';
import { deadlineMs, newMaster } from './places.js';
import { areEqual, seqOf, statusOf, untilLevel, untilState } from '../../test/support/following.js';
import { ServedFolder } from '../../test/support/served-folder.js';
import { until } from '../../test/support/until.js';

const commits = 500;

export const archiveOnly: Drill = {
  name: 'archive-only',
  title:
    'a replica is made and follows from an archive alone, and goes on with the master when it is back',
  ways: anywhere(async (telling) => {
    const { scene } = telling;
    const archive = scene.path('archive');
    const master = await newMaster(scene, 'cities');
    const here = master.served.administration;
    await here.allow('cities', 'cities-copy');
    await here.addArchive('cities', 'main', { address: archive });
    await here.put('cities', 'first', 'x');
    await here.backup('cities');
    const load = new Load(scene, 'cities', { writers: 8 });
    await load.more(commits);
    await load.end();
    await here.runArchive('cities', undefined);
    const end = seqOf((await statusOf(master)).position);
    await master.served.kill();
    telling.event(`${commits} commits and a backup are in the archive; the master is killed`);

    const startedAt = performance.now();
    const served = await ServedFolder.started(scene, 'copy');
    const there = served.administration;
    const options = { master: 'cities', fromArchive: archive, simultaneousQuery: true };
    await there.replicate('cities-copy', options);
    await there.set('cities-copy', 'sourceArchiveAfterMs', '0');
    await there.set('cities-copy', 'sourceArchivePollMs', '500');
    const copy = { served, name: 'cities-copy' };
    await until('the copy has everything', async () =>
      seqOf((await statusOf(copy)).applied) >= end ? true : null,
    );
    telling.figure('seconds from nothing to level', seconds(startedAt));
    await untilState(copy, ['waiting'], deadlineMs);
    const lost = new Set(load.acknowledged);
    for await (const { key } of there.exportEntries('cities-copy')) lost.delete(key);
    telling.figure('commits lost', lost.size);
    telling.must(lost.size === 0, 'every acknowledged commit is in the copy (P1)');
    const { master: source } = await statusOf(copy);
    telling.must(source?.source === 'archive', 'it says that it follows the archive (P9)');
    telling.event('a replica was made from the archive and has everything');

    await master.served.start();
    const backAt = performance.now();
    await untilState(copy, ['streaming'], deadlineMs);
    telling.figure('seconds until the master was followed again', seconds(backAt));
    await here.put('cities', 'last', 'x');
    await untilLevel(copy, master, deadlineMs);
    telling.event('the master is back and followed');
    telling.must(await areEqual(master, copy), 'both hold the same (P3, P16)');
    telling.figure('commits acknowledged', load.acknowledged.length);
  }),
};

function seconds(since: number): number {
  return Math.round(performance.now() - since) / 1000;
}
