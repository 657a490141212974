// The drill of a master that is cut off. In network namespaces it lives on behind the cut, with clients of
// its own, and takes writes that nobody else sees; where these cannot be had its process is stopped.
import { cpSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  areEqual,
  type Place,
  seqOf,
  untilLevel,
  untilState,
} from '../../test/support/following.js';
import { tokenFile } from '../../test/support/command.js';
import { helperProgram } from '../../test/support/helper-program.js';
import { readJournal } from '../../test/support/program/journal.js';
import type { RunningProcess } from '../../test/support/running-process.js';
import type { Scene } from '../../test/support/scene.js';
import { until } from '../../test/support/until.js';
import { DividedNetwork, lackingNamespaces } from './divided-network.js';
import type { Drill, Telling } from './drill.js';
import { acknowledgedBefore, lossOf, underLoad } from './failovers.js';
import { Load, missingOf } from './load.js';
import { deadlineMs, newMaster, newReplica } from './places.js';

const token = 'sarastro-monostatos-pamina';
const behindTheCut = 50;

export const masterPartitioned: Drill = {
  name: 'master-partitioned',
  title: 'the master is cut off and comes back: it writes no more',
  ways: [
    { name: 'network namespaces', lacking: lackingNamespaces, play: cutOff },
    { name: 'a stopped process', lacking: () => null, play: stopped },
  ],
};

async function cutOff(telling: Telling): Promise<void> {
  const { scene } = telling;
  const network = DividedNetwork.of(scene);
  const { far, near, within } = network;
  const access = { token, tokenFile: await tokenFile(scene, token) };
  const directory = new CutDirectory(scene);
  const environment = { PAMINA_DIRECTORY: directory.path };
  const master = await newMaster(scene, 'cities', { ...access, host: far, within, environment });
  const replica = await newReplica(scene, 'standby', 'cities-2', master, { ...access, host: near });
  telling.event('a master in a network namespace, a replica outside of it that streams');
  const load = new Load(scene, 'cities', { token });
  const beside = new Beside(scene, master, within);
  await load.more(acknowledgedBefore);
  await beside.more(behindTheCut);
  telling.event('clients on both sides write');

  load.resetGap();
  directory.cut();
  network.cut();
  telling.event('the network is cut: nothing gets through, and nobody is told');
  await untilState(replica, ['disconnected', 'connecting'], deadlineMs);
  telling.event('the replica has noticed');
  const successor = { ...replica, name: 'cities' };
  const report = await successor.served.administration.failover('cities', { to: 'cities-2' });
  telling.event('cities-2 has taken over');
  telling.must(
    !report.fenced && !report.lost.isCertain,
    'nobody claims to have reached the master',
  );
  await load.more(acknowledgedBefore);
  await beside.more(behindTheCut);
  telling.event('each side has a master that is written to');

  network.heal();
  directory.heal();
  telling.event('the network is whole again');
  await untilState(master, ['failed', 'offline'], deadlineMs);
  telling.event('the old master has learned that its name was taken over');
  await beside.end();
  await mustRefuse(telling, master);
  await load.end();
  await mustRejoin(telling, { load, beside, master, successor, forkSeq: seqOf(report.position) });
}

async function stopped(telling: Telling): Promise<void> {
  const { load, master, replica, successor } = await underLoad(telling);
  master.served.process.signal('SIGSTOP');
  telling.event('the master hears and says nothing');
  await untilState(replica, ['disconnected', 'connecting'], deadlineMs);
  await successor.served.administration.failover('cities', { to: 'cities-2' });
  telling.event('cities-2 has taken over');
  await load.more(acknowledgedBefore);
  master.served.process.signal('SIGCONT');
  telling.event('the old master is back');
  await untilState(master, ['failed', 'offline'], deadlineMs);
  await mustRefuse(telling, master);
  await load.end();
  await lossOf(telling, load, successor);
}

async function mustRefuse(telling: Telling, old: Place): Promise<void> {
  const late = await old.served.administration.put('cities', 'late', 'x').then(
    () => 'it took a write',
    (error: unknown) => (error as { code: string }).code,
  );
  telling.must(late === 'DATABASE_OFFLINE', `the old master refuses to write: ${late}`);
}

interface Ending {
  readonly load: Load;
  readonly beside: Beside;
  readonly master: Place;
  readonly successor: Place;
  readonly forkSeq: number;
}

/** What was lost is in the rescue file, and both sides are one again. */
async function mustRejoin(telling: Telling, ending: Ending): Promise<void> {
  const { beside, forkSeq, load, master, successor } = ending;
  const { administration } = successor.served;
  const lost = await missingOf(administration, 'cities', load.acknowledged);
  const lostBeside = beside.journal().filter(({ position }) => seqOf(position) > forkSeq).length;
  telling.figure('commits acknowledged', load.acknowledged.length + beside.journal().length);
  telling.figure('commits lost', lost.length + lostBeside);
  telling.figure('of these acknowledged behind the cut', lostBeside);
  telling.figure('seconds without a writer', load.longestGapMs / 1000);
  const report = await master.served.administration.rejoin('cities');
  telling.event(`the old master follows as ${report.name}: ${report.way}`);
  telling.figure('commits in the rescue file', report.unshipped);
  const rescued = report.rescue === null ? '' : await readFile(report.rescue, 'utf8');
  const gone = lost.filter((key) => !rescued.includes(`"${key}"`));
  telling.must(gone.length === 0, `lost, and not in the rescue file: ${gone.join(' ')}`);
  telling.must(
    report.unshipped >= lost.length + lostBeside,
    'every lost commit is in the rescue file',
  );
  await administration.put('cities', 'after', 'x');
  const old = { served: master.served, name: report.name };
  await untilLevel(old, successor, deadlineMs);
  telling.must(await areEqual(old, successor), 'both hold the same (P3, P16)');
}

/** Writers on the master's side, of which nothing can be asked but what they noted. */
class Beside {
  readonly #process: RunningProcess;
  readonly #path: string;

  constructor(scene: Scene, master: Place, [command, ...within]: readonly string[]) {
    this.#path = scene.path('journal-beside');
    const program = [process.execPath, helperProgram('write-remote')];
    const args = [master.served.address, master.name, this.#path, '2', '20'];
    const env = { WRITER_TOKEN: token };
    this.#process = scene.start('writers beside the master', [...within, ...program, ...args], {
      command,
      env,
    });
  }

  journal(): ReturnType<typeof readJournal> {
    return readJournal(this.#path);
  }

  async more(count: number): Promise<void> {
    const target = this.journal().length + count;
    await until(
      `${count} more commits were acknowledged beside the master`,
      () => this.journal().length >= target,
      { deadlineMs, instead: () => this.#process.describe() },
    );
  }

  async end(): Promise<void> {
    await this.#process.kill();
  }
}

/** The directory as the master sees it: that of all, and behind the cut what it was at the cut. */
class CutDirectory {
  readonly path: string;
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.path = scene.path('seen-by-master', 'directory.json');
    this.heal();
  }

  cut(): void {
    const aside = this.#scene.path('cut');
    mkdirSync(aside);
    cpSync(this.#scene.path('directory.json'), this.#scene.path('cut', 'directory.json'));
    this.#see(aside);
  }

  heal(): void {
    this.#see(this.#scene.folder);
  }

  #see(folder: string): void {
    const beside = this.#scene.path('seen-by-master-next');
    symlinkSync(folder, beside);
    renameSync(beside, this.#scene.path('seen-by-master'));
  }
}
