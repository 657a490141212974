// Drills in which the master changes: planned, killed, stopped and woken up again, and back.
import { areEqual, type Place, untilLevel, untilState } from '../../test/support/following.js';
import { anywhere, type Drill, type Telling } from './drill.js';
import { Load, missingOf } from './load.js';
import { deadlineMs, newMaster, newReplica } from './places.js';

export const acknowledgedBefore = 100;

/** Two servers, a master under load, a replica that streams. */
export async function underLoad(telling: Telling) {
  const { scene } = telling;
  const master = await newMaster(scene, 'cities');
  const replica = await newReplica(scene, 'standby', 'cities-2', master);
  telling.event('a master with a replica that streams');
  const load = new Load(scene, 'cities');
  await load.more(acknowledgedBefore);
  telling.event(`${load.acknowledged.length} commits are acknowledged, the writers go on`);
  load.resetGap();
  return { master, replica, load, successor: { ...replica, name: 'cities' } };
}

/** What was acknowledged and is not there in the end. */
export async function lossOf(telling: Telling, load: Load, successor: Place): Promise<number> {
  const lost = await missingOf(successor.served.administration, 'cities', load.acknowledged);
  telling.figure('commits acknowledged', load.acknowledged.length);
  telling.figure('commits lost', lost.length);
  telling.figure('seconds without a writer', load.longestGapMs / 1000);
  return lost.length;
}

export const switchover: Drill = {
  name: 'switchover',
  title: 'a planned switchover under load loses nothing',
  ways: anywhere(async (telling) => {
    const { load, successor } = await underLoad(telling);
    const { administration } = successor.served;
    const report = await administration.failover('cities', { to: 'cities-2' });
    telling.event(
      `cities-2 is the master, ${report.withoutWriterMs ?? 0} ms after it was asked to`,
    );
    telling.must(report.fenced, 'the old master was told to stop');
    await load.more(acknowledgedBefore);
    telling.event('the writers go on at the new master');
    await load.end();
    telling.must((await lossOf(telling, load, successor)) === 0, 'nothing acknowledged is lost');
  }),
};

export const masterKilled: Drill = {
  name: 'master-killed',
  title: 'the master is killed, a replica takes over, what was not shipped is counted',
  ways: anywhere(async (telling) => {
    const { load, master, successor, replica } = await underLoad(telling);
    await master.served.kill();
    telling.event('the master is killed');
    await untilState(replica, ['disconnected', 'connecting'], deadlineMs);
    telling.event('the replica has noticed');
    const report = await successor.served.administration.failover('cities');
    telling.event(`${report.successor} is the master`);
    telling.must(!report.lost.isCertain, 'nobody claims to know what a dead master had');
    await load.more(acknowledgedBefore);
    await load.end();
    const lost = await lossOf(telling, load, successor);
    telling.must(lost <= acknowledgedBefore, 'a streaming replica was not far behind');
    await master.served.start();
    const old = await untilState(master, ['failed', 'offline'], deadlineMs);
    telling.event(`the old master came back: ${old.reason ?? old.state}`);
    telling.must(!old.online, 'the old master stays offline');
  }),
};

export const rejoins: Drill = {
  name: 'old-master-rejoins',
  title: 'an old master follows the new one, and keeps what only it had in a file',
  ways: anywhere(async (telling) => {
    const { load, master, replica, successor } = await underLoad(telling);
    await replica.served.administration.set('cities-2', 'readOnly', 'true');
    await load.more(acknowledgedBefore);
    await load.end();
    telling.event('the replica was cut off, the master went on');
    await master.served.kill();
    await successor.served.administration.failover('cities', { to: 'cities-2' });
    telling.event('cities-2 has taken over');
    const lost = await lossOf(telling, load, successor);
    await master.served.start();
    const report = await master.served.administration.rejoin('cities');
    telling.event(`the old master follows as ${report.name}: ${report.way}`);
    telling.figure('commits in the rescue file', report.unshipped);
    telling.must(report.unshipped === lost, `all ${lost} lost commits are in the file`);
    await successor.served.administration.put('cities', 'after', 'x');
    const old = { served: master.served, name: report.name };
    await untilLevel(old, successor, deadlineMs);
    telling.must(await areEqual(old, successor), 'both hold the same');
  }),
};
