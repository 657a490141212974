// @ts-check
// `npm test [-- FILTER…]`: installs what is missing, builds, runs every test, and prints as its last
// line how many passed and failed. Plain JavaScript without dependencies: it may run first of all.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, installMissing } from './lib/prepare.mjs';
import { root, runInherited } from './lib/process.mjs';
import { countTests } from './lib/test-report.mjs';

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

const { passed, failed, failures, notRun, brokenFiles } = countTests(readReport(), status, root);
// Thousands of lines came between: who reads only the end of a log learns what to run again.
for (const failure of failures) console.log(`failed: ${failure}`);
for (const file of brokenFiles) console.log(`failed to load: ${file}`);
if (notRun.length > 0) {
  console.log(`${notRun.length} did not run here:`);
  for (const name of notRun) console.log(`  ${name}`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && status === 0 ? 0 : 1;

function readReport() {
  try {
    const report = JSON.parse(readFileSync(reportFile, 'utf8'));
    rmSync(reportFile);
    return report;
  } catch (error) {
    console.log(`vitest left no report: ${error instanceof Error ? error.message : String(error)}`);
    return { testResults: [] };
  }
}
