// A program with the database inside is killed again and again while several writers commit.
import { expect, it } from 'vitest';
import { helperProgram } from '../support/helper-program.js';
import { journalBytes } from '../support/journal-file.js';
import { readJournal } from '../support/program/journal.js';
import { inScene, type Scene } from '../support/scene.js';
import type { RunningProcess } from '../support/running-process.js';
import { until } from '../support/until.js';

const kills = 50;
const writers = 6;
const valueBytes = 300;
const segmentBytes = 256 * 1024;

it(
  'P1 P2 an embedded database killed 50 times while writers commit has every acknowledged commit, whole, at each reopening',
  { timeout: 360_000 },
  inScene(async (scene) => {
    const journal = scene.path('journal');
    const start = (): RunningProcess => startWriter(scene, journal);
    let killedWhileOpening = 0;
    for (let cycle = 0; cycle < kills; cycle += 1) {
      const writer = start();
      // Every fifth dies while it recovers, the others after some commits of their own.
      if (cycle % 5 === 4) {
        await writer.line('opening', (line) => (line === 'opening' ? true : null));
        killedWhileOpening += 1;
      } else {
        await checked(writer);
        const enough = (await journalBytes(journal)) + 100 + ((cycle * 7919) % 4000);
        await until('the writers committed', async () => (await journalBytes(journal)) > enough, {
          everyMs: 1,
          instead: () => writer.describe(),
        });
      }
      expect(await writer.kill('SIGKILL')).toEqual({ status: null, signal: 'SIGKILL' });
    }
    const last = start();
    const { commits, faults } = await checked(last);
    expect(await last.finish()).toEqual({ status: 0, signal: null });
    expect(faults).toEqual([]);
    expect(killedWhileOpening).toBe(kills / 5);
    expect(commits).toBeGreaterThan(kills * 4);
    expect(readJournal(journal).length).toBeGreaterThanOrEqual(commits - writers);
  }),
);

function startWriter(scene: Scene, journal: string): RunningProcess {
  return scene.start('writer', [
    helperProgram('write-embedded'),
    scene.path('database'),
    journal,
    String(writers),
    String(valueBytes),
    String(segmentBytes),
  ]);
}

/** What the program found when it had reopened the database; it ends if anything is wrong. */
async function checked(writer: RunningProcess): Promise<{ commits: number; faults: string[] }> {
  const found = await writer.line('its check', (line) =>
    line.startsWith('{') ? (JSON.parse(line) as { commits: number; faults: string[] }) : null,
  );
  expect(found.faults).toEqual([]);
  return found;
}
