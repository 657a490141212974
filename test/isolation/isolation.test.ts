// The command that runs transactions beside each other on real servers: its options, a short run of each kind of
// round, and that it ends with 1 where something was found.
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { help, parseArguments } from '../../scripts/isolation/arguments.js';
import { UsageError } from '../../scripts/lib/command-words.js';
import { reportText, type Report } from '../../scripts/isolation/campaign.js';
import { roundKinds } from '../../scripts/isolation/rounds.js';
import { repository } from '../lib/built-package.js';

describe('the command line of isolation', () => {
  it('takes levels, workloads and rounds, and gives a seed of its own', () => {
    const words = ['--level', 'serializable,snapshot', '--workload', 'money', '--seconds', '7'];
    expect(parseArguments([...words, '--round', 'kill', '--json'])).toMatchObject({
      levels: ['serializable', 'snapshot'],
      workloads: ['money'],
      kinds: ['kill'],
      seconds: 7,
      isJson: true,
    });
    expect(parseArguments([])?.kinds).toEqual(roundKinds);
    expect(parseArguments([])?.seed).toBeGreaterThanOrEqual(0);
    expect(parseArguments(['--help'])).toBeNull();
    expect(help).toContain('Examples');
  });

  it.each([
    ['--level', 'chaos'],
    ['--workload', 'sleep'],
    ['--round', 'square'],
    ['--seconds', '0'],
    ['--seed', '-1'],
    ['--fast'],
    ['serializable'],
  ])('refuses %j %j', (...given: string[]) => {
    expect(() => parseArguments(given)).toThrow(UsageError);
  });

  it('says what was found, where, and which history it was found in', () => {
    const report: Report = {
      seed: 3,
      seconds: 1,
      rounds: { calm: 1 },
      transactions: 2,
      ends: { committed: 2 },
      figures: { 'open at once': 2 },
      findings: [{ round: 0, kind: 'calm', name: 'write skew', text: 'a circle' }],
      kept: ['/tmp/seed-3-round-0.json'],
    };
    const text = reportText(report);
    expect(text).toContain('WRONG: round 0 (calm): write skew: a circle');
    expect(text).toContain('kept: /tmp/seed-3-round-0.json');
    expect(reportText({ ...report, findings: [], kept: [] })).toContain('nothing wrong was found');
  });
});

it(
  'P2 P12 transactions beside each other see what their levels allow, also where servers are killed and lost',
  { timeout: 540_000 },
  async () => {
    const words = [
      'run',
      '--silent',
      'isolation',
      '--',
      '--seconds',
      '12',
      '--seed',
      '1',
      '--json',
    ];
    const ran = await execa('npm', words, { cwd: repository, reject: false, timeout: 530_000 });
    expect(ran.exitCode, ran.stderr).toBe(0);
    const report = JSON.parse(ran.stdout) as Report;
    expect(report.findings).toEqual([]);
    expect(Object.keys(report.rounds)).toEqual([...roundKinds]);
    expect(report.ends['committed']).toBeGreaterThan(1000);
  },
);
