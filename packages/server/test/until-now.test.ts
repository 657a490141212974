// A time behind the last commit is reached where somebody can say that nothing came until then: the running
// database itself, here or over the network, and an archive once the database has been closed.
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;

beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

/** A moment that is over. */
async function moment(): Promise<number> {
  const time = env.clock.now() + 2;
  await eventually(
    () => Promise.resolve(env.clock.now()),
    (now) => now > time + 1,
  );
  return time;
}

it('P9 of an idle database that runs --until-time is reached up to now, here and over the network', async () => {
  const { host } = await bench.server();
  await host.create('orders');
  await host.put('orders', 'a', '1');
  await host.backup('orders');
  const { position } = await host.put('orders', 'b', '2');
  const untilTime = await moment();
  const copy = await host.restore('orders', { untilTime, as: 'copy' });
  expect(copy.position).toBe(position);
  const later = { untilTime: env.clock.now() + 3_600_000, as: 'never' };
  await expect(host.restore('orders', later)).rejects.toMatchObject({
    code: 'POSITION_UNREACHABLE',
  });
  const elsewhere = await bench.server({ data: 'elsewhere' });
  const there = await elsewhere.host.restore('mirror', { untilTime, from: 'pamina://orders' });
  expect(there.position).toBe(position);
  // What is committed after that is later than what was said.
  await host.put('orders', 'c', '3');
  const again = await host.restore('orders', { untilTime, as: 'again', dryRun: true });
  expect(again.position).toBe(position);
});

it('P9 of an archive --until-time is reached up to the close of its database', async () => {
  const server = await bench.server();
  const { host } = server;
  const address = join(bench.folder, 'archive');
  await host.create('orders');
  await host.addArchive('orders', 'main', { address });
  await host.backup('orders');
  const { position } = await host.put('orders', 'b', '2');
  const untilTime = await moment();
  await server.close();
  const elsewhere = await bench.server({ data: 'elsewhere' });
  const there = await elsewhere.host.restore('orders', { untilTime, from: address });
  expect(there.position).toBe(position);
});
