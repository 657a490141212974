// The drill of a replica whose disk is full while it replicates, and the ways to make a disk full.
import { closeSync, openSync, rmSync, symlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { areEqual, type Place, seqOf, statusOf, untilLevel } from '../../test/support/following.js';
import type { DatabaseState } from '@pamina/wire';
import type { Scene } from '../../test/support/scene.js';
import { until } from '../../test/support/until.js';
import { Image } from '../torture/image.js';
import { compile, lackingFor, lackingForShim } from '../torture/machine.js';
import { Workplace } from '../torture/workplace.js';
import type { Drill, Telling, Way } from './drill.js';
import { Load, missingOf } from './load.js';
import { deadlineMs, newMaster, newReplica } from './places.js';

const diskBytes = 64 * 1024 * 1024;
const load = { writers: 4, valueBytes: 32 * 1024 };
const anyState: readonly DatabaseState[] = [];
/** `ENOSPC` of the system. */
const noSpace = 28;

/** The disk of one data folder. */
interface SmallDisk {
  readonly environment: Readonly<Record<string, string>>;
  fill(): void;
  giveSpace(): void;
}

export const replicaDiskFull: Drill = {
  name: 'replica-disk-full',
  title: 'the disk of a replica is full: it says so, nobody else feels it, and it goes on',
  ways: [
    wayOf('a small file system', () => lackingFor('tmpfs'), smallFileSystem),
    wayOf('a library that lets no file grow', lackingForShim, refusingLibrary),
  ],
};

type Make = (scene: Scene, folder: string) => Promise<SmallDisk>;

function wayOf(name: string, lacking: Way['lacking'], make: Make): Way {
  return { name, lacking, play: (telling) => play(telling, make) };
}

async function play(telling: Telling, make: Make): Promise<void> {
  const { scene } = telling;
  const master = await newMaster(scene, 'cities');
  const other = await newReplica(scene, 'other', 'cities-1', master);
  const disk = await make(scene, 'standby');
  const { environment } = disk;
  const replica = await newReplica(scene, 'standby', 'cities-2', master, { environment });
  telling.event('two replicas stream, one of them has a small disk');
  const writers = new Load(scene, 'cities', load);
  await writers.more(100);

  disk.fill();
  writers.resetGap();
  telling.event('there is no space left on it');
  const fullAt = performance.now();
  const said = await untilItSaysSo(replica, anyState);
  telling.figure('seconds until it said so', secondsSince(fullAt));
  telling.event(`it is ${said.state}: ${said.reason}`);
  telling.event(`what to do: ${said.message}`);
  // The log has some space that was reserved for it.
  const stopped = await untilItSaysSo(replica, ['disconnected', 'connecting', 'catching-up']);
  telling.event(`its log is full too, it is ${stopped.state}: ${stopped.reason}`);
  await writers.more(200);
  telling.figure('longest commit, ms', writers.longestGapMs);
  telling.figure('seconds without a writer', writers.longestGapMs / 1000);
  telling.must(writers.refusals.size === 0, 'the master refuses nothing');
  const end = seqOf((await statusOf(master)).position);
  await until(
    'the other replica has it',
    async () => seqOf((await statusOf(other)).applied) >= end,
  );
  const behind = end - seqOf((await statusOf(replica)).applied);
  telling.event(`the other replica has everything, this one is ${behind} records behind`);

  disk.giveSpace();
  telling.event('there is space again');
  const spaceAt = performance.now();
  await writers.more(100);
  await writers.end();
  await untilLevel(replica, master, deadlineMs);
  telling.figure('seconds from space to level', secondsSince(spaceAt));
  await untilLevel(other, master, deadlineMs);
  const { message, reason } = await statusOf(replica);
  telling.must(reason === null && message === null, `it complains no more: ${reason}, ${message}`);
  telling.must(await areEqual(master, other, replica), 'all hold the same (P3, P16)');
  // What the master has the replica has.
  const { administration } = master.served;
  const lost = await missingOf(administration, master.name, writers.acknowledged);
  telling.figure('commits acknowledged', writers.acknowledged.length);
  telling.figure('commits lost', lost.length);
  telling.must(lost.length === 0, 'every acknowledged commit is there (P1)');
}

/** State, reason and remedy of a replica that has no space. */
function untilItSaysSo(replica: Place, states: readonly DatabaseState[]) {
  let last: Awaited<ReturnType<typeof statusOf>> | null = null;
  return until(
    `${replica.name} said that its disk is full, and what to do`,
    async () => {
      last = await statusOf(replica);
      const { message, reason, state } = last;
      if (states !== anyState && !states.includes(state)) return null;
      return /space|full/i.test(reason ?? '') && /space/i.test(message ?? '') ? last : null;
    },
    { deadlineMs, instead: () => JSON.stringify(last) },
  );
}

/** A file system of its own, whose space a file takes. */
async function smallFileSystem(scene: Scene, folder: string): Promise<SmallDisk> {
  const workplace = await Workplace.open();
  scene.atEnd(() => workplace.close());
  const { mount } = Image.make(workplace, 'tmpfs', diskBytes);
  symlinkSync(mount, scene.path(folder));
  const ballast = join(mount, 'ballast');
  return {
    environment: {},
    fill: () => writeUntilFull(ballast),
    giveSpace: () => rmSync(ballast),
  };
}

/** To the last page, while others take space too. */
function writeUntilFull(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (let bytes = 1024 * 1024; bytes >= 4096; bytes /= 2) while (isWritten(file, bytes));
  } finally {
    closeSync(file);
  }
}

function isWritten(file: number, bytes: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(bytes)) === bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

/** Calls that would make a file of the data folder longer fail while a certain file is there. */
function refusingLibrary(scene: Scene, folder: string): Promise<SmallDisk> {
  const [library, whileThere] = [scene.path('faults.so'), scene.path('full')];
  compile('./faults.c', library, '-shared', '-fPIC', '-ldl');
  const environment = {
    LD_PRELOAD: library,
    TORTURE_PATH: scene.path(folder, ''),
    TORTURE_CALLS: 'g',
    TORTURE_AT: '1',
    TORTURE_KIND: 'on',
    TORTURE_ERRNO: String(noSpace),
    TORTURE_WHILE: whileThere,
  };
  return Promise.resolve({
    environment,
    fill: () => writeFileSync(whileThere, ''),
    giveSpace: () => rmSync(whileThere),
  });
}

function secondsSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt) / 1000;
}
