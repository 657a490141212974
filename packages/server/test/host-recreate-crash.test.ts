// A crash while a replica is made anew: the new copy is built beside the old one, then both are renamed.

import { readControl } from '@pamina/engine';
import { cp, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Host } from '../src/host.js';
import type { HostServer } from '../src/server.js';
import { env, eventually, Workbench } from './workbench.js';

const replica = 'cities-replica';
let bench: Workbench;
let master: Host;
let server: HostServer;
let data: string;

beforeEach(async () => {
  bench = await Workbench.open();
  master = (await bench.server()).host;
  server = await bench.server({ data: 'other' });
  data = join(bench.folder, 'other');
  await master.create('cities');
  await master.set('cities', 'replicationDelayMs', '0');
  await master.put('cities', 'a', '1');
  await server.host.replicate(replica, { master: 'cities' });
  await follows(server.host);
});
afterEach(() => bench.close());

async function follows(host: Host): Promise<void> {
  const { position } = await master.status('cities');
  await eventually(
    () => host.status(replica),
    ({ applied, state }) => applied === position && state === 'streaming',
  );
}

test('P8 between the two renames: the next start makes up for the second one, and the copy follows', async () => {
  await server.host.replicate(replica, { master: 'cities', recreate: true });
  await follows(server.host);
  await server.close();
  const before = await readControl(env.disk, join(data, replica));
  await rename(join(data, replica), join(data, `.recreate-${replica}`));
  const again = await bench.server({ data: 'other' });
  await master.put('cities', 'b', '1');
  await follows(again.host);
  expect((await again.host.status(replica)).instance).toBe(before?.instance);
  expect(await readdir(data)).not.toContain(`.recreate-${replica}`);
});

test('P8 before the first rename: the old copy goes on, and the next attempt begins anew', async () => {
  await server.close();
  const before = await readControl(env.disk, join(data, replica));
  await cp(join(data, replica), join(data, `.recreate-${replica}`), { recursive: true });
  const again = await bench.server({ data: 'other' });
  await master.put('cities', 'b', '1');
  await follows(again.host);
  expect((await again.host.status(replica)).instance).toBe(before?.instance);
  await again.host.replicate(replica, { master: 'cities', recreate: true });
  await follows(again.host);
  expect((await again.host.status(replica)).instance).not.toBe(before?.instance);
  expect(await readdir(data)).not.toContain(`.recreate-${replica}`);
});
