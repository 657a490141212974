import { expect, it } from 'vitest';
import { fields, table } from '../../src/print/table.js';

it('a table aligns its columns and has no blanks at line ends', () => {
  const text = table(
    [{ title: 'name' }, { title: 'size', align: 'right' }, { title: 'why' }],
    [
      ['a', '1 B', ''],
      ['long name', '1,024 B', 'because'],
    ],
  );
  expect(text.split('\n')).toEqual([
    'name          size  why',
    'a              1 B',
    'long name  1,024 B  because',
  ]);
});

it('fields leave out what is not there', () => {
  expect(
    fields([
      ['a', '1'],
      ['long', null],
      ['bc', '2'],
    ]),
  ).toBe('a   1\nbc  2');
  expect(fields([])).toBe('');
});
