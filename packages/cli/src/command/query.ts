// Prints a range, read in one transaction at the isolation level asked for.
import { isolationLevels, readLockModes } from '@pamina/format';
import type { QueryOptions } from '@pamina/wire';
import { defineCommand } from '../command.js';
import { wholeNumber } from '../numbers.js';
import { oneOf } from '../one-of.js';
import { printable } from '../print/units.js';
import { readOptions, readOptionsOf } from '../read-options.js';

/** Lines are gathered up to this size before they are written: one write a line is slow. */
const gatheredCharactersMax = 64 * 1024;

export const query = defineCommand({
  name: 'query',
  summary: 'Print the entries of a range, read in one transaction',
  positionals: { name: { describe: 'Name of the database' } },
  options: {
    prefix: { value: 'TEXT', describe: 'Only entries whose key begins so' },
    gte: { value: 'KEY', describe: 'From this key on' },
    gt: { value: 'KEY', describe: 'From the key behind this one on' },
    lte: { value: 'KEY', describe: 'Up to this key' },
    lt: { value: 'KEY', describe: 'Up to the key before this one' },
    reverse: { describe: 'The last one first' },
    limit: { value: 'COUNT', describe: 'At most so many entries' },
    isolation: {
      value: 'LEVEL',
      describe: `What it may see of others meanwhile: ${isolationLevels.join(', ')} (snapshot)`,
    },
    'lock-mode': {
      value: 'MODE',
      describe: `What it locks, whatever the level: ${readLockModes.join(', ')}`,
    },
    ...readOptions,
  },
  examples: [
    ['pamina query cities --prefix austria/', 'key and value, one entry a line'],
    ['pamina query cities --prefix austria/ --reverse --limit 1 --json', 'the last one'],
    [
      'pamina query cities --gte a --lt b --isolation serializable',
      'waits for who is changing them; nothing comes or goes meanwhile',
    ],
    ['pamina query cities-replica --isolation snapshot --after 1/48213', 'on a replica'],
  ],
  notes: [
    'snapshot never waits, and is what a replica can answer. The others but',
    'uncommittedDocument wait for documents that a transaction is changing, 10',
    'seconds each, and keep others from changing what they read until they end.',
  ],
  async execute(context, given) {
    const { output, signal } = context;
    const options = queryOptionsOf(given);
    const administration = await context.administrationOf(given.name);
    let gathered = '';
    for await (const { key, value } of administration.query(given.name, { ...options, signal })) {
      signal.throwIfAborted();
      const line = output.json
        ? JSON.stringify({ key, value })
        : `${printable(key)}\t${printable(value)}`;
      gathered += `${line}\n`;
      if (gathered.length < gatheredCharactersMax) continue;
      await output.raw(gathered);
      gathered = '';
    }
    if (gathered !== '') await output.raw(gathered);
  },
});

interface Given extends Readonly<Record<keyof typeof readOptions, string | undefined>> {
  readonly prefix: string | undefined;
  readonly gte: string | undefined;
  readonly gt: string | undefined;
  readonly lte: string | undefined;
  readonly lt: string | undefined;
  readonly reverse: boolean;
  readonly limit: string | undefined;
  readonly isolation: string | undefined;
  readonly 'lock-mode': string | undefined;
}

/** USAGE */
function queryOptionsOf(given: Given): QueryOptions {
  const { prefix, gte, gt, lte, lt, reverse } = given;
  const [demands] = readOptionsOf(given);
  return {
    prefix,
    gte,
    gt,
    lte,
    lt,
    ...(reverse && { reverse }),
    limit: wholeNumber('--limit', given.limit, 1, Number.MAX_SAFE_INTEGER),
    isolation: oneOf('--isolation', given.isolation, isolationLevels),
    lockMode: oneOf('--lock-mode', given['lock-mode'], readLockModes),
    ...demands,
  };
}
