import { describe, expect, it } from 'vitest';
import { compared, comparedTimes, limited, withoutPeer } from '../../scripts/bench/comparison.js';
import { markdownTables, textTables, verdictOf, type Line } from '../../scripts/bench/report.js';
import { latencyLine, type Turn } from '../../scripts/bench/rounds.js';

const turn = (operations: number, maxMs: number | null = null): Turn => ({
  operations,
  seconds: 2,
  latency: maxMs === null ? null : { p50Ms: maxMs / 10, p99Ms: maxMs / 2, maxMs },
});
const comparison = {
  row: 'puts-64',
  measure: 'durable puts/s',
  against: 'classic-level',
  unit: 'puts/s',
  goal: { kind: 'at least', value: 5, unit: '×' },
} as const;
const met = compared(comparison, [turn(12_000), turn(10_000)], [turn(2000), turn(2000)]);
const missed = compared(comparison, [turn(4000)], [turn(1000)]);
const skipped = withoutPeer(comparison, 'Redis', [turn(2000)]);

function longest(value: number): Line {
  const goal = { kind: 'under', value: 250, unit: 'ms' } as const;
  const told = { row: 'commits-64', measure: 'longest commit', remark: 'told' };
  return limited(told, goal, value);
}

describe('the report of a bench', () => {
  it('holds the ratio against its goal, by the median', () => {
    expect(met.result).toEqual({ median: 5.5, min: 5, max: 6 });
    expect([met, missed, skipped].map(verdictOf)).toEqual(['met', 'MISSED', 'not measured']);
    expect(verdictOf({ ...met, goal: null })).toBe('for information');
  });

  it('holds a limit against what was measured; just the limit is not under it', () => {
    expect([249.9, 250, Number.NaN].map((value) => verdictOf(longest(value)))).toEqual([
      'met',
      'MISSED',
      'MISSED',
    ]);
  });

  it('puts the ratio first, in Markdown', () => {
    const latencies = latencyLine('puts-64', 'Pamina', [turn(1, 20), turn(1, 90), turn(1, 40)]);
    expect(markdownTables([met, longest(80)], latencies).split('\n')).toEqual([
      '| ratio | range | goal | verdict | measure | against | Pamina | other | remark |',
      '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
      '| 5.50 × | 5.00–6.00 | at least 5.00 × | met | durable puts/s | classic-level | 5,500 (5,000–6,000) puts/s | 1,000 puts/s |  |',
      '| 80 ms |  | under 250 ms | met | longest commit |  |  |  | told |',
      '',
      '| row | who | p50 ms | p99 ms | longest ms |',
      '| --- | --- | --- | --- | --- |',
      '| puts-64 | Pamina | 4.00 | 20 | 90 |',
      '',
    ]);
  });

  it('names a peer that is not installed and how to install it', () => {
    const text = textTables([skipped], []);
    expect(text).toContain('not measured');
    expect(text).toContain('Redis is not installed: scripts/bench/install-peers.sh installs them');
    expect(text).toContain('1,000 puts/s');
  });

  it('compares times, of which less is better, and tells ours where the peer is missing', () => {
    const goal = { kind: 'at most', value: 0.5, unit: '×' } as const;
    const told = { ...comparison, row: 'promotion', against: 'PostgreSQL', unit: 'ms', goal };
    const shorter = comparedTimes(told, 'PostgreSQL', [20, 40], [100, 100]);
    expect(shorter.result).toEqual({ median: 0.3, min: 0.2, max: 0.4 });
    const longer = comparedTimes(told, 'PostgreSQL', [60], [100]);
    const alone = comparedTimes(told, 'PostgreSQL', [20, 40], null);
    expect([shorter, longer, alone].map(verdictOf)).toEqual(['met', 'MISSED', 'not measured']);
    expect(alone.ours?.spread.median).toBe(30);
    expect(alone.remark).toContain('PostgreSQL is not installed');
  });

  it('tells a part of a core in percent', () => {
    const goal = { kind: 'under', value: 1, unit: '%' } as const;
    const told = { row: 'idle-replicas', measure: 'of a core', remark: undefined };
    expect(textTables([limited(told, goal, 0.44)], [])).toMatch(/^0\.4 % +under 1\.0 % +met /m);
  });

  it('leaves out latencies that nobody told', () => {
    expect(latencyLine('catch-up', 'Pamina', [turn(1)])).toEqual([]);
  });
});
