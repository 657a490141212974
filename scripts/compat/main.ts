// `npm run compat`: which suites of which applications pass over Pamina, and with --baseline what the
// same suites say over Level on this machine.
import { parseArgs } from 'node:util';
import { applications, type Application } from './applications.js';
import { install, run, type Result } from './run.js';

const usage = `npm run compat [-- NAME… --baseline --json]
names: ${applications.map(({ name }) => name).join(', ')}`;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      baseline: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const unknown = positionals.filter((name) => !applications.some((one) => one.name === name));
  if (values.help === true || unknown.length > 0) {
    console.error(unknown.length > 0 ? `unknown: ${unknown.join(', ')}\n${usage}` : usage);
    return unknown.length > 0 ? 2 : 0;
  }
  await install();
  const chosen = applications.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  const results: Result[] = [];
  let isGood = true;
  for (const application of chosen) {
    const [ours, level] = await both(application, values.baseline === true);
    results.push(ours, ...(level === null ? [] : [level]));
    // A test that fails over Level too says nothing about Pamina.
    const own = ours.failed.filter((test) => level?.failed.includes(test) !== true);
    if (own.length > 0) isGood = false;
    if (values.json !== true) print(ours, level, own);
  }
  if (values.json === true) console.log(JSON.stringify(results, null, 2));
  return isGood ? 0 : 1;
}

async function both(
  application: Application,
  isCompared: boolean,
): Promise<[ours: Result, level: Result | null]> {
  const ours = await run(application, 'pamina');
  return [ours, isCompared ? await run(application, 'level') : null];
}

function suiteOf({ name, suite, suiteVersion }: Result): string {
  if (suite === null)
    return 'which publishes no suite: its answers, compared with those over Level';
  return suite === name ? 'its own suite' : `${suite} ${suiteVersion}`;
}

function print(ours: Result, level: Result | null, own: readonly string[]): void {
  console.log(`${ours.name} ${ours.version}, ${suiteOf(ours)}`);
  for (const { subject, passed, failed, seconds } of level === null ? [ours] : [ours, level]) {
    const over = `over ${subject === 'pamina' ? 'Pamina' : 'Level'}`;
    console.log(`  ${over}: ${passed} passed, ${failed.length} failed (${seconds} s)`);
    for (const test of failed) console.log(`    failed: ${test}`);
  }
  if (own.length > 0) console.log(ours.output);
}
