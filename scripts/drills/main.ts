// `npm run drills [-- NAME… --json --list]`: failovers and failures, each played with real servers. The exit
// status is 0 when everything that must hold held.
import { drills } from './all.js';
import { type Drill, type DrillReport, playDrill } from './drill.js';

const usage = `npm run drills [-- NAME… | --list] [--json]

Plays failovers and failures with real servers and prints a timeline and figures of each.
  npm run drills                        all of them
  npm run drills -- switchover          one
  npm run drills -- --list              their names
`;

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(status));
}

process.exit(await main(process.argv.slice(2)));

async function main(given: readonly string[]): Promise<number> {
  const isJson = given.includes('--json');
  const flags = new Set(['--json', '--list', '--help']);
  const names = given.filter((word) => !flags.has(word));
  if (given.includes('--help')) {
    console.log(usage);
    return 0;
  }
  if (given.includes('--list')) {
    for (const { name, title } of drills) console.log(`${name.padEnd(20)} ${title}`);
    return 0;
  }
  const unknown = names.find((name) => drills.every((drill) => drill.name !== name));
  if (unknown !== undefined) {
    console.error(`there is no drill ${unknown}\n\n${usage}`);
    return 2;
  }
  const chosen = drills.filter(({ name }) => names.length === 0 || names.includes(name));
  const reports: DrillReport[] = [];
  for (const drill of chosen) {
    if (!isJson) announce(drill);
    const report = await playDrill(drill, (ms, what) => {
      if (!isJson) console.log(`  ${(ms / 1000).toFixed(2).padStart(7)} s  ${what}`);
    });
    if (!isJson) tell(report);
    reports.push(report);
  }
  if (isJson) console.log(JSON.stringify(reports, null, 2));
  return reports.every(({ faults }) => faults.length === 0) ? 0 : 1;
}

/** With what it is played, if there is a choice, and what is lacking for what would be better. */
function announce({ name, title, ways }: Drill): void {
  console.log(`${name}: ${title}`);
  for (const way of ways) {
    const why = way.lacking();
    if (why === null) {
      if (ways.length > 1) console.log(`  with ${way.name}`);
      return;
    }
    console.log(`  not with ${way.name}: ${why}`);
  }
}

function tell({ faults, figures, seconds, way }: DrillReport): void {
  if (way === null) {
    console.log('    was not played\n');
    return;
  }
  for (const [name, value] of Object.entries(figures)) console.log(`    ${name}: ${value}`);
  for (const fault of faults) console.log(`    WRONG: ${fault}`);
  console.log(`    ${faults.length === 0 ? 'holds' : 'does not hold'}, after ${seconds} s\n`);
}
