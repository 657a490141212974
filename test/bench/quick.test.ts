// Runs the bench as people do, on its cheapest row: that it works, not how fast anything is.
import { existsSync } from 'node:fs';
import { chmod, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repository, requireBuild } from '../lib/built-package.js';
import type { RunningProcess } from '../support/running-process.js';
import { inScene, type Scene } from '../support/scene.js';
import { until } from '../support/until.js';

const command = join(repository, 'scripts/bench.mjs');
/** It reads /proc. */
const onLinux = it.skipIf(process.platform !== 'linux');

function start(scene: Scene, ...args: string[]): RunningProcess {
  requireBuild();
  const places = ['--folder', scene.path('databases'), '--results', scene.path('results')];
  return scene.start('the bench', [command, ...args, ...places]);
}

/** Three rows with servers of their own. */
const testMs = 300_000;
const folderModeOthersMayPass = 0o711;

interface Told {
  readonly lines: readonly Record<string, unknown>[];
  readonly latencies: readonly { readonly who: string; readonly maxMs: number }[];
  readonly machine: { readonly cores: number };
}

onLinux(
  'the bench compares a row with its peer, tells it as JSON and in files, and leaves nothing behind',
  inScene(async (scene) => {
    const ran = start(scene, '--quick', '--rows', 'puts-1', '--seconds', '0.6', '--json');
    const { status } = await ran.ended();
    expect(status, ran.describe()).toBe(0);

    const told = JSON.parse(ran.stdout) as Told;
    expect(told.machine.cores).toBeGreaterThan(0);
    expect(told.lines).toHaveLength(1);
    const [line] = told.lines;
    expect(line).toMatchObject({ row: 'puts-1', goal: { kind: 'at least', value: 1 } });
    expect(line?.['verdict']).toMatch(/^(met|MISSED)$/);
    expect(line).toHaveProperty('result.median', expect.any(Number));
    expect(told.latencies.map(({ who }) => who)).toEqual(['Pamina', 'classic-level']);
    for (const { maxMs } of told.latencies) expect(maxMs).toBeGreaterThan(0);

    const files = await readdir(scene.path('results'));
    expect(files.map((name) => name.replace(/^.*\./, '')).toSorted()).toEqual(['json', 'md']);
    const markdown = files.find((name) => name.endsWith('.md')) ?? '';
    const text = await readFile(scene.path('results', markdown), 'utf8');
    expect(text).toContain('| ratio | range | goal | verdict |');
    expect(text).toContain('its figures mean nothing');
    expect(await readdir(scene.path('databases'))).toEqual([]);
  }),
);

onLinux(
  'the bench measures what replicas see and cost, with or without the peers',
  inScene(async (scene) => {
    const rows = ['lag-idle', 'idle-replicas', 'far-behind'];
    // PostgreSQL runs as a user of its own, who has to come by.
    await chmod(scene.path(), folderModeOthersMayPass);
    const much = ['--quick', '--rounds', '1', '--seconds', '0.6'];
    const ran = start(scene, '--rows', rows.join(','), ...much, '--json');
    const { status } = await ran.ended(testMs);
    expect(status, ran.describe()).toBe(0);

    const { lines } = JSON.parse(ran.stdout) as Told;
    const costs = lines.filter(({ against }) => against === '');
    expect(costs.map(({ row }) => row)).toEqual(['idle-replicas', 'far-behind']);
    for (const cost of costs) expect(cost['verdict']).toMatch(/^(met|MISSED)$/);
    const lags = lines.filter(({ row }) => row === 'lag-idle');
    expect(lags.map(({ against }) => against)).toEqual(
      ['PostgreSQL', 'Redis'].flatMap((peer) => [peer, peer]),
    );
    for (const lag of lags) expect(lag).toHaveProperty('ours.spread.median', expect.any(Number));
    expect(await readdir(scene.path('databases'))).toEqual([]);
  }),
  testMs,
);

onLinux(
  'a bench that is interrupted takes its processes and databases away',
  inScene(async (scene) => {
    const ran = start(scene, '--rows', 'puts-1', '--seconds', '600');
    await until('a database was there', async () => {
      if (!existsSync(scene.path('databases'))) return false;
      // Not all the way down: what is made beside is renamed meanwhile.
      const stages = await readdir(scene.path('databases'));
      return stages.some((stage) =>
        existsSync(scene.path('databases', stage, 'puts-1-pamina', 'control.json')),
      );
    });
    ran.signal('SIGINT');
    const { status } = await ran.ended();
    expect(status, ran.describe()).toBe(130);
    expect(await readdir(scene.path('databases'))).toEqual([]);
  }),
);

it(
  'a row that does not exist is refused with the names of those that do',
  inScene(async (scene) => {
    const ran = start(scene, '--rows', 'everything');
    expect((await ran.ended()).status).toBe(2);
    expect(ran.stderr).toContain('no row is called "everything": take of puts-1, puts-64');
  }),
);
