// What a connected replica that is 1 GiB behind costs its master in memory: the replica is on a narrow
// network, the master reads its log for it and waits. The same process of the master before and after the
// replica came.
import { mkdir, writeFile } from 'node:fs/promises';
import { limited } from '../comparison.js';
import { waitUntil } from '../peer/waiting.js';
import { Program, type Answer } from '../program.js';
import { documentBytes } from '../program/lib/document.mjs';
import type { Goal } from '../report.js';
import { becomeQuiet } from '../rounds.js';
import type { Row, RowContext, RowResult } from '../row.js';

const name = 'far-behind';
const title = 'memory of a master whose replica is 1 GiB behind';
/** A heap moves as much by itself; a thirtieth of what the replica is behind. */
const megabytesMax = 32;
const bytesPerMegabyte = 1_000_000;
const narrowBytesPerSecond = 2 * 2 ** 20;
/** Of what was written while it was away: this much is still to be sent in the end. */
const stillBehindMin = 0.85;
const database = 'orders';
const replicaName = 'orders-replica';

export const farBehind: Row = { name, title, run };

interface Memory extends Answer {
  readonly anonymousBytes: readonly number[];
}

async function run(context: RowContext): Promise<RowResult> {
  const { budget, stage } = context;
  const folder = stage.path(name);
  await mkdir(folder);
  const { gate, master, replica } = await fallBehind(context, folder);
  const seconds = budget.idleSeconds;
  const without = await master.ask<Memory>('memory', { seconds });
  await gate.ask('narrow', { bytesPerSecond: narrowBytesPerSecond });
  const returning = Program.start(stage, 'replica', { ...replica, isThere: true });
  await waitUntil(stage, 'the replica was connected', async () => {
    const { connected } = await placeOf(master);
    return connected;
  });
  const withIt = await master.ask<Memory>('memory', { seconds });
  const { behindBytes, connected } = await placeOf(master);
  const behindMin = budget.behindDocuments * documentBytes * stillBehindMin;
  const isQuick = budget.quick;
  if (!connected || (behindBytes < behindMin && !isQuick)) {
    throw new Error(`in the end it was ${connected ? '' : 'not '}connected, ${behindBytes} behind`);
  }
  const { program } = await returning;
  await program.kill();
  await gate.kill();
  await master.finish();
  await stage.remove(folder);
  const goal: Goal = { kind: 'under', value: megabytesMax, unit: 'MB' };
  return {
    lines: [lineOf(without, withIt, behindBytes, goal)],
    latencies: [],
    turns: { without, withIt, behindBytes },
  };
}

function lineOf(without: Memory, withIt: Memory, behindBytes: number, goal: Goal) {
  const [before, after] = [without, withIt].map(({ anonymousBytes }) =>
    anonymousBytes.map((bytes) => bytes / bytesPerMegabyte),
  ) as [number[], number[]];
  const most = Math.max(...after);
  // Its heap shrinks for a while after it was opened: the least is what it needs.
  const least = Math.min(...before);
  const behind = (behindBytes / bytesPerMegabyte).toFixed(0);
  const remark = `${most.toFixed(0)} MB at most with it, ${least.toFixed(0)} MB at least without; ${behind} MB behind in the end`;
  const told = { row: name, measure: `anonymous ${title}, more than without it`, remark };
  return limited(told, goal, most - least);
}

/** A master that was started anew, and what starts the replica that has missed so much. */
async function fallBehind({ budget, stage, ...context }: RowContext, folder: string) {
  const directory = `${folder}/directory.json`;
  const served = {
    ...{ directory, writers: 0, encoding: 'utf8', unsynced: false },
    ...{ dataFolder: `${folder}/master`, name: database },
  };
  const { program: first } = await Program.start(stage, 'master', served);
  const { program: gate, ready } = await Program.start<{ address: string }>(stage, 'gate', {
    ...{ directory, master: database },
  });
  const throughGate = `${folder}/directory-of-replica.json`;
  await writeFile(throughGate, JSON.stringify({ [database]: { address: ready.address } }));
  const replica = {
    ...{ directory: throughGate, dataFolder: `${folder}/replica` },
    ...{ name: replicaName, master: database },
  };
  const { program: early } = await Program.start(stage, 'replica', replica);
  await early.finish();
  await first.ask('fill', { records: budget.behindDocuments, seed: 1 });
  // What its heap grew to by that is not what a replica costs.
  await first.finish();
  const { program: master } = await Program.start(stage, 'master', { ...served, isThere: true });
  await becomeQuiet({ budget, stage, ...context });
  return { gate, master, replica };
}

interface Told extends Answer {
  readonly replicas: readonly {
    readonly name: string;
    readonly connected: boolean;
    readonly lag: { readonly received: { readonly bytes: number | null } };
  }[];
}

async function placeOf(master: Program) {
  const { replicas } = await master.ask<Told>('replicas');
  const found = replicas.find((each) => each.name === replicaName);
  if (found === undefined) throw new Error('the master does not know its replica');
  return { connected: found.connected, behindBytes: found.lag.received.bytes ?? 0 };
}
