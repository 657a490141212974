// P1, P12 and P13 with many clients elsewhere while each side is restarted and killed. The long form, with a thousand
// connections, is `npm run torture -- network`.
import { describe, expect, it } from 'vitest';
import { network, type NetworkOptions } from '../../scripts/torture/network.js';
import {
  differences,
  isSameState,
  prefixOf,
  readJournal,
  stateAfter,
  writeOf,
} from '../../scripts/torture/program/network-work.js';
import { reportText } from '../../scripts/torture/report.js';

const timeout = 300_000;
const small: NetworkOptions = {
  ...{ connections: 60, silent: 8, pauseMsMax: 200, seconds: 21, seed: 7 },
  progress: () => undefined,
};

it(
  'P1 P12 P13 of many clients, some of which never read, none loses or sees again what was, whatever is restarted',
  { timeout },
  async () => {
    const report = await network(small);
    expect(report.faults, reportText(report)).toEqual([]);
    const { figures } = report;
    expect(Object.values(figures['strikes'] as Record<string, number>)).toEqual([1, 1, 1, 1, 1, 1]);
    const done = figures['calls answered'] as Record<string, number>;
    for (const kind of [
      'put',
      'del',
      'batch',
      'clear',
      'transaction',
      'iterator',
      'snapshot',
      'large',
    ]) {
      expect(done[kind], kind).toBeGreaterThan(0);
    }
    expect(figures['samples']).toBeGreaterThan(0);
  },
);

it('a write that a client forgets is found', { timeout }, async () => {
  const report = await network({
    ...small,
    seconds: 7,
    connections: 6,
    silent: 0,
    isSpoiled: true,
  });
  expect(report.faults.map(({ what }) => what).join('\n')).toMatch(/shows .*, wanted /);
});

describe('the work of a client', () => {
  it('leaves a state that follows from how far it came', () => {
    const state = new Map<string, string>();
    for (let number = 1; number <= 100; number += 1) {
      const write = writeOf(number);
      if (write.kind === 'put') state.set(write.key, write.value);
      else if (write.kind === 'del') state.delete(write.key);
      else if (write.kind === 'clear') {
        for (const key of [...state.keys()]) {
          if (key >= write.from && key < write.to) state.delete(key);
        }
      } else for (const key of write.keys) state.set(key, write.value);
      expect(isSameState(stateAfter(number), state), String(number)).toBe(true);
    }
  });

  it('tells one more write from one less', () => {
    // The second deletes what is not there yet.
    for (let number = 3; number <= 100; number += 1) {
      expect(isSameState(stateAfter(number), stateAfter(number - 1)), String(number)).toBe(false);
    }
  });
});

describe('what is there at the end', () => {
  const known = readJournal(
    'begin 1 1\nend 1 1\nbegin 2 1\nend 2 1\nbegin 2 2\nbegin 1 2\nend 1 2\n',
  );
  const rowsOf = (client: number, write: number): [string, string][] =>
    [...stateAfter(write)].map(([key, value]) => [prefixOf(client) + key, value]);

  it('is what was acknowledged, and one write more or less whose end nobody heard', () => {
    expect([...known.values()]).toEqual([
      { begun: 2, acknowledged: 2 },
      { begun: 2, acknowledged: 1 },
    ]);
    expect(differences(known, [...rowsOf(1, 2), ...rowsOf(2, 1)])).toEqual([]);
    expect(differences(known, [...rowsOf(1, 2), ...rowsOf(2, 2)])).toEqual([]);
  });

  it('is wrong where a row is gone, another is there, or all of a client is', () => {
    const [gone, ...rest] = [...rowsOf(1, 2), ...rowsOf(2, 1)];
    expect(gone?.[0]).toBe('client-00001/a');
    expect(differences(known, rest)).toEqual([expect.stringContaining('client 1 came to 2')]);
    expect(differences(known, rowsOf(2, 1))).toEqual([expect.stringContaining('client 1')]);
    const more = [...rowsOf(1, 2), ...rowsOf(2, 1), ['client-00003/a', '1']] as [string, string][];
    expect(differences(known, more)).toEqual([expect.stringContaining('client-00003/')]);
  });
});
