// What an online database says of itself.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Workbench } from './workbench.js';

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
