// One process has a database, whatever is tried (LevelDB alone does not hold that).
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pamina, paminaJson } from '../support/command.js';
import { helperProgram } from '../support/helper-program.js';
import type { RunningProcess } from '../support/running-process.js';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';

async function hold(scene: Scene, ...args: string[]): Promise<RunningProcess> {
  const holder = scene.start('holder', [helperProgram('hold-database'), ...args]);
  await holder.line('that it goes on', (line) => (line === 'holding' ? true : null));
  return holder;
}

it(
  'P8 P9 a second process is refused, also after the first one tried a second open itself, and gets in when the first is killed',
  inScene(async (scene) => {
    await paminaJson(scene, ['create', 'cities']);
    await paminaJson(scene, ['put', 'cities', 'paris', 'FR']);
    const folder = scene.path('pamina-data', 'cities');
    const otherPath = scene.path('another-way');
    await symlink(folder, otherPath);

    const first = await hold(scene, folder, otherPath);
    expect(first.stdout.trim().split('\n')).toEqual([
      'open',
      'second DATABASE_IN_USE',
      'third DATABASE_IN_USE',
      'holding',
    ]);
    for (const path of [folder, otherPath]) {
      const second = await hold(scene, path);
      expect(second.stdout).toMatch(/^DATABASE_IN_USE\n/);
      await second.finish();
    }
    const read = await pamina(scene, ['get', 'cities', 'paris']);
    expect(read.status).not.toBe(0);
    expect(read.stderr).toMatch(/^DATABASE_IN_USE: .+\. .+/);

    await first.kill();
    expect(await paminaJson(scene, ['get', 'cities', 'paris'])).toMatchObject({ value: 'FR' });
  }),
);

it(
  'P8 P9 a server has its databases alone: a program is refused, and so is a second server of the folder',
  inScene(async (scene) => {
    const served = await ServedFolder.started(scene, 'data');
    await served.administration.create('cities');
    const holder = await hold(scene, join(served.dataFolder, 'cities'));
    expect(holder.stdout).toMatch(/^DATABASE_IN_USE\n/);
    const second = await served.pamina('serve', '--listen', '127.0.0.1:0');
    expect(second.status).not.toBe(0);
    expect(second.stderr).toMatch(/^DATA_IN_USE: .+\. .+/);
    // The attempts have not loosened anything.
    const again = await hold(scene, join(served.dataFolder, 'cities'));
    expect(again.stdout).toMatch(/^DATABASE_IN_USE\n/);
    expect(await served.administration.put('cities', 'paris', 'FR')).toHaveProperty('position');
  }),
);
