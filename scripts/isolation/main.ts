// `npm run isolation`: what transactions beside each other see on real servers, held against what their isolation
// levels forbid. Everything that it starts is gone when it ends, also on Ctrl-C.
import { UsageError } from '../lib/command-words.js';
import { help, parseArguments, type Arguments } from './arguments.js';
import { campaign, reportText } from './campaign.js';

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
    console.error(`${error.message}\nSee npm run isolation -- --help`);
    return 2;
  }
  if (given === null) {
    console.log(help);
    return 0;
  }
  process.stderr.write(`seed ${given.seed}\n`);
  const report = await campaign(given, (text) => {
    process.stderr.write(`${text}\n`);
  });
  console.log(given.isJson ? JSON.stringify(report, null, 2) : reportText(report));
  return report.findings.length === 0 ? 0 : 1;
}
