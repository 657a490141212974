// @ts-check
// Counts what a test run has done, from vitest's JSON report.

/**
 * One for each test, plus one failure for each file that could not be loaded, plus one if the run failed
 * in another way (an unhandled rejection, a crash, no test at all): a run that failed never says `0 failed`.
 * @param {{ testResults: { name: string, status: string, assertionResults: { status: string, fullName: string, failureMessages?: string[] }[] }[] }} report
 * @param {number} exitStatus of vitest
 * @param {string} root is left out of the names of files
 */
export function countTests(report, exitStatus, root) {
  let passed = 0;
  let failed = 0;
  const failures = [];
  const notRun = [];
  const brokenFiles = [];
  for (const file of report.testResults) {
    const path = file.name.startsWith(root) ? file.name.slice(root.length) : file.name;
    const failedBefore = failed;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') {
        failed += 1;
        failures.push(`${path}: ${test.fullName}: ${firstLine(test.failureMessages?.[0])}`);
      } else notRun.push(`${path}: ${test.fullName}`);
    }
    if (file.status === 'failed' && failed === failedBefore) {
      failed += 1;
      brokenFiles.push(path);
    }
  }
  if (failed === 0 && (exitStatus !== 0 || passed === 0)) failed = 1;
  return { passed, failed, failures, notRun, brokenFiles };
}

/** @param {string | undefined} message with a stack behind it */
function firstLine(message = 'no message') {
  return message.split('\n', 1)[0];
}
