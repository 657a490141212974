// The third step of making a replica: its history and the master's log are checked before it is one.

import { Database } from '@pamina/engine';
import { segmentBytesMin } from '@pamina/format';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Host } from '../src/host.js';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
let master: Host;
let other: Host;

/** A copy of the master at its second record; the third step is left to do. */
beforeEach(async () => {
  bench = await Workbench.open();
  master = (await bench.server()).host;
  other = (await bench.server({ data: 'other' })).host;
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
  await master.allow('cities', 'copy');
});
afterEach(() => bench.close());

const replicate = (recreate = false) => other.replicate('copy', { master: 'cities', recreate });

async function refused(expected: object): Promise<void> {
  const error = await replicate().catch((reason: unknown) => reason);
  expect(error).toMatchObject(expected);
  expect(await other.status('copy')).toMatchObject({ type: 'unassigned', state: 'offline' });
}

async function madeAnew(): Promise<void> {
  await replicate(true);
  const { position } = await master.status('cities');
  await eventually(
    () => other.status('copy'),
    ({ applied, state }) => applied === position && state === 'streaming',
  );
}

test('P5 a copy that has what its master lost is refused as diverged, and can be made anew', async () => {
  const { position } = await master.status('cities');
  await master.backup('cities');
  await master.put('cities', 'b', '1');
  await master.backup('cities');
  await other.create('copy', { fromBackup: 'pamina://cities' });
  await master.restore('cities', { untilPosition: position ?? '', stop: true });
  await master.start('cities');
  await refused({ code: 'DIVERGED', hint: expect.stringMatching(/new backup/) as string });
  await madeAnew();
});

test('P4 P10 a copy whose log its master no longer has is refused with what to do, which works', async () => {
  await master.backup('cities');
  await other.create('copy', { fromBackup: 'pamina://cities' });
  await master.stop('cities');
  const database = await Database.open(join(bench.data, 'cities'), {
    env,
    segmentBytes: segmentBytesMin,
  });
  await database.updateControl({ keepFromSeq: 1_000_000 });
  for (let index = 0; index < 8; index++) await database.put(`b${index}`, 'x'.repeat(40_000));
  await database.applyRetention();
  await database.close();
  await master.start('cities');
  await refused({ code: 'LOG_GONE', hint: expect.stringMatching(/--recreate/) as string });
  await madeAnew();
});
