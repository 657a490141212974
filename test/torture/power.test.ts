// P1, P2, P6 and P8 under real power failures. They need root, loop devices and a C compiler; where
// something is lacking the tests are listed as not run.
import { expect, it } from 'vitest';
import {
  lackingForPower,
  power,
  powerFileSystems,
  type PowerFileSystem,
} from '../../scripts/torture/power.js';
import type { Plant } from '../../scripts/torture/program/plants.js';
import { reportText, type Report } from '../../scripts/torture/report.js';

const timeout = 600_000;
const cuts = 25;
const progress = (): void => undefined;

function isLacking(fileSystem: PowerFileSystem): boolean {
  return lackingForPower(fileSystem) !== null;
}

function cutOff(fileSystem: PowerFileSystem, cuts: number, plant: Plant | null): Promise<Report> {
  return power({ cuts, fileSystems: [fileSystem], seed: 7, plant, progress });
}

it.skipIf(isLacking('ext4'))(
  'P1 P2 P6 P8 after 25 power failures on ext4 every acknowledged commit is there, whole and in order',
  { timeout },
  () => expectSound('ext4'),
);

it.skipIf(isLacking('xfs'))(
  'P1 P2 P6 P8 after 25 power failures on xfs every acknowledged commit is there, whole and in order',
  { timeout },
  () => expectSound('xfs'),
);

async function expectSound(fileSystem: PowerFileSystem): Promise<void> {
  const report = await cutOff(fileSystem, cuts, null);
  expect(report.faults, reportText(report)).toEqual([]);
  expect(report.notRun).toEqual([]);
  expect(report.figures['commits acknowledged']).toBeGreaterThan(cuts);
  // Restores, and backups of both forms, are among what is cut off.
  expect(report.figures['cut off while']).toHaveProperty('restoring');
  const forms = report.figures['backups at a cut'] as Record<string, number>;
  expect(Object.keys(forms).sort()).toEqual(['logical', 'physical']);
}

it.skipIf(powerFileSystems.every(isLacking))(
  'the power failures find that files are not synced, or only half of the times, or those of backups not',
  { timeout },
  async () => {
    const fileSystem = powerFileSystems.find((one) => !isLacking(one)) ?? 'ext4';
    for (const plant of ['no-sync', 'half-sync', 'unsynced-backups'] as const) {
      const { faults } = await cutOff(fileSystem, cuts, plant);
      expect(faults, plant).not.toEqual([]);
    }
  },
);
