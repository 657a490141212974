// A restore is killed before every change that it makes to the disk, one kill each: afterwards there is
// the old or the new, never half of one, and a second run finishes.
import { cp, rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { nodeEnv } from '@pamina/env';
import { isPaminaError } from '@pamina/format';
import { Host } from '@pamina/server';
import { helperProgram } from '../support/helper-program.js';
import { inScene, type Scene } from '../support/scene.js';

type RestoreOptions = Parameters<Host['restore']>[1];

const env = nodeEnv();
const old = { graz: '2', linz: '3' };
const past = { graz: '1', vienna: '1' };

async function inHost<T>(dataFolder: string, work: (host: Host) => Promise<T>): Promise<T> {
  const host = await Host.open({ env, dataFolder });
  try {
    return await work(host);
  } finally {
    await host.close();
  }
}

/** A data folder with a database that is `old` now, and was `past` at the position that is returned. */
async function prepare(dataFolder: string): Promise<string> {
  return inHost(dataFolder, async (host) => {
    await host.create('cities');
    await host.put('cities', 'vienna', '1');
    await host.backup('cities', { tag: 'start' });
    const { position } = await host.put('cities', 'graz', '1');
    await host.del('cities', 'vienna');
    await host.put('cities', 'graz', '2');
    await host.put('cities', 'linz', '3');
    return position;
  });
}

/** null where there is no database of this name. */
async function content(host: Host, name: string): Promise<Record<string, string> | null> {
  try {
    const found: Record<string, string> = {};
    for await (const { key, value } of host.exportEntries(name)) found[key] = value;
    return found;
  } catch (error) {
    if (isPaminaError(error, 'DATABASE_NOT_FOUND')) return null;
    throw error;
  }
}

async function restoreProcess(
  scene: Scene,
  data: string,
  options: RestoreOptions,
  killAt: number,
): Promise<number | 'killed'> {
  const program = helperProgram('restore-until-killed');
  const args = [program, data, 'cities', JSON.stringify(options), String(killAt)];
  const ran = scene.start(`restore ${killAt}`, args);
  const { signal, status } = await ran.ended(60_000);
  if (signal === 'SIGKILL') return 'killed';
  expect({ status, stderr: ran.stderr }).toEqual({ status: 0, stderr: '' });
  return Number(/changes (\d+)/.exec(ran.stdout)?.[1]);
}

interface Case {
  readonly name: string;
  readonly options: (position: string) => RestoreOptions;
  readonly to: string;
  readonly before: Record<string, string> | null;
  readonly after: Record<string, string>;
}

const cases: readonly Case[] = [
  {
    name: 'as a copy',
    options: (untilPosition) => ({ as: 'copy', untilPosition }),
    to: 'copy',
    before: null,
    after: past,
  },
  {
    name: 'in place to a past position',
    options: (untilPosition) => ({ untilPosition }),
    to: 'cities',
    before: old,
    after: past,
  },
  {
    name: 'in place through the end of the log',
    options: () => ({}),
    to: 'cities',
    before: old,
    after: old,
  },
];

it.each(cases)(
  'P8 killed before every change to the disk a restore $name leaves the old or the new, and a second run finishes',
  { timeout: 600_000 },
  ({ options, to, before, after }) =>
    inScene(async (scene) => {
      const prepared = scene.path('prepared');
      const given = options(await prepare(prepared));
      const data = scene.path('data');
      const again = async (): Promise<void> => {
        await rm(data, { recursive: true, force: true });
        await cp(prepared, data, { recursive: true });
      };
      await again();
      const changes = await restoreProcess(scene, data, given, 0);
      if (changes === 'killed') throw new Error('killed without being told to');
      expect(changes).toBeGreaterThan(10);
      const seen = new Set<string>();
      for (let killAt = 1; killAt <= changes; killAt += 1) {
        await again();
        const outcome = await restoreProcess(scene, data, given, killAt);
        // What is done side by side may take fewer steps in another run.
        if (outcome !== 'killed') continue;
        await inHost(data, async (host) => {
          const found = await content(host, to);
          seen.add(JSON.stringify(found));
          expect([before, after], `killed before change ${killAt}`).toContainEqual(found);
          if (to !== 'cities') expect(await content(host, 'cities')).toEqual(old);
          const isNew = JSON.stringify(found) === JSON.stringify(after);
          if (isNew && before !== after) return;
          await host.restore('cities', given);
          expect(await content(host, to)).toEqual(after);
        });
      }
      expect(seen).toContain(JSON.stringify(before));
    })(),
);
