// Where a run took place: figures without it mean nothing.
import { execa } from 'execa';
import { fdatasyncSync, openSync, closeSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Peers } from './peer/peers.js';
import type { Stage } from './stage.js';
import { median } from './statistics.js';

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly node: string;
  readonly kernel: string;
  readonly fileSystem: string;
  /** Median time of a data sync after 4 KiB were appended to a file that grows. */
  readonly dataSyncMicroseconds: number;
  readonly loadBefore: number;
  readonly commit: string;
  readonly peers: Readonly<Record<string, string>>;
}

const probes = 200;
const probeBytes = 4096;
const root = fileURLToPath(new URL('../..', import.meta.url));

export async function describeMachine(stage: Stage, peers: Peers): Promise<Machine> {
  const [first] = cpus();
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return {
    cores: cpus().length,
    processor: first?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    kernel: `${type()} ${release()}`,
    fileSystem: fileSystemOf(stage.folder, mounts),
    dataSyncMicroseconds: probeDataSync(stage.path('probe')),
    loadBefore: loadavg()[0] ?? 0,
    commit: await commitHere(),
    peers: peers.versions,
  };
}

export function machineText(machine: Machine): string {
  const { cores, processor, memoryGiB, node, kernel, fileSystem } = machine;
  const peers = Object.entries(machine.peers).map(([name, version]) => `${name} ${version}`);
  return [
    `${cores} cores (${processor}), ${memoryGiB} GiB, Node.js ${node}, ${kernel}`,
    `databases on ${fileSystem}; a data sync of 4 KiB takes ${machine.dataSyncMicroseconds} µs`,
    `load average before: ${machine.loadBefore.toFixed(2)}; commit ${machine.commit}`,
    peers.join(', '),
  ].join('\n');
}

/** `ext4 on /`: that of the mount whose path is the longest one above the folder. */
export function fileSystemOf(folder: string, mounts: string): string {
  const above = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, path]) => path !== undefined && isInside(folder, path))
    .toSorted(([, left = ''], [, right = '']) => right.length - left.length);
  const [, path = '?', kind = 'unknown'] = above[0] ?? [];
  return `${kind} on ${path}`;
}

function isInside(folder: string, path: string): boolean {
  return path === '/' || folder === path || folder.startsWith(`${path}/`);
}

function probeDataSync(path: string): number {
  const file = openSync(path, 'w');
  const bytes = Buffer.alloc(probeBytes, 1);
  const times: number[] = [];
  for (let probe = 0; probe < probes; probe += 1) {
    writeSync(file, bytes);
    const before = performance.now();
    fdatasyncSync(file);
    times.push((performance.now() - before) * 1000);
  }
  closeSync(file);
  return Math.round(median(times));
}

async function commitHere(): Promise<string> {
  const { stdout, failed } = await execa('git', ['describe', '--always', '--dirty'], {
    cwd: root,
    reject: false,
  });
  return failed ? 'unknown' : stdout;
}
