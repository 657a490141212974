// A master that was restored in its place, and what becomes of its replicas: by where they stand.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../src/host.js';
import { eventually, Workbench } from './workbench.js';

let bench: Workbench;
let master: Host;
let other: Host;
/** Where the master is restored to. */
let restored: string;

const position = async (): Promise<string> => (await master.status('cities')).position ?? '';

async function caughtUp(name: string): Promise<void> {
  const end = await position();
  await eventually(
    () => other.status(name),
    ({ applied }) => applied === end,
  );
}

/** Three replicas: one stops before the position that the master is restored to, one at it, one ahead of it. */
beforeEach(async () => {
  bench = await Workbench.open();
  master = (await bench.server()).host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  for (const name of ['before', 'at', 'ahead']) {
    await other.replicate(name, { master: 'cities' });
  }
  await master.put('cities', 'a', '1');
  await caughtUp('before');
  await other.stop('before');
  await master.put('cities', 'b', '1');
  restored = await position();
  await caughtUp('at');
  await other.stop('at');
  await master.put('cities', 'mistake', '1');
  await caughtUp('ahead');
  await other.stop('ahead');
});
afterEach(() => bench.close());

async function restore(to: string | undefined): Promise<void> {
  await master.restore('cities', { untilPosition: to, stop: true });
  await master.start('cities');
  await master.put('cities', 'new', '1');
  for (const name of ['before', 'at', 'ahead']) await other.start(name);
}

const untilState = (name: string, state: string) =>
  eventually(
    () => other.status(name),
    (status) => status.state === state,
  );

describe('P5 a master that is restored to an earlier position', () => {
  it('leaves a replica that is ahead of it diverged, which says what to do', async () => {
    await restore(restored);
    const { applied, message, reason } = await untilState('ahead', 'diverged');
    expect(reason).toContain('cities left timeline 1 at');
    expect(message).toContain('--recreate');
    // What it has stays as it was.
    expect(applied).not.toBe(restored);
    await other.replicate('ahead', { master: 'cities', recreate: true });
    await caughtUp('ahead');
    expect(await other.hash('ahead')).toMatchObject(await hashOf());
  });

  it.each(['at', 'before'])(
    'leaves a replica that is not ahead of it (%s) log-gone, since its log begins there anew',
    async (name) => {
      await restore(restored);
      const { message } = await untilState(name, 'log-gone');
      expect(message).toContain('--recreate');
      await other.replicate(name, { master: 'cities', recreate: true });
      await caughtUp(name);
      expect(await other.hash(name)).toMatchObject(await hashOf());
    },
  );
});

describe('P3 a master that is restored', () => {
  it('is followed on by a replica that ends with a whole segment at its position', async () => {
    await master.set('cities', 'backupAudit', 'false');
    await other.start('at');
    await caughtUp('at');
    await master.backup('cities', { tag: 'whole' });
    const end = await position();
    await caughtUp('at');
    await other.stop('at');
    await master.put('cities', 'mistake', '2');
    await restore(end);
    await caughtUp('at');
    expect(await other.hash('at')).toMatchObject(await hashOf());
  });

  it('through the end of its log is followed on by all, as before', async () => {
    await restore(undefined);
    for (const name of ['before', 'at', 'ahead']) {
      await caughtUp(name);
      expect(await other.hash(name)).toMatchObject(await hashOf());
    }
  });
});

async function hashOf(): Promise<{ readonly position: string; readonly stateHash: string }> {
  const { position: at, stateHash } = await master.hash('cities');
  return { position: at, stateHash };
}
