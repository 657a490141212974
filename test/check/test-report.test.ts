import { describe, expect, it } from 'vitest';
import { countTests } from '../../scripts/lib/test-report.mjs';

const file = (status: string, ...tests: [name: string, status: string][]) => ({
  name: '/here/a.test.ts',
  status,
  assertionResults: tests.map(([fullName, result]) => ({
    fullName,
    status: result,
    failureMessages: result === 'failed' ? ['Error: it broke\n    at somewhere'] : [],
  })),
});

describe('the last line of npm test', () => {
  it('counts tests of all files together and names those that failed and those that did not run', () => {
    const testResults = [
      file('passed', ['one', 'passed'], ['two', 'pending']),
      file('failed', ['three', 'failed'], ['four', 'passed']),
    ];
    expect(countTests({ testResults }, 1, '/here/')).toEqual({
      passed: 2,
      failed: 1,
      failures: ['a.test.ts: three: Error: it broke'],
      notRun: ['a.test.ts: two'],
      brokenFiles: [],
    });
  });

  it('counts a file that cannot be loaded as a failure', () => {
    const { failed, brokenFiles } = countTests({ testResults: [file('failed')] }, 1, '/here/');
    expect({ failed, brokenFiles }).toEqual({ failed: 1, brokenFiles: ['a.test.ts'] });
  });

  it('never says that nothing failed when the run failed or ran nothing', () => {
    const sound = { testResults: [file('passed', ['one', 'passed'])] };
    expect(countTests(sound, 0, '/here/').failed).toBe(0);
    expect(countTests(sound, 1, '/here/').failed).toBe(1);
    expect(countTests({ testResults: [] }, 0, '/here/').failed).toBe(1);
  });
});
