// `npm test [-- FILTER…]`: installs what is missing, builds, runs every test, and prints as its last
// line how many passed and failed. Plain JavaScript without dependencies: it may run first of all.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, installMissing } from './lib/prepare.mjs';
import { root, runInherited } from './lib/process.mjs';

const reportFile = join(root, '.tmp', `test-report-${process.pid}.json`);

/**
 * Whatever goes wrong before a test could run is one failure, never zero.
 * @param {string} what
 */
function endWithout(what) {
  console.log(`${what}, so no test ran`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}

if ((await installMissing()) !== 0) endWithout('npm ci failed');
if ((await build()) !== 0) endWithout('the build failed');

mkdirSync(join(root, '.tmp'), { recursive: true });
const status = await runInherited(process.execPath, [
  join(root, 'node_modules/vitest/vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${reportFile}`,
  ...process.argv.slice(2),
]);

const { passed, failed, notRun, brokenFiles } = readReport(status);
for (const file of brokenFiles) console.log(`failed to load: ${file}`);
if (notRun.length > 0) {
  console.log(`${notRun.length} did not run here:`);
  for (const name of notRun) console.log(`  ${name}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && status === 0 ? 0 : 1;

/**
 * Counts tests, plus one failure for each file that could not be loaded, plus one if the run failed in
 * another way (an unhandled rejection, a crash): a run that failed never says `0 failed`.
 * @param {number} exitStatus
 */
function readReport(exitStatus) {
  const counted = { passed: 0, failed: 0, notRun: [], brokenFiles: [] };
  let files = [];
  try {
    files = JSON.parse(readFileSync(reportFile, 'utf8')).testResults;
    rmSync(reportFile);
  } catch (error) {
    console.log(`vitest left no report: ${error.message}`);
  }
  for (const file of files) {
    const path = file.name.startsWith(root) ? file.name.slice(root.length) : file.name;
    const failedBefore = counted.failed;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') counted.passed += 1;
      else if (test.status === 'failed') counted.failed += 1;
      else counted.notRun.push(`${path}: ${test.fullName}`);
    }
    if (file.status === 'failed' && counted.failed === failedBefore) {
      counted.failed += 1;
      counted.brokenFiles.push(path);
    }
  }
  if (counted.failed === 0 && (exitStatus !== 0 || files.length === 0)) counted.failed = 1;
  return counted;
}
