import { expect, it } from 'vitest';
import { nearest } from '../src/suggest.js';

const verbs = ['start', 'stop', 'status', 'backup', 'backups', 'put', 'get', 'del'];

it.each([
  ['stat', 'start'],
  ['statsu', 'status'],
  ['bakcup', 'backup'],
  ['backupz', 'backup'],
  ['gte', 'get'],
  ['delete', null],
  ['xyzzy', null],
  ['', null],
  ['x'.repeat(100_000), null],
])('%.10s is near %s', (word, expected) => {
  expect(nearest(word, verbs)).toBe(expected);
});
