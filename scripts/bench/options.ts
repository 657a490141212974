// The command line of the bench, and how much each row does for it.
import { parseArgs } from 'node:util';

export interface Options {
  /** Names of rows; null for all. */
  readonly rows: readonly string[] | null;
  /** Where the databases are; null for the system's temporary folder. */
  readonly folder: string | null;
  readonly resultsFolder: string | null;
  readonly json: boolean;
  readonly budget: Budget;
}

/** How much is measured. Seconds are for each contestant, over all rounds. */
export interface Budget {
  readonly quick: boolean;
  readonly rounds: number;
  readonly commitSeconds: number;
  readonly putSeconds: number;
  readonly readSeconds: number;
  readonly encodingSeconds: number;
  /** Not counted, before the first round of each contestant. */
  readonly warmUpSeconds: number;
  /** How long a turn waits for the machine to be quiet. */
  readonly quietSecondsMax: number;
  /** Records of one round of replay, catch-up, and of the store that is read. */
  readonly records: number;
  /** While a replica was stopped. */
  readonly missedCommits: number;
  /** That a master has to itself, and its replicas. */
  readonly idleSeconds: number;
  /** Which a slow replica has yet to receive. */
  readonly behindDocuments: number;
  /** Of the database that is backed up. */
  readonly backupDocuments: number;
  readonly sustainedPuts: number;
  readonly sustainedSecondsMin: number;
  /** The minute of the sustained row. */
  readonly windowSeconds: number;
}

export type Request =
  | { readonly do: 'run'; readonly options: Options }
  | { readonly do: 'help' }
  | { readonly do: 'list' };

export const usage = `npm run bench -- [OPTION…]

  --rows NAME,NAME   only these rows (--list names them)
  --rounds N         turns of each contestant (3; with --quick 2)
  --seconds S        seconds of each contestant of a commit row, all rounds together (60); the other
                     timed rows grow and shrink with it
  --quick            everything in seconds, to see that it works: its figures mean nothing
  --folder DIR       where the databases are (the system's temporary folder); to be on a real disk
  --results DIR      where the results are written (bench-results)
  --json             the results as JSON on stdout instead of tables
  --list             the rows
  --help             this

Results are also written to files, as JSON and as Markdown. Progress is on stderr.`;

/** TypeError with a message for the user when they cannot be understood. */
export function parseOptions(args: readonly string[], rowNames: readonly string[]): Request {
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      rows: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      folder: { type: 'string' },
      results: { type: 'string' },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { do: 'help' };
  if (values.list) return { do: 'list' };
  const rows = values.rows === undefined ? null : namesIn(values.rows, rowNames);
  const rounds = values.rounds === undefined ? null : positive('rounds', values.rounds);
  if (rounds !== null && !Number.isInteger(rounds)) {
    throw new TypeError(`--rounds ${rounds}: give a whole number`);
  }
  const seconds = values.seconds === undefined ? null : positive('seconds', values.seconds);
  const budget = budgetFor(values.quick, rounds, seconds);
  const { folder = null, results: resultsFolder = null, json } = values;
  return { do: 'run', options: { rows, folder, resultsFolder, json, budget } };
}

function namesIn(text: string, known: readonly string[]): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new TypeError(`no row is called "${unknown.join('", "')}": take of ${known.join(', ')}`);
  }
  return names;
}

function positive(option: string, text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new TypeError(`--${option} ${text}: give a number above 0`);
}

function budgetFor(quick: boolean, rounds: number | null, seconds: number | null): Budget {
  const commitSeconds = seconds ?? (quick ? 2 : 60);
  return {
    quick,
    rounds: rounds ?? (quick ? 2 : 3),
    commitSeconds,
    putSeconds: commitSeconds / 2,
    readSeconds: commitSeconds / 10,
    encodingSeconds: commitSeconds / 4,
    warmUpSeconds: quick ? 0.2 : 2,
    quietSecondsMax: quick ? 0 : 10,
    records: quick ? 5000 : 300_000,
    missedCommits: quick ? 2000 : 200_000,
    idleSeconds: commitSeconds / 2,
    behindDocuments: quick ? 10_000 : 2 ** 20 + 2 ** 17,
    backupDocuments: quick ? 5000 : Math.round((commitSeconds / 60) * 2 ** 20),
    sustainedPuts: quick ? 10_000 : 3_000_000,
    sustainedSecondsMin: commitSeconds * 3,
    windowSeconds: commitSeconds,
  };
}
