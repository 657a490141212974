// `npm run check [name…]`: the house checks itself. One line a check; every breach with its place and
// what to do; exit status 1 if there is any.
import { fileURLToPath } from 'node:url';
import { printFinding, type Check } from './check.js';
import { deadCode } from './dead-code.js';
import { documents } from './documents.js';
import { faces } from './faces.js';
import { formatting } from './formatting.js';
import { ladder } from './ladder.js';
import { length } from './length.js';
import { lint } from './lint.js';
import { pins } from './pins.js';
import { promises } from './promises.js';
import { publishing } from './publishing.js';
import { seams } from './seams.js';
import { swallowed } from './swallowed.js';
import { types } from './types.js';
import { words } from './words.js';

/** Cheap ones first, so that a small slip is told in a second. */
const checks: readonly Check[] = [
  ladder,
  pins,
  faces,
  seams,
  length,
  swallowed,
  words,
  promises,
  formatting,
  types,
  lint,
  deadCode,
  documents,
  publishing,
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !checks.some((check) => check.name === name));
if (unknown.length > 0) {
  const known = checks.map(({ name }) => `"${name}"`).join(', ');
  console.error(`no check is called ${unknown.join(', ')}: take one of ${known}`);
  process.exit(2);
}

let breaches = 0;
for (const check of checks) {
  if (wanted.length > 0 && !wanted.includes(check.name)) continue;
  const started = performance.now();
  const findings = await check.run(root);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const verdict = findings.length === 0 ? 'ok  ' : 'FAIL';
  console.log(`${verdict} ${check.name.padEnd(11)} ${seconds.padStart(5)} s  ${check.holds}`);
  for (const finding of findings) console.log(printFinding(finding));
  breaches += findings.length;
}
console.log(breaches === 0 ? 'all checks passed' : `${breaches} breaches`);
process.exitCode = breaches === 0 ? 0 : 1;
