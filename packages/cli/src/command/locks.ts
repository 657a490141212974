// Who holds which lock in a database, and the way out where nobody ends a transaction.
import type { Administration, LockSummary } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { table } from '../print/table.js';
import { formatDuration, printable } from '../print/units.js';

/** As many as the server lists. */
const locksMax = 250_000;
const locksShown = 1000;

export const locks = defineCommand({
  name: 'locks',
  summary: 'List the locks of a database, or free those of one transaction',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    release: {
      value: 'TRANSACTION',
      describe:
        'Free what this one holds: on a replica one of its master, elsewhere it is rolled back',
    },
    'dry-run': { describe: 'Only show what --release would free' },
    limit: { value: 'COUNT', describe: 'At most so many locks (1000)' },
  },
  examples: [
    ['pamina locks cities', 'held and waited for, the oldest transactions first'],
    ['pamina locks cities-replica --json', 'with those of transactions of the master'],
    ['pamina locks cities-replica --release 17', 'after a master that will not come back'],
  ],
  notes: [
    'On a replica documents of a transaction that its master never ended stay locked',
    'until the next session of the master, a promotion, or --release.',
  ],
  async execute(context, given) {
    const { name, limit } = given;
    const { output } = context;
    const administration = await context.administrationOf(name);
    const count = wholeNumber('--limit', limit, 1, locksMax);
    const transaction = wholeNumber('--release', given.release, 1, Number.MAX_SAFE_INTEGER);
    if (transaction === undefined) {
      const found = await context.during('Listing locks', () =>
        administration.locks(name, { limit: count }),
      );
      await output.result({ locks: found }, () => (found.length === 0 ? '' : locksText(found)));
      if (found.length === 0) output.note(`Nothing is locked in ${name}.`);
      return;
    }
    if (given['dry-run']) {
      const held = await context.during('Listing locks', () =>
        heldBy(administration, name, transaction),
      );
      const shown = held.slice(0, count ?? locksShown);
      await output.result({ locks: shown }, () => (shown.length === 0 ? '' : locksText(shown)));
      if (held.length === 0) output.note(`Transaction ${transaction} holds nothing in ${name}.`);
      return;
    }
    await context.during(`Releasing transaction ${transaction}`, () =>
      administration.releaseLocks(name, transaction),
    );
    await output.result(
      { name, transaction, released: true },
      () => `transaction ${transaction} holds nothing any more in ${name}`,
    );
  },
});

/** What --release would free: on a replica a transaction from there may have the number, too. */
async function heldBy(
  administration: Administration,
  name: string,
  transaction: number,
): Promise<LockSummary[]> {
  const { type } = await administration.status(name);
  const origin = type === 'replica' ? 'master' : 'here';
  const found = await administration.locks(name, { limit: locksMax });
  return found.filter((one) => one.transaction === transaction && one.origin === origin);
}

function locksText(locks: readonly LockSummary[]): string {
  return table(
    [
      { title: 'transaction' },
      { title: 'of' },
      { title: 'level' },
      { title: 'name' },
      { title: 'mode' },
      { title: 'waits' },
    ],
    locks.map(({ level, mode, name, origin, transaction, waitingMs }) => [
      String(transaction),
      origin === 'master' ? 'the master' : 'this database',
      level,
      printable(name),
      mode,
      waitingMs === null ? 'holds it' : `for ${formatDuration(waitingMs)}`,
    ]),
  );
}
