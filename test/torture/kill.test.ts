// P1, P2, P4 and P8 with real processes: killed while they create, open, write, back up and close.
import { expect, it } from 'vitest';
import { kill } from '../../scripts/torture/kill.js';
import type { Plant } from '../../scripts/torture/program/plants.js';
import { reportText, type Report } from '../../scripts/torture/report.js';

const timeout = 600_000;
const progress = (): void => undefined;

function killed(cycles: number, seed: number, plant: Plant | null = null): Promise<Report> {
  return kill({ cycles, seed, plant, progress });
}

it(
  'P1 P2 P8 killed 200 times under 16 writers, a database has every acknowledged commit, whole and in order',
  { timeout },
  async () => {
    const report = await killed(200, 20_240_229);
    expect(report.faults, reportText(report)).toEqual([]);
    const cuts = report.figures['cut off while'] as Record<string, number>;
    expect(Object.keys(cuts).sort()).toEqual([
      'backup',
      'closing',
      'creating',
      'opening',
      'restoring',
      'writing',
    ]);
    expect(Object.values(cuts).reduce((sum, count) => sum + count, 0)).toBe(200);
    expect(report.figures['commits acknowledged']).toBeGreaterThan(200);
    // Else the kills never struck amid commits, or retention never ran.
    expect(report.figures['unknown and not there']).toBeGreaterThan(0);
    expect(report.figures['campaigns with log deleted']).toBe(1);
  },
);

it('the kills find a commit that was acknowledged before it was written', { timeout }, async () => {
  const { faults } = await killed(40, 1, 'early-acknowledgement');
  expect(faults.map(({ what }) => what).join('\n')).toMatch(/lost: commit \d+ of writer \d+/);
});

it('the kills find a batch that was committed in two halves', { timeout }, async () => {
  const { faults } = await killed(10, 1, 'split-batches');
  expect(faults.map(({ what }) => what).join('\n')).toMatch(/is no whole commit of writer/);
});
