// Waits until the machine is quiet, so that nobody's turn pays for what the turn before left to do:
// dirty pages, compaction, a vacuum, a replica that catches up.
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from './stage.js';

const sampleMs = 250;
const quietSamples = 2;
/** Of one core. */
const busyMax = 0.2;

export interface CpuTimes {
  readonly busy: number;
  readonly total: number;
}

/** From the first line of /proc/stat: user, nice, system, idle, iowait and so on, in ticks. */
export function cpuTimes(stat: string): CpuTimes {
  const [label, ...ticks] = (stat.split('\n')[0] ?? '').trim().split(/\s+/);
  if (label !== 'cpu') throw new Error('/proc/stat does not begin with the times of all cores');
  const all = ticks.slice(0, 8).map(Number);
  const total = all.reduce((sum, value) => sum + value, 0);
  return { busy: total - (all[3] ?? 0) - (all[4] ?? 0), total };
}

/** Whether it became quiet within so many seconds. */
export async function quieten(stage: Stage, cores: number, secondsMax: number): Promise<boolean> {
  await stage.run('sync', []);
  const end = performance.now() + secondsMax * 1000;
  let quiet = 0;
  let before = await readTimes();
  while (quiet < quietSamples) {
    if (performance.now() >= end) return false;
    await sleep(sampleMs, undefined, { signal: stage.signal });
    const now = await readTimes();
    const busyCores = ((now.busy - before.busy) / Math.max(1, now.total - before.total)) * cores;
    quiet = busyCores <= busyMax ? quiet + 1 : 0;
    before = now;
  }
  return true;
}

async function readTimes(): Promise<CpuTimes> {
  return cpuTimes(await readFile('/proc/stat', 'utf8'));
}
