// The tables of the README are those of the code, and have the properties that the table relies on.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { areCompatible, coversBelow, intentionOf, lockModes, supremum } from '../src/modes.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const abbreviations = ['IS', 'IX', 'S', 'SIX', 'X'];

/** The cells of the table below a heading, row by row. */
function tableUnder(heading: string): string[][] {
  const [, section = ''] = readme.split(`### ${heading}\n`);
  const [text = ''] = section.split('\n##');
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const cells = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('*', '')),
  );
  expect(cells[0]).toEqual(['', ...abbreviations]);
  expect(cells.slice(2).map(([mode]) => mode)).toEqual(abbreviations);
  return cells.slice(2).map((row) => row.slice(1));
}

test('the modes of the README are those of the code', () => {
  const named = [...readme.matchAll(/^- \*\*(\w+)\*\*, `([\w-]+)`/gm)].map(([, ...names]) => names);
  expect(named).toEqual(lockModes.map((mode, at) => [abbreviations[at], mode]));
});

test('the compatibility matrix of the README is that of the code', () => {
  const inCode = lockModes.map((one) =>
    lockModes.map((other) => (areCompatible(one, other) ? 'yes' : 'no')),
  );
  expect(tableUnder('Compatibility')).toEqual(inCode);
});

test('the upgrade matrix of the README is that of the code', () => {
  const inCode = lockModes.map((held) =>
    lockModes.map((asked) => abbreviations[lockModes.indexOf(supremum(held, asked))]),
  );
  expect(tableUnder('Upgrades')).toEqual(inCode);
});

test('compatibility is symmetric, and an upgrade excludes exactly what either mode excludes', () => {
  for (const one of lockModes) {
    for (const other of lockModes) {
      expect(areCompatible(one, other)).toBe(areCompatible(other, one));
      const both = supremum(one, other);
      expect(both).toBe(supremum(other, one));
      expect(supremum(both, one)).toBe(both);
      for (const third of lockModes) {
        const excludes = areCompatible(one, third) && areCompatible(other, third);
        expect(areCompatible(both, third)).toBe(excludes);
      }
    }
  }
});

test('what covers a mode below excludes everybody who would be in its way there', () => {
  for (const held of lockModes) {
    for (const asked of lockModes) {
      if (!coversBelow(held, asked)) continue;
      for (const other of lockModes) {
        if (areCompatible(asked, other)) continue;
        expect(areCompatible(held, intentionOf(other)), `${held} ${asked} ${other}`).toBe(false);
      }
    }
  }
});
