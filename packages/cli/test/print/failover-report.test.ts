import { expect, it } from 'vitest';
import { failoverText } from '../../src/print/failover-report.js';

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
