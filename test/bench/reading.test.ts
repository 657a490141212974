import { describe, expect, it } from 'vitest';
import { fileSystemOf } from '../../scripts/bench/machine.js';
import { latencyFrom, putScript, readPgbench } from '../../scripts/bench/peer/postgres.js';
import { readRedisBenchmark, together } from '../../scripts/bench/peer/redis.js';
import { cpuTimes } from '../../scripts/bench/quiet.js';

const pgbench = (processed: number, failed = 0) => `pgbench (15.20)
number of transactions actually processed: ${processed}
number of failed transactions: ${failed} (0.000%)
latency average = 12.8 ms
initial connection time = 250.5 ms
tps = 5000.000000 (without initial connection time)
`;

describe('what the clients of the peers print', () => {
  it('reads transactions of pgbench, without the time in which its clients connected', () => {
    const report = { operations: 10_000, seconds: 2, connectSeconds: 0.2505 };
    expect(readPgbench(pgbench(10_000))).toEqual(report);
  });

  it('believes neither failed transactions nor a report that it cannot read', () => {
    expect(() => readPgbench(pgbench(10_000, 3))).toThrow(/did not say/);
    expect(() => readPgbench('pgbench: error: connection refused')).toThrow(/did not say/);
  });

  it('knows that a time in which no client was connected measured nothing', () => {
    const text = 'number of transactions actually processed: 0\nnumber of failed transactions: 0\n';
    expect(readPgbench(text).operations).toBe(0);
  });

  it('takes the latencies of pgbench from its transactions, of all threads together', () => {
    const times = Array.from({ length: 200 }, (_, index) => 200 - index);
    const lines = times.map((ms, index) => `3 ${index} ${ms * 1000} 0 1700000000 5\n`).join('');
    expect(latencyFrom(lines)).toEqual({ p50Ms: 100, p99Ms: 198, maxMs: 200 });
    expect(latencyFrom('')).toEqual({ p50Ms: null, p99Ms: null, maxMs: null });
  });

  it('reads redis-benchmark from the end of its line, whatever the command was', () => {
    const command = String.raw`"SET key:__rand_int__ {\"order\":\"__rand_int__\"}"`;
    const text = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms"\n${command},"20000.00","2.440","0.264","2.351","3.903","8.263","71.423"\n`;
    const latency = { p50Ms: 2.351, p99Ms: 8.263, maxMs: 71.423 };
    expect(readRedisBenchmark(text, 40_000)).toEqual({ operations: 40_000, seconds: 2, latency });
    expect(() => readRedisBenchmark('Could not connect', 1)).toThrow(/did not tell/);
  });

  it('puts the goes of one turn together: sums, the longest of all', () => {
    const go = (operations: number, maxMs: number) => ({
      ...{ operations, seconds: operations / 1000 },
      latency: { p50Ms: operations, p99Ms: 1, maxMs },
    });
    expect(together([go(9000, 50), go(1000, 60)])).toEqual({
      ...{ operations: 10_000, seconds: 10 },
      latency: { p50Ms: 9000, p99Ms: 1, maxMs: 60 },
    });
  });

  it('gives pgbench variables for every number, and no other colon that it would take for one', () => {
    const script = putScript();
    const put = script.split('\n').find((line) => line.startsWith('insert')) ?? '';
    const drawn = [...script.matchAll(/^\\set (\w+) random/gm)].map(([, name]) => name);
    const used = [...put.matchAll(/(?<!:):([A-Za-z_]\w*)/g)].map(([, name]) => name);
    expect(used.toSorted()).toEqual(drawn.toSorted());
    expect(used).toHaveLength(13);
  });
});

describe('what the system says of itself', () => {
  it('finds the file system that a folder is on', () => {
    const mounts =
      '/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/disk xfs rw 0 0\n';
    expect(fileSystemOf('/tmp/disk/bench', mounts)).toBe('xfs on /tmp/disk');
    expect(fileSystemOf('/tmp/diskless', mounts)).toBe('tmpfs on /tmp');
    expect(fileSystemOf('/work', mounts)).toBe('ext4 on /');
  });

  it('counts neither idling nor waiting for the disk as busy', () => {
    expect(cpuTimes('cpu  10 1 5 100 20 2 3 4 0 0\ncpu0 1 1 1 1\n')).toEqual({
      busy: 25,
      total: 145,
    });
  });
});
