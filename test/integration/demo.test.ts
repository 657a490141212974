// The demo is what a newcomer runs first: it ends well, tells the truth, and leaves nothing behind.
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repository } from '../lib/built-package.js';
import type { RunningProcess } from '../support/running-process.js';
import { inScene, type Scene } from '../support/scene.js';

const demoDeadlineMs = 170_000;

/** The demo with a temporary folder of its own, to see what it leaves there. */
async function startDemo(scene: Scene): Promise<RunningProcess> {
  const temporary = scene.path('temporary');
  await mkdir(temporary);
  return scene.start('the demo', [join(repository, 'scripts/demo.mjs')], {
    env: { TMPDIR: temporary },
  });
}

it(
  'P1 P3 the demo proves what it claims, says what the delay cost, and leaves nothing behind',
  { timeout: demoDeadlineMs + 10_000 },
  inScene(async (scene) => {
    const demo = await startDemo(scene);
    expect((await demo.ended(demoDeadlineMs)).status, demo.describe()).toBe(0);
    expect(demo.stdout).toMatch(/state hash there {2,}([0-9a-f]{24})… {2,}\1…/);
    expect(demo.stdout).toMatch(/a snapshot saw [\d,]+ visits twice while [1-9][\d,]* records/);
    expect(demo.stdout).toMatch(/cost of the delay {2,}[\d,]+ acknowledged commits/);
    expect(demo.stdout).toContain('everything holds');
    expect(await readdir(scene.path('temporary'))).toEqual([]);
  }),
);

it(
  'the demo interrupted in the middle ends at once and leaves nothing behind',
  { timeout: demoDeadlineMs + 10_000 },
  inScene(async (scene) => {
    const demo = await startDemo(scene);
    const loaded = (line: string): true | null => (line.startsWith(' 3/15 ') ? true : null);
    await demo.line('that the cities are loaded', loaded, demoDeadlineMs);
    expect(await demo.kill('SIGINT'), demo.describe()).toEqual({ status: 130, signal: null });
    expect(await readdir(scene.path('temporary'))).toEqual([]);
  }),
);
