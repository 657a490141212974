// The command line of `npm run isolation`.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { isolationLevels, type Isolation } from '@pamina/format';
import { workloadNames, type WorkloadName } from '../../packages/sim/src/isolation/workload.js';
import { count, seedsEnd, some, UsageError } from '../lib/command-words.js';
import { replicaLevels } from './remote-places.js';
import { meanings, roundKinds, type RoundKind } from './rounds.js';

export interface Arguments {
  readonly seconds: number;
  readonly seed: number;
  readonly clients: number;
  readonly levels: readonly Isolation[];
  readonly workloads: readonly WorkloadName[];
  readonly kinds: readonly RoundKind[];
  readonly isJson: boolean;
}

export const help = `npm run isolation -- [OPTIONS]

Transactions of many clients beside each other on real servers, in rounds of a few seconds. All that they saw is
written down, and a checker says whether it may have happened at their isolation levels.

  --seconds N         how long (60)
  --seed S            decides what is done, though not what meets what
  --clients N         beside each other (8)
  --level L,L         of ${isolationLevels.join(', ')} (all)
  --workload W,W      of ${workloadNames.join(', ')} (all)
  --round KIND,KIND   (all, in turn)
${roundKinds.map((kind) => `    ${kind.padEnd(10)} ${meanings[kind]}`).join('\n')}
  --json              the report as one JSON object on stdout
  --help

On the replica transactions read, at ${replicaLevels.join(', ')}.

Examples
  npm run isolation -- --seconds 600
  npm run isolation -- --level serializable,snapshot --workload money --round kill,failover
  npm run isolation -- --seed 7 --round storm --clients 16

Progress goes to stderr. A history in which something was found is kept in .tmp/isolation. Exit status: 0 nothing
wrong, 1 something wrong, 2 not understood.`;

/** Null if only help is wanted. UsageError. */
export function parseArguments(given: readonly string[]): Arguments | null {
  const { help: isHelp, json, level, round, workload, ...counts } = parse(given);
  if (isHelp === true) return null;
  return {
    seconds: count('seconds', counts.seconds, 60),
    seed: count('seed', counts.seed, randomInt(seedsEnd), 0),
    clients: count('clients', counts.clients, 8),
    levels: some('level', level, isolationLevels),
    workloads: some('workload', workload, workloadNames),
    kinds: some('round', round, roundKinds),
    isJson: json === true,
  };
}

function parse(given: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    const { values } = parseArgs({
      args: [...given],
      options: {
        seconds: text,
        seed: text,
        clients: text,
        level: text,
        workload: text,
        round: text,
        json: flag,
        help: { ...flag, short: 'h' },
      },
    });
    return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}
