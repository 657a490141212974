// Writes docs/anomalies.md from what happens when each anomaly is played at each isolation level:
// `npx tsx --conditions=pamina-source packages/engine/scripts/anomalies-document.ts`; with `--print` to the
// terminal instead. test/anomalies.test.ts plays them too, and holds the file against what it sees.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeEnv } from '@pamina/env';
import { isolationLevels, type Isolation } from '@pamina/format';
import { anomalies, happensAt, type Anomaly } from '../test/anomaly-plays.js';

type Verdict = 'prevented' | 'possible' | 'not produced';

/** The levels whose meaning allows it, whatever this implementation does. */
const allowedAt: Readonly<Record<Anomaly, readonly Isolation[]>> = {
  'dirty write': [],
  'dirty read': ['uncommittedDocument'],
  'cursor lost update': ['uncommittedDocument', 'committedCommand'],
  'lost update': ['uncommittedDocument', 'committedCommand', 'stableCursor'],
  'non-repeatable read': ['uncommittedDocument', 'committedCommand', 'stableCursor'],
  phantom: ['uncommittedDocument', 'committedCommand', 'stableCursor', 'stableDocument'],
  'write skew': ['uncommittedDocument', 'committedCommand', 'stableCursor', 'snapshot'],
  'range write skew': [
    'uncommittedDocument',
    'committedCommand',
    'stableCursor',
    'stableDocument',
    'snapshot',
  ],
  'long fork': ['uncommittedDocument', 'committedCommand', 'stableCursor'],
};

/** An error for what the level forbids and what happened nevertheless. */
export function verdictOf(anomaly: Anomaly, level: Isolation, hasHappened: boolean): Verdict {
  const isAllowed = allowedAt[anomaly].includes(level);
  if (hasHappened && !isAllowed) throw new Error(`${anomaly} happened at ${level}`);
  if (hasHappened) return 'possible';
  return isAllowed ? 'not produced' : 'prevented';
}

/** The whole text of docs/anomalies.md. `happened`: as it was played. */
export function anomaliesDocument(
  happened: (anomaly: Anomaly, level: Isolation) => boolean,
): string {
  const rows = [
    ['anomaly', ...isolationLevels],
    ...anomalies.map((anomaly) => [
      anomaly,
      ...isolationLevels.map((level) => verdictOf(anomaly, level, happened(anomaly, level))),
    ]),
  ];
  return `${[...introduction, '', ...table(rows), '', ...meanings].join('\n')}\n`;
}

const introduction = [
  '# Anomalies',
  '',
  'Written by `npx tsx --conditions=pamina-source packages/engine/scripts/anomalies-document.ts` from what',
  'happened when each was played. Do not edit by hand: `test/anomalies.test.ts` plays them again.',
  '',
  'What can happen at each isolation level to a transaction that runs beside others of the same level.',
  '_prevented_: the level forbids it. _possible_: the level allows it, and it happened. _not produced_: the level',
  'allows it, and this implementation cannot show it.',
];

const meanings = [
  '- **dirty write**: overwriting what another transaction has written and not committed. **dirty read**: reading it.',
  '- **lost update**: two read a document, and each writes it from what it read; the first write is lost. **cursor lost update**: the same, with no other read between reading and writing it.',
  '- **non-repeatable read**: reading a document twice gives two values. **phantom**: reading a range twice gives other documents.',
  '- **write skew**: two read the same documents and each changes another one of them, so that what both had checked holds no more. **range write skew**: the same with documents that each adds to a range that both have read.',
  '- **long fork**: of two writes that have nothing to do with each other one reader sees only the first, and another one only the second.',
];

function table(rows: readonly (readonly string[])[]): string[] {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  const [first = '', ...others] = rows.map(line);
  return [first, line(rule), ...others];
}

export const anomaliesDocumentPath = fileURLToPath(
  new URL('../docs/anomalies.md', import.meta.url),
);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const env = nodeEnv();
  const happened = new Map<string, boolean>();
  for (const anomaly of anomalies) {
    for (const level of isolationLevels) {
      happened.set(`${anomaly} ${level}`, await happensAt(env, anomaly, level));
    }
  }
  const document = anomaliesDocument((anomaly, level) => happened.get(`${anomaly} ${level}`)!);
  if (process.argv.includes('--print')) process.stdout.write(document);
  else writeFileSync(anomaliesDocumentPath, document);
}
