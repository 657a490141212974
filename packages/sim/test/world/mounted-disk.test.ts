// The disk of another machine, plugged into this one.
import { expect, test } from 'vitest';
import { createWorld } from '../../src/world/world.js';
import { bytes, seeds, textOf } from './text.js';

function scene(seed: string) {
  const world = createWorld({ seed });
  const [here, away] = [world.host('here'), world.host('away')];
  away.disk.settings.rates.writeBack = 0;
  const write = async (path: string, isSynced: boolean): Promise<void> => {
    const { disk } = here.envOn(away);
    const file = await disk.open(path, 'create');
    await file.write(bytes('content'), 0);
    await file.close();
    if (isSynced) await disk.createFile(`${path}.synced`, bytes('content'));
  };
  return { world, here, away, write };
}

test('P8 what is written there is on that disk alone, and a kill of who wrote it takes nothing', async () => {
  const { world, here, away, write } = scene('kill');
  await world.finish(write('/data/a', false));
  here.kill();
  expect(textOf(away.disk.cachedBytes('/data/a') ?? bytes(''))).toBe('content');
  expect(here.disk.cachedBytes('/data/a')).toBeNull();
});

test('P8 with the power of who wrote it goes what was not synced there', async () => {
  let lost = 0;
  for (const seed of seeds(20)) {
    const { world, here, away, write } = scene(seed);
    await world.finish(write('/data/a', true));
    here.powerCut();
    expect(textOf(away.disk.cachedBytes('/data/a.synced') ?? bytes(''))).toBe('content');
    if (textOf(away.disk.cachedBytes('/data/a') ?? bytes('')) !== 'content') lost++;
  }
  expect(lost).toBeGreaterThan(0);
});
