// Commits of which nobody knew, and the two histories that go on where a replica took its master's place.
import { expect, it } from 'vitest';
import { branchesOf, settled } from '../../src/isolation/branch.js';
import { checkIsolation } from '../../src/isolation/check.js';
import { historyOf } from './script.js';

const seq = (number: number) => ({ timeline: 1, seq: number });

it('a commit whose answer was lost is done if its record is there, and else not', () => {
  const history = historyOf(`
    a begin serializable
    a w x 1
    a lost
    b begin serializable
    b w x 2
    b lost
    c begin snapshot
    c r x 2
    c commit`);
  expect(settled(history, new Map([[1, seq(1)]])).transactions).toMatchObject([
    { outcome: 'fail', position: null },
    { outcome: 'unknown', position: seq(1) },
    { outcome: 'ok' },
  ]);
  expect(checkIsolation(settled(history, new Map([[1, seq(1)]])))).toEqual([]);
  const names = checkIsolation(settled(history, new Map([[0, seq(1)]]))).map(({ name }) => name);
  expect(names).toContain('aborted read');
});

const taken = `
  a begin serializable
  a w x 1
  a commit
  b begin serializable
  b w x 2
  b commit
  c begin snapshot
  c r x 2
  c commit
  d begin serializable
  d r x VALUE
  d w y 1
  d commit`;

it('what the old master alone had is seen until its end, and never after', () => {
  const fork = { at: 100, fork: 1, found: new Map() };
  const good = branchesOf(historyOf(taken.replace('VALUE', '1')), fork);
  expect(checkIsolation(good.old)).toEqual([]);
  expect(checkIsolation(good.continued)).toEqual([]);
  const bad = branchesOf(historyOf(taken.replace('VALUE', '2')), fork);
  expect(checkIsolation(bad.continued).map(({ name }) => name)).toContain('aborted read');
});

it('what was acknowledged and stands behind the fork is lost', () => {
  const { lost } = branchesOf(historyOf(taken), { at: 100, fork: 1, found: new Map() });
  expect(lost.map(({ id }) => id)).toEqual([1]);
});
