// Histories that were made by running one transaction after the other, whatever they are, are sound; and no read
// in them can be replaced by an older one without being found.
import fc from 'fast-check';
import { isolationLevels } from '@pamina/format';
import { expect, test } from 'vitest';
import { checkIsolation } from '../../src/isolation/check.js';
import { historyOf } from './script.js';

const registers = ['x', 'y', 'p/1', 'p/2'] as const;
const lists = ['l', 'm'] as const;

const step = fc.oneof(
  fc.record({ verb: fc.constantFrom('r', 'r!', 'w'), key: fc.constantFrom(...registers) }),
  fc.record({ verb: fc.constantFrom('r', 'r!', '+'), key: fc.constantFrom(...lists) }),
  fc.constant({ verb: 'range', key: 'p/' }),
);
const plan = fc.array(
  fc.record({
    process: fc.constantFrom('a', 'b', 'c'),
    level: fc.constantFrom(...isolationLevels),
    steps: fc.array(step, { minLength: 1, maxLength: 6 }),
    end: fc.constantFrom('commit', 'commit', 'commit', 'rollback', 'lost'),
  }),
  { minLength: 1, maxLength: 30 },
);

type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

interface Line {
  readonly text: string;
  /** Of a read of others: the same with what was there before. */
  readonly older: string | null;
}

/** Runs the plan on a map. */
function play(transactions: Plan): Line[] {
  /** All values that a key had, oldest first. */
  const states = new Map<string, string[]>();
  const lines: Line[] = [];
  for (const [number, { process, level, steps, end }] of transactions.entries()) {
    const name = `${process}${number}`;
    const own = new Map<string, string>();
    const now = (key: string): string => own.get(key) ?? states.get(key)?.at(-1) ?? '-';
    const say = (text: string, older: string | null = null): void => {
      lines.push({ text: `${name} ${text}`, older: older === null ? null : `${name} ${older}` });
    };
    say(`begin ${level}`);
    for (const [at, { verb, key }] of steps.entries()) {
      const fresh = `${number}.${at}`;
      if (verb === 'range') {
        const found = registers.filter((one) => one.startsWith(key) && now(one) !== '-');
        say(`range ${key} ${found.map((one) => `${one}=${now(one)}`).join(' ')}`);
      } else if (verb === 'w') {
        own.set(key, fresh);
        say(`w ${key} ${fresh}`);
      } else if (verb === '+') {
        own.set(key, now(key) === '-' ? `[${fresh}]` : `${now(key).slice(0, -1)} ${fresh}]`);
        say(`+ ${key} ${fresh}`);
      } else {
        const all = states.get(key) ?? [];
        const isOfOthers = !own.has(key) && all.length > 0;
        const before = all.at(-2) ?? '-';
        say(`${verb} ${key} ${now(key)}`, isOfOthers ? `${verb} ${key} ${before}` : null);
      }
    }
    say(end);
    if (end === 'rollback') continue;
    for (const [key, value] of own) states.set(key, [...(states.get(key) ?? []), value]);
  }
  return lines;
}

const textOf = (lines: readonly Line[]): string => lines.map(({ text }) => text).join('\n');

test('P12 whatever is done by one after the other passes', () => {
  fc.assert(
    fc.property(plan, (transactions) => {
      expect(checkIsolation(historyOf(textOf(play(transactions))))).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('P12 a read that shows what was there before is found', () => {
  const acknowledged = plan.map((all) =>
    all.map((one) => (one.end === 'lost' ? { ...one, end: 'commit' as const } : one)),
  );
  fc.assert(
    fc.property(acknowledged, fc.nat(), (transactions, choice) => {
      const lines = play(transactions);
      const reads = lines.flatMap((line, at) => (line.older === null ? [] : [at]));
      fc.pre(reads.length > 0);
      const chosen = reads[choice % reads.length];
      const changed = lines.map(({ text, older }, at) => (at === chosen ? older : text));
      expect(checkIsolation(historyOf(changed.join('\n')))).not.toEqual([]);
    }),
    { numRuns: 300 },
  );
});
