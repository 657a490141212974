// P1, P12 and P13 with many clients elsewhere while each side is restarted and killed. The long form, with a thousand
// connections, is `npm run torture -- network`.
import { describe, expect, it } from 'vitest';
import { network, type NetworkOptions } from '../../scripts/torture/network.js';
import { isSameState, stateAfter, writeOf } from '../../scripts/torture/program/network-work.js';
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
    for (const kind of ['put', 'del', 'batch', 'clear', 'transaction', 'iterator', 'snapshot']) {
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
