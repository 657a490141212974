// P1, P2, P7 and P8 when single calls of the disk fail. Here a part of all cases; all of them with
// `npm run torture -- errors`.
import { expect, it } from 'vitest';
import {
  errors,
  lies,
  variations,
  type ErrorsOptions,
  type VariationName,
} from '../../scripts/torture/errors.js';
import { lackingForShim } from '../../scripts/torture/machine.js';
import { reportText, type Report } from '../../scripts/torture/report.js';

const timeout = 600_000;
const isLacking = lackingForShim() !== null;
const names = Object.keys(variations) as VariationName[];

function made(change: Partial<ErrorsOptions>): Promise<Report> {
  const progress = (): void => undefined;
  return errors({
    variations: names,
    area: 'all',
    stride: 1,
    seed: 5,
    jobs: 2,
    progress,
    ...change,
  });
}

it.skipIf(isLacking)(
  'P1 P2 P7 P8 whichever write, sync or change of a name fails, no acknowledged commit is lost and no rejected one stays',
  { timeout },
  async () => {
    const report = await made({ stride: 53 });
    expect(report.faults, reportText(report)).toEqual([]);
    const faultsMade = report.figures['faults made'] as Record<string, number>;
    expect(Object.keys(faultsMade)).toEqual(names);
  },
);

// How many calls there are depends on the load: of all of them one in 53 need not be the sync of a commit.
it.skipIf(isLacking)(
  'P7 of commits whose sync fails nobody is told that they are there or not there',
  { timeout },
  async () => {
    const report = await made({ variations: ['sync fails'], area: 'log', stride: 7 });
    expect(report.faults, reportText(report)).toEqual([]);
    const failed = report.figures['what failed'] as Record<string, number>;
    expect(Object.keys(failed)).toContain('commit COMMIT_UNKNOWN');
  },
);

it.skipIf(isLacking)(
  'the errors find a write to the log that was never done',
  { timeout },
  async () => {
    const report = await made({
      variations: Object.keys(lies) as VariationName[],
      area: 'log',
      stride: 3,
    });
    expect(report.faults).not.toEqual([]);
  },
);
