import { describe, expect, it } from 'vitest';
import { parseOptions, type Options } from '../../scripts/bench/options.js';

const rows = ['puts-1', 'commits-64', 'reads'];

function optionsOf(...args: string[]): Options {
  const request = parseOptions(args, rows);
  if (request.do !== 'run') throw new Error(`it would ${request.do}`);
  return request.options;
}

describe('the command line of the bench', () => {
  it('measures all rows, three rounds of commit rows that last a minute each', () => {
    const { rows: wanted, json, budget } = optionsOf();
    expect(wanted).toBeNull();
    expect(json).toBe(false);
    expect(budget).toMatchObject({ rounds: 3, commitSeconds: 60, windowSeconds: 60 });
    expect(budget).toMatchObject({ sustainedPuts: 3_000_000, missedCommits: 200_000 });
    expect(budget.behindDocuments).toBeGreaterThan(2 ** 20);
  });

  it('takes rows by name, rounds and seconds', () => {
    const { rows: wanted, budget } = optionsOf(
      ...['--rows', 'reads, puts-1', '--rounds', '5', '--seconds', '1.5'],
    );
    expect(wanted).toEqual(['reads', 'puts-1']);
    expect(budget).toMatchObject({ rounds: 5, commitSeconds: 1.5 });
  });

  it('is quick when told, and what is said beside it still counts', () => {
    const { budget } = optionsOf('--quick', '--rounds', '4');
    expect(budget).toMatchObject({ quick: true, rounds: 4, commitSeconds: 2, quietSecondsMax: 0 });
    expect(budget.sustainedPuts).toBeLessThan(100_000);
  });

  it('says its usage and its rows', () => {
    expect(parseOptions(['--help'], rows)).toEqual({ do: 'help' });
    expect(parseOptions(['--list'], rows)).toEqual({ do: 'list' });
  });

  it.each([
    ['--rows puts', 'no row is called "puts": take of puts-1, commits-64, reads'],
    ['--rounds 0', '--rounds 0: give a number above 0'],
    ['--rounds 1.5', '--rounds 1.5: give a whole number'],
    ['--seconds ten', '--seconds ten: give a number above 0'],
    ['--fast', "Unknown option '--fast'"],
    ['reads', "Unexpected argument 'reads'"],
  ])('refuses %s, and says what it would take', (args, message) => {
    expect(() => optionsOf(...args.split(' '))).toThrow(TypeError);
    expect(() => optionsOf(...args.split(' '))).toThrow(message);
  });
});
