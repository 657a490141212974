// The applications, how the suite of each is started, and how its output is counted.
import { join } from 'node:path';

/** What stands where the applications expect `level`. */
export type Subject = 'pamina' | 'level';

export interface Count {
  readonly passed: number;
  /** Names of the tests that failed. */
  readonly failed: readonly string[];
}

export interface Application {
  readonly name: string;
  /** The package whose tests these are; null where none are published and those of this repository stand in. */
  readonly suite: string | null;
  /** Arguments of Node; `folder` is that of the installed packages. */
  readonly args: (folder: string) => string[];
  /** `reference`: what the same run prints over Level. */
  readonly count: (stdout: string, reference: string) => Count;
  /** Whether a reference is needed. */
  readonly isCompared?: boolean;
}

export const applications: readonly Application[] = [
  {
    name: 'y-leveldb',
    suite: 'y-leveldb',
    args: (folder) => [join(folder, 'node_modules/y-leveldb/dist/test.cjs')],
    count: countLib0,
  },
  {
    name: 'datastore-level',
    suite: 'interface-datastore-tests',
    args: (folder) => mocha(folder, 'suite/datastore-level.mjs'),
    count: countMocha,
  },
  {
    name: 'blockstore-level',
    suite: 'interface-blockstore-tests',
    args: (folder) => mocha(folder, 'suite/blockstore-level.mjs'),
    count: countMocha,
  },
  {
    name: 'aedes-persistence-level',
    suite: 'aedes-persistence-level',
    args: (folder) => [
      '--test',
      '--test-reporter=tap',
      join(folder, 'node_modules/aedes-persistence-level/test/test.js'),
    ],
    count: countTap,
  },
  {
    name: 'dynalite',
    suite: null,
    args: (folder) => [join(folder, 'suite/dynalite.mjs')],
    count: countAnswers,
    isCompared: true,
  },
];

function mocha(folder: string, suite: string): string[] {
  return [
    join(folder, 'node_modules/mocha/bin/mocha.js'),
    '--reporter',
    'json',
    join(folder, suite),
  ];
}

function countMocha(stdout: string): Count {
  const report = JSON.parse(stdout.slice(stdout.indexOf('{'))) as {
    stats: { passes: number };
    failures: { fullTitle: string }[];
  };
  return {
    passed: report.stats.passes,
    failed: report.failures.map(({ fullTitle }) => fullTitle),
  };
}

/** Only the tests at the top: those below are parts of them. */
function countTap(stdout: string): Count {
  const failed: string[] = [];
  let passed = 0;
  for (const [, not, name = ''] of stdout.matchAll(/^(not )?ok \d+ - (.*)$/gm)) {
    // With a directive behind its name it was skipped, or is not expected to pass.
    if (/ # [A-Z]{4}\b/.test(name)) continue;
    if (not === undefined) passed++;
    else failed.push(name);
  }
  return { passed, failed };
}

/** One request a line, with the answer, which must be the one that is given over Level. */
function countAnswers(stdout: string, reference: string): Count {
  const [answers, expected] = [stdout, reference].map((text) => text.split('\n').filter(Boolean));
  if (answers === undefined || expected === undefined || expected.length === 0) {
    throw new Error('there is nothing to compare with');
  }
  const failed = expected.flatMap((line, index) => {
    if (line === answers[index]) return [];
    const { operation } = JSON.parse(line) as { operation: string };
    return [`request ${index + 1}, ${operation}`];
  });
  const surplus = answers.slice(expected.length).map((_, index) => `surplus answer ${index + 1}`);
  return { passed: expected.length - failed.length, failed: [...failed, ...surplus] };
}

/** Each test says `[number/of all] group: name` when it begins and `Success: name` when it ends well. */
function countLib0(stdout: string): Count {
  const begun = [...stdout.matchAll(/^\[\d+\/\d+\] \w+: (.*)$/gm)].map(([, name = '']) => name);
  const ended = new Set(
    [...stdout.matchAll(/^Success: (.*) in [\d.]+m?s/gm)].map(([, name = '']) => name),
  );
  return {
    passed: begun.filter((name) => ended.has(name)).length,
    failed: begun.filter((name) => !ended.has(name)),
  };
}
