// What a replica answers: nothing while it only replays, snapshots with simultaneous query, its
// stand-still state when it is read only.
import { expect, it } from 'vitest';
import type { DatabaseState } from '@pamina/wire';
import {
  areEqual,
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
import { expectAllAcknowledged, expectWhole, Writers } from '../support/writers.js';

const readsWhileReplaying = 30;

it(
  'P2 P12 a replica with simultaneous query answers from whole commits only, and never goes back, while it replays',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master, {
      simultaneousQuery: true,
    });
    const writers = new Writers(scene, here, { database: 'cities', writers: 4 });
    const seen: number[] = [];
    while (seen.length < readsWhileReplaying) {
      const before = seen.at(-1) ?? 0;
      const commits = await expectWhole(there.administration, 'cities-replica');
      expect(commits).toBeGreaterThanOrEqual(before);
      // Only a read that saw something new was a read while it replayed.
      if (commits > before) seen.push(commits);
    }
    await writers.finish();
    await untilLevel(replica, master);
    await expectAllAcknowledged(there.administration, 'cities-replica', writers.journal);
    await expectEqualStates(master, replica);
  }),
);

it(
  'P9 P12 a replica without simultaneous query says that it answers no queries; read only it answers and stands still; back again it catches up by itself',
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    await here.administration.put('cities', 'paris', 'first');
    const replica = await createReplica(there, 'cities-replica', master);
    const query = there.administration.get('cities-replica', 'paris');
    await expect(query).rejects.toMatchObject({ code: 'NOT_QUERYABLE' });
    const refused = await there.pamina('get', 'cities-replica', 'paris');
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toMatch(/^NOT_QUERYABLE: .+\. .+/);
    const write = there.administration.put('cities-replica', 'paris', 'mine');
    await expect(write).rejects.toMatchObject({ code: 'REPLICA_READ_ONLY' });

    await there.administration.set('cities-replica', 'readOnly', 'true');
    await untilState(replica, ['read-only']);
    expect(await there.administration.get('cities-replica', 'paris')).toBe('first');
    const { applied } = await statusOf(replica);
    await here.administration.put('cities', 'paris', 'second');
    const { position } = await statusOf(master);
    expect(seqOf(position)).toBeGreaterThan(seqOf(applied));
    expect(await there.administration.get('cities-replica', 'paris')).toBe('first');
    expect((await statusOf(replica)).applied).toBe(applied);
    await expect(there.administration.put('cities-replica', 'paris', 'mine')).rejects.toMatchObject(
      { code: 'REPLICA_READ_ONLY' },
    );

    await there.administration.set('cities-replica', 'readOnly', 'false');
    await untilLevel(replica, master);
    await expect(there.administration.get('cities-replica', 'paris')).rejects.toMatchObject({
      code: 'NOT_QUERYABLE',
    });
    await expectEqualStates(master, replica);
  }),
);

it(
  'P12 simultaneous query is turned on and off while the replica follows',
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master);
    await here.administration.allow('cities', 'cities-replica', { simultaneousQuery: true });
    await there.administration.set('cities-replica', 'simultaneousQuery', 'true');
    await here.administration.put('cities', 'paris', 'FR');
    await untilLevel(replica, master);
    expect(await there.administration.get('cities-replica', 'paris')).toBe('FR');
    await there.administration.set('cities-replica', 'simultaneousQuery', 'false');
    await until('queries were refused', async () => {
      const { status } = await there.pamina('get', 'cities-replica', 'paris');
      return status !== 0;
    });
    await untilLevel(replica, master);
    await expectEqualStates(master, replica);
  }),
);

/** The state that a change leads to, and the change. */
const modes: readonly [DatabaseState, ...string[]][] = [
  ['streaming', 'set', 'cities-replica', 'simultaneousQuery=false'],
  ['streaming', 'set', 'cities-replica', 'simultaneousQuery=true'],
  ['read-only', 'set', 'cities-replica', 'readOnly=true'],
  ['streaming', 'set', 'cities-replica', 'readOnly=false'],
  ['paused', 'pause', 'cities-replica'],
];

it(
  'P9 status, hash, log and backup work on a replica in every mode',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const here = await ServedFolder.started(scene, 'main');
    const there = await ServedFolder.started(scene, 'standby');
    const master = await createMaster(here, 'cities');
    const replica = await createReplica(there, 'cities-replica', master);
    await here.administration.put('cities', 'paris', 'FR');
    await untilLevel(replica, master);
    for (const [state, ...change] of modes) {
      const changed = await there.pamina(...change);
      expect(changed.status, changed.stderr).toBe(0);
      await untilState(replica, [state]);
      const mode = change.join(' ');
      // Simultaneous query switches the log, and what came before is in no segment that is kept.
      await until(`the log of the master was right for ${mode}`, async () => {
        const { simultaneousQuery } = await there.administration.status('cities-replica');
        const { lockData } = await here.administration.status('cities');
        return lockData?.inLog === simultaneousQuery;
      });
      if (state === 'streaming') await here.administration.put('cities', 'paris', mode);
      await until(`the two were equal after ${mode}`, () => areEqual(master, replica));
      expect(await there.json('status', 'cities-replica'), mode).toMatchObject({ state });
      const { position, stateHash } = await here.administration.hash('cities');
      const hash = await there.json('hash', 'cities-replica');
      expect(hash, mode).toMatchObject({ position, stateHash });
      const log = await there.pamina('log', 'cities-replica', '--grep', 'paris');
      expect(log.stdout, mode).toContain('paris');
      const backup = await there.json('backup', 'cities-replica');
      expect(backup, mode).toMatchObject({ position, stateHash });
    }
  }),
);
