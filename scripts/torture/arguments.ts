// The command line of `npm run torture`.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { areas, variations, type Area, type VariationName } from './errors.js';
import { fullFileSystems } from './full.js';
import type { FileSystem } from './machine.js';
import { powerFileSystems, type PowerFileSystem } from './power.js';
import { pointWorkNames, type PointWorkName } from './program/point-works.js';
import type { PointsOptions } from './points.js';
import { count, one, seedsEnd, some, UsageError } from '../lib/command-words.js';
import { isPlant, plants, type Plant } from './program/plants.js';

export const tortures = ['kill', 'points', 'power', 'errors', 'full', 'soak', 'network'] as const;
export type Torture = (typeof tortures)[number];

export interface Arguments {
  readonly torture: Torture;
  readonly json: boolean;
  readonly seed: number;
  readonly cycles: number;
  readonly cuts: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly drillSeconds: number;
  readonly connections: number;
  readonly silent: number;
  readonly pauseMsMax: number;
  readonly stride: number;
  readonly jobs: number;
  readonly powerOn: readonly PowerFileSystem[];
  readonly fullOn: readonly FileSystem[];
  readonly variations: readonly VariationName[];
  readonly area: Area;
  readonly works: readonly PointWorkName[];
  readonly times: PointsOptions['times'];
  readonly isListOnly: boolean;
  readonly plant: Plant | null;
}

export const help = `npm run torture -- TORTURE [OPTIONS]

  kill     a process with 16 writers is killed with SIGKILL, again and again
             --cycles N     how often (200)
  points   a process is killed with SIGKILL at every named step of backups, expiry, archiving, restores
           and swaps, before, half-way and after it
             --list         names all the points, and kills nobody
             --work WORK    only of: ${pointWorkNames.join(', ')} (all)
             --every        each time that a step comes, not the first and the last alone
  power    the file system under the writers is cut off as by a power failure (root)
             --cuts N       how often, over all file systems (50)
             --on FS,FS     of ${powerFileSystems.join(', ')} (all)
  errors   each write, sync and change of a name of a fixed piece of work fails once
             --stride N     only every N-th one (1: every one)
             --area AREA    only calls on files of: ${Object.keys(areas).join(', ')} (all)
             --only 'NAME'  one kind of failure: ${Object.keys(variations).join(', ')}
             --jobs N       processes at a time (2)
  full     the file system has no space left; space returns (root)
             --rounds N     on each file system (6)
             --on FS,FS     of ${fullFileSystems.join(', ')} (all)
  soak     writers, backups, expiry and an archive; every few seconds a restore to a record drawn at random
             --seconds N    how long (120)
             --drill N      seconds between two drills (10)
  network  a master and a replica with many clients, of which some never read; each side is restarted and killed
             --seconds N    how long (600)
             --connections N  of all clients (1000)
             --silent N     of them, those that never read (100)
             --pause N      milliseconds at most between two rounds of a client (1000)

  --seed N       as an earlier run printed it; decides what is written and how it is disturbed, though
                 not at which instruction a kill strikes
  --plant NAME   shows that a fault is found: ${Object.keys(plants).join(', ')}
  --json         the report as one JSON object on stdout
  --help

Examples
  npm run torture -- kill --cycles 2000
  npm run torture -- points --list
  npm run torture -- points --work expire,archive --every
  npm run torture -- power --cuts 500 --on ext4
  npm run torture -- errors --only 'sync fails' --area log
  npm run torture -- power --plant no-sync
  npm run torture -- soak --seconds 3600 --drill 30
  npm run torture -- network --seconds 600

Progress goes to stderr. Exit status: 0 nothing wrong, 1 something wrong, 2 not understood, 3 nothing
wrong, but a part could not run on this machine.`;

/** Null if only help is wanted. UsageError. */
export function parseArguments(given: readonly string[]): Arguments | null {
  const { values, positionals } = parse(given);
  if (values.help === true) return null;
  const [torture, ...more] = positionals;
  const known = tortures.find((name) => name === torture);
  if (known === undefined || more.length > 0) {
    throw new UsageError(`name one torture: ${tortures.join(', ')}`);
  }
  const { on } = values;
  return {
    torture: known,
    json: values.json === true,
    seed: count('seed', values.seed, randomInt(seedsEnd), 0),
    cycles: count('cycles', values.cycles, 200),
    cuts: count('cuts', values.cuts, 50),
    rounds: count('rounds', values.rounds, 6),
    seconds: count('seconds', values.seconds, known === 'network' ? 600 : 120),
    drillSeconds: count('drill', values.drill, 10, 0),
    connections: count('connections', values.connections, 1000),
    silent: count('silent', values.silent, 100, 0),
    pauseMsMax: count('pause', values.pause, 1000),
    stride: count('stride', values.stride, 1),
    jobs: count('jobs', values.jobs, 2),
    powerOn: known === 'power' ? some('on', on, powerFileSystems) : powerFileSystems,
    fullOn: known === 'full' ? some('on', on, fullFileSystems) : fullFileSystems,
    variations: some('only', values.only, keysOf(variations)),
    area: one('area', values.area, keysOf(areas), 'all'),
    works: some('work', values.work, pointWorkNames),
    times: values.every === true ? 'every' : 'first and last',
    isListOnly: known === 'points' && values.list === true,
    plant: plantOf(values.plant),
  };
}

function parse(given: readonly string[]) {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...given],
      allowPositionals: true,
      options: {
        cycles: text,
        cuts: text,
        rounds: text,
        seconds: text,
        drill: text,
        connections: text,
        silent: text,
        pause: text,
        stride: text,
        jobs: text,
        on: text,
        only: text,
        area: text,
        plant: text,
        seed: text,
        work: text,
        every: { type: 'boolean' },
        list: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function plantOf(given: string | undefined): Plant | null {
  if (given === undefined) return null;
  if (isPlant(given)) return given;
  throw new UsageError(`--plant ${given}: take ${Object.keys(plants).join(', ')}`);
}

function keysOf<K extends string>(record: Readonly<Record<K, unknown>>): readonly K[] {
  return Object.keys(record) as K[];
}
