// The torture's command line: what it takes, what it refuses, and the status that it ends with.
import { describe, expect, it } from 'vitest';
import { help, parseArguments } from '../../scripts/torture/arguments.js';
import { UsageError } from '../../scripts/lib/command-words.js';
import { reportText, statusOf, type Report } from '../../scripts/torture/report.js';

const report: Report = {
  torture: 'kill',
  seed: 1,
  seconds: 2,
  figures: { 'commits acknowledged': 1234, 'cut off while': { writing: 3 } },
  faults: [],
  notRun: [],
};

describe('the command line of the torture', () => {
  it('takes a torture with its options, and gives a seed of its own', () => {
    const given = parseArguments(['power', '--cuts', '500', '--on', 'xfs', '--json']);
    expect(given).toMatchObject({ torture: 'power', cuts: 500, powerOn: ['xfs'], json: true });
    expect(given?.seed).toBeGreaterThanOrEqual(0);
    expect(parseArguments(['kill', '--seed', '0', '--plant', 'no-sync'])).toMatchObject({
      seed: 0,
      plant: 'no-sync',
    });
    expect(parseArguments(['errors', '--only', 'sync fails', '--area', 'log'])).toMatchObject({
      variations: ['sync fails'],
      area: 'log',
      stride: 1,
    });
    expect(parseArguments(['--help'])).toBeNull();
    expect(help).toContain('Examples');
  });

  it.each([
    [],
    ['sink'],
    ['kill', 'power'],
    ['kill', '--cycles', '0'],
    ['kill', '--seed', '-1'],
    ['power', '--on', 'ntfs'],
    ['kill', '--plant', 'weeds'],
    ['errors', '--area', 'moon'],
    ['kill', '--fast'],
  ])('refuses %j %j %j', (...given: string[]) => {
    expect(() => parseArguments(given)).toThrow(UsageError);
  });

  it('ends with 0, 1 or 3 by what was found and what could not run', () => {
    const notRun = [{ what: 'power on xfs', why: 'mkfs.xfs is missing' }];
    const faults = [{ where: 'kill 3', what: 'lost: commit 1 of writer 0' }];
    expect(statusOf(report)).toBe(0);
    expect(statusOf({ ...report, notRun })).toBe(3);
    expect(statusOf({ ...report, notRun, faults })).toBe(1);
    expect(reportText({ ...report, notRun, faults })).toContain('NOT RUN: power on xfs');
    expect(reportText({ ...report, faults })).toContain('WRONG: kill 3: lost');
  });
});
