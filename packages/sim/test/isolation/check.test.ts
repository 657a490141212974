// The checker of histories: it finds each anomaly where the level forbids it, and nothing where nothing is.
import { readFileSync } from 'node:fs';
import { isolationLevels, type Isolation } from '@pamina/format';
import { describe, expect, it, test } from 'vitest';
import type { AnomalyName } from '../../src/isolation/anomaly.js';
import { checkIsolation } from '../../src/isolation/check.js';
import { plays } from './plays.js';
import { historyOf } from './script.js';

function found(text: string, level?: Isolation): AnomalyName[] {
  return checkIsolation(historyOf(text, level)).map(({ name }) => name);
}

/** Level → what the engine's own table says of it, for each anomaly. */
function documented(): Map<string, Map<string, string>> {
  const file = new URL('../../../engine/docs/anomalies.md', import.meta.url);
  const rows = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()));
  const [[, ...levels] = [], , ...anomalies] = rows;
  return new Map(
    anomalies.map(([name = '', ...cells]) => [
      name,
      new Map(levels.map((level, at) => [level, cells[at] ?? ''])),
    ]),
  );
}

const table = documented();

test('the checker knows each anomaly of the table', () => {
  expect([...table.keys()]).toEqual(Object.keys(plays));
});

for (const [anomaly, text] of Object.entries(plays)) {
  test.each(isolationLevels)(`P12 ${anomaly} at %s is found where it cannot happen`, (level) => {
    const verdict = table.get(anomaly)?.get(level);
    const names = found(text, level);
    if (verdict === 'possible') expect(names).toEqual([]);
    else expect(names.length).toBeGreaterThan(0);
  });
}

const findings: readonly [AnomalyName, string][] = [
  ['own write not seen', 'a begin snapshot\na w x 1\na r x -\na commit'],
  [
    'own write not seen',
    's begin serializable\ns + l 1\ns commit\na begin serializable\na r! l [1]\na + l 2\na r l [1]\na commit',
  ],
  ['value from nowhere', 'a begin snapshot\na r x ghost\na commit'],
  [
    'value from nowhere',
    's begin snapshot\ns + l 1\ns commit\na begin snapshot\na r l [ghost 1]\na commit',
  ],
  [
    'aborted read',
    'a begin serializable\na w x 1\nb begin serializable\nb r x 1\na rollback\nb commit',
  ],
  [
    'intermediate read',
    'a begin serializable\na w x 1\nb begin serializable\nb r x 1\na w x 2\na commit\nb commit',
  ],
  [
    'uncommitted read',
    'a begin serializable\na w x 1\nb begin uncommittedDocument\nb r x 1\na commit\nb commit',
  ],
  [
    'dirty update',
    `a begin serializable
     a + l 1
     b begin serializable
     b r! l [1]
     b + l 2
     a rollback
     b commit
     c begin serializable
     c r l [1 2]
     c commit`,
  ],
  [
    'incompatible order',
    `a begin serializable
     a r! l -
     a + l 1
     a commit
     b begin serializable
     b r! l [1]
     b + l 2
     b commit
     c begin serializable
     c r l [2]
     c commit`,
  ],
  [
    'changed while held',
    `a begin stableDocument
     a r x -
     b begin stableDocument
     b w x 1
     b commit
     a w y 1
     a commit`,
  ],
  [
    'stale read',
    `a begin serializable
     a w x 1
     a commit
     b begin uncommittedDocument
     b r x -
     b commit`,
  ],
  [
    'session goes back',
    `a begin snapshot
     a w x 1
     a commit
     b begin snapshot on copy after 1
     b r x -
     b commit`,
  ],
  [
    'session goes back',
    `a begin serializable
     a w x 1
     a commit
     b1 begin snapshot on copy
     b1 r x 1
     b1 commit
     b2 begin snapshot on copy
     b2 r x -
     b2 commit`,
  ],
  [
    'write cycle',
    `a begin serializable
     a + x a
     a + y a
     a lost
     b begin serializable
     b + x b
     b + y b
     b lost
     c begin snapshot on copy
     c r x [a b]
     c r y [b a]
     c commit`,
  ],
  [
    'circular information flow',
    `a begin serializable
     b begin serializable
     a w x 1
     b w y 1
     a r y 1
     b r x 1
     a commit
     b commit`,
  ],
  [
    'read skew',
    `r begin snapshot on copy
     w begin serializable
     w w x 1
     w w y 1
     w commit
     r r x -
     r r y 1
     r commit`,
  ],
  [
    'write skew',
    `a begin serializable
     b begin serializable
     a r x -
     b r y -
     b w x 1
     a w y 1
     b commit
     c begin serializable
     c r y -
     c r x 1
     c commit
     a commit`,
  ],
  [
    'long fork',
    `f begin snapshot
     f w x 1
     f lost
     g begin snapshot
     g w y 1
     g lost
     a begin snapshot on here
     a r x 1
     a r y -
     a commit
     b begin snapshot on there
     b r x -
     b r y 1
     b commit`,
  ],
  [
    'real-time cycle',
    `a begin snapshot
     b begin snapshot
     b w x b
     b commit
     a w x a
     a commit`,
  ],
];

describe('P12 the checker finds', () => {
  it.each(findings)('%s', (name, text) => {
    expect(found(text)).toContain(name);
  });

  it('accounts that do not add up, read in one state', () => {
    const accounts = { prefix: 'a/', count: 2, total: 10 };
    const text = `
      s begin serializable
      s w a/1 5 by s
      s w a/2 5 by s
      s commit
      t begin serializable
      t w a/1 4 by t
      t w a/2 6 by t
      t commit
      r begin LEVEL
      r r a/1 5 by s
      r r a/2 6 by t
      r commit`;
    const names = (level: Isolation) =>
      checkIsolation(historyOf(text, level), accounts).map(({ name }) => name);
    expect(names('snapshot')).toContain('total not kept');
    expect(names('committedCommand')).not.toContain('total not kept');
  });
});

const sound: readonly [string, string][] = [
  [
    'a write skew of snapshots, and of one with a transaction that locks',
    `a begin snapshot
     b begin snapshot
     a r x -
     b r y -
     b w x 1
     a w y 1
     a commit
     b commit
     c begin snapshot
     c r z -
     d begin serializable
     d r v -
     d w z 1
     c w v 1
     d commit
     c commit`,
  ],
  [
    'a replica that is behind, for whoever holds no token',
    `a begin serializable
     a w x 1
     a commit
     b1 begin snapshot on copy
     b1 r x -
     b1 commit
     b2 begin snapshot on copy after 1
     b2 r x 1
     b2 commit`,
  ],
  [
    'a commit of which nobody knows, seen or not',
    `a begin serializable
     a r! l -
     a + l 1
     a lost
     b begin serializable
     b r! l [1]
     b + l 2
     b commit
     c begin serializable
     c w x 1
     c lost
     d begin serializable
     d r l [1 2]
     d r x -
     d commit`,
  ],
  [
    'appends to what was read under no lock, one of which is lost',
    `a begin committedCommand
     b begin committedCommand
     a r l -
     b r l -
     a + l 1
     a commit
     b + l 2
     b commit
     c begin serializable
     c r l [2]
     c commit`,
  ],
  [
    'two who append to what they have not read, and read it then',
    `a begin serializable
     a + l 1
     a commit
     b begin serializable
     b + l 2
     b r l [1 2]
     b commit
     c begin snapshot
     c r l [1 2]
     c commit`,
  ],
];

describe('the checker finds nothing in', () => {
  it.each(sound)('%s', (_what, text) => {
    expect(checkIsolation(historyOf(text))).toEqual([]);
  });
});

it('says the smallest circle in words', () => {
  const { text } = checkIsolation(historyOf(plays['write skew'] ?? '')).find(
    ({ name }) => name === 'write skew',
  )!;
  expect(text.split('\n')).toEqual([
    'write skew: a circle of 2 transactions',
    '  T1 (a, serializable, 1/2) read y = 0, and not yet b, which T2 (b, serializable, 1/3) wrote',
    '  T2 (b, serializable, 1/3) read x = 0, and not yet a, which T1 (a, serializable, 1/2) wrote',
  ]);
});

it('refuses a history in which one value was written twice', () => {
  const text = 'a begin snapshot\na w x 1\na commit\nb begin snapshot\nb w x 1\nb commit';
  expect(() => checkIsolation(historyOf(text))).toThrow(TypeError);
});
