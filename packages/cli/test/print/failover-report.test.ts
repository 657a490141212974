import type { RejoinReport } from '@pamina/wire';
import { expect, it } from 'vitest';
import { failoverText, rejoinText } from '../../src/print/failover-report.js';

const report = {
  ...{ master: 'cities', successor: 'cities-2', address: 'http://127.0.0.1:1', position: '2/7' },
  ...{ fenced: true, masterProblem: null, lost: { records: 0, isCertain: true } },
  ...{ withoutWriterMs: 5, candidates: [], followers: [], oldMaster: null, dryRun: false },
};

it('P9 a failover names the archives that the new master is not kept in', () => {
  expect(failoverText(report)).not.toContain('archive');
  expect(failoverText({ ...report, notArchived: ['/mnt/archive'] })).toContain(
    'The old master is archived to /mnt/archive; the new one is not: `pamina archive add cities /mnt/archive`',
  );
});

it('P9 a rejoin says what only the old master had and is in no file', () => {
  const rejoin: RejoinReport = {
    ...{ name: 'cities-old', formerName: 'cities', master: 'cities', forkSeq: 6, unshipped: 2 },
    ...{ rescue: '/data/.rescue/cities.ndjson', kept: '/data/.replaced/cities' },
    ...{ missing: { fromSeq: 7, toSeq: 17 }, dryRun: false },
    way: 'recreated',
  };
  const text = rejoinText(rejoin);
  expect(text).toContain('The records 7 to 17, which only it had, are not in its log any more');
  expect(text).toContain('2 commits that only it had are in /data/.rescue/cities.ndjson');
  const plan = rejoinText({ ...rejoin, unshipped: 0, rescue: null, kept: null, dryRun: true });
  expect(plan).toContain('give `--accept-loss`');
  expect(plan).not.toContain('no commits of its own');
  expect(rejoinText({ ...rejoin, missing: null })).not.toContain('in no file');
});
