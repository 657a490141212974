// A replica that is told when to apply: by a delay, by hand, up to a position or a time.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { collect, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let master: Host;
let other: Host;

const replica = 'cities-replica';
const code = (expected: string) => expect.objectContaining({ code: expected });
const seqOf = (position: string | null): number => Number(position?.split('/')[1]);

beforeEach(async () => {
  bench = await Workbench.open();
  master = (await bench.server()).host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
  await other.replicate(replica, { master: 'cities', simultaneousQuery: true });
  await level('applied');
});
afterEach(() => bench.close());

/** Waits until the replica has received, or applied, all that the master has. */
async function level(place: 'durable' | 'applied'): Promise<void> {
  const { position } = await master.status('cities');
  await eventually(
    () => other.status(replica),
    (status) => status[place] === position,
  );
}

async function keys(host: Host, name: string): Promise<string[]> {
  return (await collect(host.exportEntries(name))).map(({ key }) => key);
}

/** Puts that the paused replica has received; their positions. */
async function received(...names: readonly string[]): Promise<string[]> {
  const positions: string[] = [];
  for (const key of names) positions.push((await master.put('cities', key, key)).position);
  await level('durable');
  return positions;
}

describe('a replica that waits', () => {
  it('says that it is delayed, since when, and what waits until when', async () => {
    expect(await other.set(replica, 'applyDelayMs', '3600000')).toMatchObject({
      applyDelayMs: 3_600_000,
      applyPaused: false,
    });
    await received('b', 'c');
    const status = await eventually(
      () => other.status(replica),
      ({ applying }) => applying?.nextAt !== null,
    );
    expect(status).toMatchObject({
      state: 'delayed',
      applying: { delayMs: 3_600_000, waiting: 2 },
    });
    expect(status.since).toBeGreaterThan(0);
    expect(status.applying?.nextAt).toBeGreaterThan(Date.now() + 3_000_000);
    expect(await keys(other, replica)).toEqual(['a']);
    await other.set(replica, 'applyDelayMs', '0');
    await level('applied');
    expect(await other.status(replica)).toMatchObject({ state: 'streaming' });
  });

  it('stays paused when its server is started again, and lists what waits', async () => {
    await other.set(replica, 'applyPaused', 'true');
    const [first] = await received('b', 'c');
    await other.stop(replica);
    await other.start(replica);
    const status = await eventually(
      () => other.status(replica),
      ({ state }) => state === 'paused',
    );
    const from = seqOf(status.applied) + 1;
    const lines = await collect(other.log(replica, { from }));
    expect(lines.map(({ position }) => position)).toContain(first);
    expect(await keys(other, replica)).toEqual(['a']);
    await other.set(replica, 'applyPaused', 'false');
    await level('applied');
    expect(await keys(other, replica)).toEqual(['a', 'b', 'c']);
  });

  it('waits as before when its store is rebuilt: what it did not apply is not applied', async () => {
    await other.set(replica, 'applyPaused', 'true');
    await other.backup(replica);
    const { applied } = await other.status(replica);
    await received('mistake');
    const { position } = await other.rebuild(replica, { dryRun: true });
    expect(await other.rebuild(replica, { stop: true })).toMatchObject({ position });
    const status = await eventually(
      () => other.status(replica),
      ({ state }) => state === 'paused',
    );
    expect(status).toMatchObject({ applied, applying: { paused: true, waiting: 1 } });
    expect(await keys(other, replica)).toEqual(['a']);
    await other.set(replica, 'applyPaused', 'false');
    await level('applied');
    expect(await keys(other, replica)).toEqual(['a', 'mistake']);
  });

  it('keeps its delay when it is created anew', async () => {
    await other.set(replica, 'applyDelayMs', '3600000');
    await other.replicate(replica, { master: 'cities', recreate: true });
    expect(await other.status(replica)).toMatchObject({ applying: { delayMs: 3_600_000 } });
    await received('mistake');
    expect(await keys(other, replica)).toEqual(['a']);
  });

  it('applies up to a position and pauses there', async () => {
    await other.set(replica, 'applyDelayMs', '3600000');
    const [first] = await received('b', 'mistake');
    const status = await other.apply(replica, { untilPosition: first });
    expect(status).toMatchObject({ state: 'paused', applied: first });
    await other.set(replica, 'applyDelayMs', '0');
    expect(await keys(other, replica)).toEqual(['a', 'b']);
    await expect(other.apply(replica, { untilPosition: '1/1' })).rejects.toThrow(
      code('POSITION_PASSED'),
    );
    await expect(other.apply(replica, { untilPosition: '1/999' })).rejects.toThrow(
      code('POSITION_AHEAD'),
    );
    await expect(other.apply(replica, { untilPosition: '7/9' })).rejects.toThrow(
      code('POSITION_UNREACHABLE'),
    );
    await expect(other.apply(replica, {})).rejects.toThrow(code('REQUEST_INVALID'));
    await expect(master.apply('cities', { untilPosition: '1/9' })).rejects.toThrow(
      code('DATABASE_TYPE'),
    );
  });

  it('P9 applies up to a time only where a later record proves which commit was the last', async () => {
    await other.set(replica, 'applyPaused', 'true');
    const [first] = await received('b');
    const line = (await collect(master.log('cities', { from: seqOf(first ?? null), limit: 1 })))[0];
    const untilTime = line?.time ?? 0;
    await expect(other.apply(replica, { untilTime })).rejects.toThrow(code('POSITION_AHEAD'));
    await eventually(
      () => Promise.resolve(Date.now()),
      (now) => now > untilTime,
    );
    await received('c');
    expect(await other.apply(replica, { untilTime })).toMatchObject({ applied: first });
  });

  it('P11 becomes normal before a mistake of its master, which it keeps aside', async () => {
    await other.set(replica, 'applyDelayMs', '3600000');
    const [good] = await received('b', 'mistake', 'and another');
    await expect(other.reset(replica, { untilPosition: '1/999' })).rejects.toThrow(
      code('POSITION_AHEAD'),
    );
    expect((await other.status(replica)).applying?.paused).toBe(false);
    const normal = await other.reset(replica, { untilPosition: good });
    expect(normal).toMatchObject({ type: 'normal', state: 'open', applying: null });
    expect(normal.timeline?.atSeq).toBe(seqOf(good ?? null));
    expect(await keys(other, replica)).toEqual(['a', 'b']);
    await other.put(replica, 'z', '1');
    await other.stop(replica);
    await other.start(replica);
    expect(await keys(other, replica)).toEqual(['a', 'b', 'z']);
    const events = (await collect(other.jobLog(replica))).map(({ event }) => event);
    expect(events).toContain('log-cut');
  });
});
