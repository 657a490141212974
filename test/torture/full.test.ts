// P1, P2 and P7 on a disk without space. A file system of limited size needs root; where it cannot be
// mounted the tests are listed as not run.
import { expect, it } from 'vitest';
import { full } from '../../scripts/torture/full.js';
import { lackingFor, type FileSystem } from '../../scripts/torture/machine.js';
import type { Plant } from '../../scripts/torture/program/plants.js';
import { reportText, type Report } from '../../scripts/torture/report.js';

const timeout = 600_000;
const rounds = 3;
const progress = (): void => undefined;

function isLacking(fileSystem: FileSystem): boolean {
  return lackingFor(fileSystem) !== null;
}

function filled(fileSystem: FileSystem, plant: Plant | null): Promise<Report> {
  return full({ rounds, fileSystems: [fileSystem], seed: 3, plant, progress });
}

async function expectSound(fileSystem: FileSystem): Promise<void> {
  const report = await filled(fileSystem, null);
  expect(report.faults, reportText(report)).toEqual([]);
  expect(report.notRun).toEqual([]);
  expect(report.figures['entries read while full']).toBeGreaterThan(0);
  expect(report.figures['resumed without reopening']).toBe(1);
}

it.skipIf(isLacking('tmpfs'))(
  'P1 P7 on a full tmpfs reads go on, nothing acknowledged is lost, and writing resumes when space returns',
  { timeout },
  () => expectSound('tmpfs'),
);

it.skipIf(isLacking('ext4'))(
  'P1 P7 on a full ext4 reads go on, nothing acknowledged is lost, and writing resumes when space returns',
  { timeout },
  () => expectSound('ext4'),
);

it.skipIf(isLacking('tmpfs'))(
  'the full disk finds a rejected commit that counts as acknowledged',
  { timeout },
  async () => {
    const { faults } = await filled('tmpfs', 'rejected-acknowledgement');
    expect(faults.map(({ what }) => what).join('\n')).toMatch(/lost: commit \d+ of writer \d+/);
  },
);
