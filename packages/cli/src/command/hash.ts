// The state hash: equal at one position on every copy, so it proves replicas, backups and files.
import { parsePosition, PaminaError } from '@pamina/format';
import { defineCommand } from '../command.js';
import { hashText } from '../print/hash-report.js';

export const hash = defineCommand({
  name: 'hash',
  summary: 'Print position and state hash; with --verify compare with the newest backup',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    at: { value: 'POSITION', describe: 'Recover a scratch copy to this position and hash that' },
    verify: { describe: 'Compare with the newest backup, recovered to the position' },
  },
  examples: [
    ['pamina hash cities', 'position and state hash'],
    ['pamina hash cities --verify', 'finds silent damage in the files of the store'],
    ['pamina hash cities --at 1/48213', 'of the state at an earlier position'],
  ],
  async execute(context, given) {
    const { at, verify } = given;
    if (at !== undefined) parsePosition(at);
    const administration = await context.administrationOf(given.name);
    const report = await context.during(`Hashing ${given.name}`, (progress) =>
      administration.hash(given.name, { at, verify }, progress),
    );
    await context.output.result(report, () => hashText(report));
    if (report.verified !== false) return;
    throw new PaminaError(
      'STATE_HASH_MISMATCH',
      `${given.name} at ${report.position} does not hold what its backup and log say`,
    );
  },
});
