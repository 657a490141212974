// A backup that is given up: by Ctrl-C on the command, offline and against a server, and by a client
// that is gone. Nothing of it is left, and the next one is whole.
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeEnv } from '@pamina/env';
import { Host } from '@pamina/server';
import type { Administration, Entry } from '@pamina/wire';
import { expect, it } from 'vitest';
import { commandFile, requireBuild } from '../lib/built-package.js';
import { commandEnvironment, paminaJson } from '../support/command.js';
import type { RunningProcess } from '../support/running-process.js';
import { inScene, type Scene } from '../support/scene.js';
import { ServedFolder } from '../support/served-folder.js';
import { until } from '../support/until.js';

const deadline = { timeout: 360_000 };
const entryCount = 30_000;
/** A run may be done before it is stopped: then it is tried again. */
const attemptsMax = 10;

async function* incompressible(): AsyncIterable<Entry> {
  for (let at = 0; at < entryCount; at += 1) {
    if (at % 1000 === 0) await Promise.resolve();
    yield { key: `key-${at}`, value: randomBytes(750).toString('base64') };
  }
}

async function fill(administration: Administration): Promise<void> {
  await administration.create('cities');
  await administration.importEntries('cities', incompressible());
}

const backupNames = async (dataFolder: string): Promise<string[]> => {
  const names = await readdir(join(dataFolder, 'cities', 'backups'));
  return names.filter((name) => !name.startsWith('.'));
};

/** Starts `pamina backup` and stops it by `stop` when its first chunk is being written. */
async function interrupted(
  scene: Scene,
  data: string,
  args: readonly string[],
  stop: (command: RunningProcess) => void,
): Promise<RunningProcess> {
  const folder = join(scene.path(data), 'cities', 'backups');
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const command = scene.start('backup', [commandFile, 'backup', 'cities', ...args], {
      env: commandEnvironment(scene, { data }),
    });
    const begun = await until(
      'a chunk was being written',
      async () => command.exit !== null || ((await hasPartialChunk(folder)) ? true : null),
      { everyMs: 1, instead: () => command.describe() },
    );
    if (begun && command.exit === null) stop(command);
    await command.ended();
    if (command.exit?.status !== 0) return command;
  }
  throw new Error(`no backup could be interrupted in ${attemptsMax} attempts`);
}

async function hasPartialChunk(folder: string): Promise<boolean> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.partial')) continue;
    try {
      if ((await readdir(join(folder, name))).some((file) => file.endsWith('.pbk'))) return true;
    } catch (error) {
      // It was finished, or given up, just now.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return false;
}

it(
  'P8 Ctrl-C ends an offline backup: nothing of it is left, and the next one is whole',
  deadline,
  inScene(async (scene) => {
    requireBuild();
    const data = 'pamina-data';
    const dataFolder = scene.path(data);
    const host = await Host.open({ env: nodeEnv(), dataFolder });
    await fill(host);
    await host.close();
    const command = await interrupted(scene, data, ['--tag', 'broken-off'], (running) =>
      running.signal('SIGINT'),
    );
    expect(command.exit).toEqual({ status: 130, signal: null });
    const names = await backupNames(dataFolder);
    expect(names.filter((name) => name.endsWith('.partial'))).toEqual([]);
    const { backups } = await paminaJson<{ backups: { tag: string | null }[] }>(scene, [
      'backups',
      'cities',
    ]);
    expect(backups.filter(({ tag }) => tag === 'broken-off')).toEqual([]);
    const whole = await paminaJson(scene, ['backup', 'cities', '--tag', 'broken-off']);
    expect(whole).toMatchObject({ tag: 'broken-off', entries: entryCount, problem: null });
  }),
);

it.each([
  ['Ctrl-C on the command', (command: RunningProcess) => command.signal('SIGINT')],
  ['a client that is killed', (command: RunningProcess) => command.signal('SIGKILL')],
])(
  'P8 %s ends the backup on its server: nothing of it is left, and the database goes on',
  deadline,
  (_name, stop) =>
    inScene(async (scene) => {
      const served = await ServedFolder.started(scene, 'main');
      const { administration } = served;
      await fill(administration);
      const command = await interrupted(scene, 'main', ['--tag', 'broken-off'], stop);
      expect(command.exit?.status).not.toBe(0);
      await until('the partial backup is gone', async () => {
        const names = await backupNames(served.dataFolder);
        return names.some((name) => name.endsWith('.partial')) ? null : true;
      });
      const tags = (await administration.backups('cities')).map(({ tag }) => tag);
      expect(tags).not.toContain('broken-off');
      await until('the job log says so', async () => {
        for await (const { event, fields } of administration.jobLog('cities', { lines: 20 })) {
          if (event === 'backup-failed' && fields?.['code'] === 'ABORTED') return true;
        }
        return null;
      });
      await administration.put('cities', 'key-0', 'written afterwards');
      const whole = await administration.backup('cities', { tag: 'broken-off' });
      expect(whole).toMatchObject({ tag: 'broken-off', entries: entryCount, problem: null });
    })(),
);
