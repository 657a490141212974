// What an online database says of itself.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Env } from '@pamina/env';
import { env, eventually, Workbench } from './workbench.js';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
});
afterEach(() => bench.close());

test('P9 its position is that of the last acknowledged commit, also while the store follows', async () => {
  const { host } = await bench.server();
  await host.create('cities');
  for (let at = 0; at < 10; at++) {
    const { position } = await host.put('cities', 'a', `${at}`);
    expect((await host.status('cities')).position).toBe(position);
  }
});

test('P9 a disk that is full below the store is said, with what to do, until there is space', async () => {
  let isFull = false;
  const free = () => (isFull ? Promise.resolve(0) : env.disk.freeBytes(bench.folder));
  const stores: Env['stores'] = {
    ...env.stores,
    open: async (folder, options) => {
      const level = await env.stores.open(folder, options);
      const batchOf = level.batch.bind(level) as () => ReturnType<typeof level.batch>;
      level.batch = (() => {
        const batch = batchOf();
        const write = batch.write.bind(batch);
        batch.write = () =>
          isFull ? Promise.reject(new Error('IO error: No space left on device')) : write();
        return batch;
      }) as unknown as typeof level.batch;
      return level;
    },
  };
  const disk = { ...env.disk, freeBytes: free };
  const { host } = await bench.server({ env: { ...env, disk, stores } });
  await host.create('cities');
  await host.put('cities', 'a', '1');
  isFull = true;
  await host.put('cities', 'a', '2');
  const said = await eventually(
    () => host.status('cities'),
    ({ reason }) => reason !== null,
  );
  expect(said).toMatchObject({ state: 'open', online: true });
  expect(said.reason).toContain('its disk is full');
  expect(said.message).toContain('Make space');
  expect(await host.get('cities', 'a')).toBe('2');
  isFull = false;
  const healed = await eventually(
    () => host.status('cities'),
    ({ reason }) => reason === null,
  );
  expect(healed).toMatchObject({ state: 'open', message: null });
  expect(healed.applied).toBe(healed.position);
});
