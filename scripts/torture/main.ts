// `npm run torture -- kill|power|points|errors|full|soak|network`: what no test can prove by thinking. Everything that it
// makes is gone when it ends, also on Ctrl-C (workplace.ts).
import { UsageError } from '../lib/command-words.js';
import { help, parseArguments, type Arguments } from './arguments.js';
import { errors } from './errors.js';
import { full } from './full.js';
import { network } from './network.js';
import { kill } from './kill.js';
import { points, pointsText } from './points.js';
import { power } from './power.js';
import { soak } from './soak.js';
import { exitStatus, progressOnStderr, reportText, statusOf, type Report } from './report.js';

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(status));
}

process.exit(await main());

async function main(): Promise<number> {
  let given: Arguments | null;
  try {
    given = parseArguments(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\nSee npm run torture -- --help`);
    return exitStatus.usage;
  }
  if (given === null) {
    console.log(help);
    return exitStatus.good;
  }
  if (given.isListOnly) {
    const shared = { ...given, progress: progressOnStderr() };
    console.log(pointsText(await points(shared)));
    return exitStatus.good;
  }
  process.stderr.write(`seed ${given.seed}\n`);
  const report = await run(given);
  if (process.stderr.isTTY) process.stderr.write('\n');
  console.log(given.json ? JSON.stringify(report, null, 2) : reportText(report));
  return statusOf(report);
}

function run(given: Arguments): Promise<Report> {
  const { seed, plant } = given;
  const shared = { seed, plant, progress: progressOnStderr() };
  switch (given.torture) {
    case 'kill':
      return kill({ ...shared, cycles: given.cycles });
    case 'points':
      return points({ ...shared, ...given });
    case 'power':
      return power({ ...shared, cuts: given.cuts, fileSystems: given.powerOn });
    case 'soak': {
      const { seconds, drillSeconds } = given;
      return soak({ ...shared, seconds, drillSeconds });
    }
    case 'network':
      return network({ ...shared, ...given });
    case 'full':
      return full({ ...shared, rounds: given.rounds, fileSystems: given.fullOn });
    case 'errors': {
      const { area, jobs, stride, variations } = given;
      return errors({ ...shared, area, jobs, stride, variations });
    }
  }
}
