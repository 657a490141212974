// P8 with real processes: killed at every named step of what changes backups, archives and databases.
import { describe, expect, it } from 'vitest';
import { kindOf, stepName } from '../../scripts/torture/program/point-names.js';
import { pointWorkNames, type PointWorkName } from '../../scripts/torture/program/point-works.js';
import { points, pointsText } from '../../scripts/torture/points.js';
import { reportText } from '../../scripts/torture/report.js';

const timeout = 600_000;
const progress = (): void => undefined;

/** The steps on which everything hangs: a work that lost one of them would not be struck there. */
const expected: Record<PointWorkName, readonly string[]> = {
  backup: [
    'write file of a partial backup',
    'write manifest of a partial backup',
    'rename partial backup to backup',
    'rename backup to backup that goes',
    'remove backup that goes',
    'replace control.json',
  ],
  'physical backup': [
    'link file of the store to checkpoint of the store',
    'write file of a partial backup',
    'write manifest of a partial backup',
    'rename partial backup to backup',
    'remove checkpoint of the store',
  ],
  'incremental backup': [
    'write file of a partial backup',
    'write manifest of a partial backup',
    'rename partial backup to backup',
  ],
  expire: ['rename backup to backup that goes', 'remove backup that goes', 'replace control.json'],
  archive: [
    'put archived segment',
    'replace note of an archive',
    'put file of an archived backup',
    'put shared file of archived backups',
    'put archived manifest',
    'replace control.json',
  ],
  restore: [
    'replace control.json of a partial restore',
    'sync partial restore',
    'rename partial restore to database',
  ],
  'swap of a store': [
    'rename store that is being built to built store',
    'rename store to store kept aside',
    'rename built store to store',
  ],
  'swap of a database': [
    'rename partial restore to restored database',
    'put note of what a restored database replaces',
    'rename database to database kept aside',
    'rename restored database to database',
    'remove note of what a restored database replaces',
  ],
  rebuild: [
    'rename store that is being built to built store',
    'rename store to store kept aside',
    'rename built store to store',
  ],
};

describe.each(pointWorkNames)('%s', (work) => {
  it(
    'P8 killed at every named step it leaves the old or the new, and a second run finishes',
    { timeout },
    async () => {
      const given = { seed: 1, progress, works: [work], isListOnly: false };
      const report = await points({ ...given, times: 'first' });
      expect(report.faults, reportText(report)).toEqual([]);
      expect(report.points[work]).toEqual(expect.arrayContaining([...expected[work]]));
      // Nothing is struck of which nobody can say what it is.
      expect(pointsText(report)).not.toContain('something else');
      const killed = report.figures['processes killed at a point of'] as Record<string, number>;
      expect(killed[work]).toBeGreaterThanOrEqual(report.points[work]?.length ?? 1);
    },
  );
});

it('a step is named by what it is done to, whatever numbers stand in the path', () => {
  const one = 'data/orders/backups/0000000000000012-1';
  const other = 'data/orders/backups/0000000000000734-3';
  expect(stepName('rename', `${one}.partial`, one)).toBe('rename partial backup to backup');
  expect(stepName('rename', `${other}.partial`, other)).toBe('rename partial backup to backup');
  expect(kindOf('data/orders/control.json.tmp-0123456789abcdef')).toBe('control.json');
  expect(stepName('append to', 'data/orders/job.log', null)).toBeNull();
});
