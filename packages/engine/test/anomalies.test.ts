// Plays each anomaly at each isolation level and holds what happens against docs/anomalies.md, which is written
// from just that: `npx tsx --conditions=pamina-source packages/engine/scripts/anomalies-document.ts`.
import { readFileSync } from 'node:fs';
import { isolationLevels, type Isolation } from '@pamina/format';
import { expect, test } from 'vitest';
import {
  anomaliesDocument,
  anomaliesDocumentPath,
  verdictOf,
} from '../scripts/anomalies-document.js';
import { anomalies, happensAt, type Anomaly } from './anomaly-plays.js';
import { env } from './workbench.js';

const document = readFileSync(anomaliesDocumentPath, 'utf8');
const played = new Map<string, Promise<boolean>>();

/** Each once. */
function play(anomaly: Anomaly, level: Isolation): Promise<boolean> {
  const name = `${anomaly} ${level}`;
  const now = played.get(name) ?? happensAt(env, anomaly, level);
  played.set(name, now);
  return now;
}

function documented(anomaly: Anomaly, level: Isolation): string | undefined {
  const row = document.split('\n').find((line) => line.startsWith(`| ${anomaly} `));
  return row?.split('|')[isolationLevels.indexOf(level) + 2]?.trim();
}

for (const anomaly of anomalies) {
  test.each(isolationLevels)(`P12 ${anomaly} at %s is as documented`, async (level) => {
    const verdict = verdictOf(anomaly, level, await play(anomaly, level));
    expect(documented(anomaly, level)).toBe(verdict);
  });
}

test('P9 docs/anomalies.md is what happened, to the letter', async () => {
  const happened = new Map<string, boolean>();
  for (const anomaly of anomalies) {
    for (const level of isolationLevels) {
      happened.set(`${anomaly} ${level}`, await play(anomaly, level));
    }
  }
  expect(document).toBe(
    anomaliesDocument((anomaly, level) => happened.get(`${anomaly} ${level}`)!),
  );
});

test('P9 an anomaly that its level forbids is in no document', () => {
  expect(() => anomaliesDocument((anomaly) => anomaly === 'dirty write')).toThrow(
    'dirty write happened at uncommittedDocument',
  );
});
